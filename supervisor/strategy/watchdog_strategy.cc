#include "supervisor/strategy/watchdog_strategy.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

class WatchdogStrategy : public Strategy {
 public:
  WatchdogStrategy(const Context& context, absl::Duration interval)
      : context_(context),
        interval_(interval),
        current_(interval),
        timer_(
            context.loop,
            [this] {
              Bite(absl::StrCat(
                  "no WATCHDOG=1 within ", absl::FormatDuration(current_),
                  current_ == interval_
                      ? ""
                      : ", as the process itself has said by WATCHDOG_USEC="));
            },
            EventLoop::Frozen::kDoesNotCount) {}

  std::string_view name() const override { return "watchdog"; }
  void Start(WakeFn wake) override { wake_ = std::move(wake); }

  void Prepare(LaunchExtras* launch) override {
    current_ = interval_;
    launch->environment.push_back(
        absl::StrCat("WATCHDOG_USEC=", absl::ToInt64Microseconds(interval_)));
    // Becomes the process's own (SpawnRequest::environment).
    launch->environment.push_back(
        absl::StrCat("WATCHDOG_PID=", context_.os->Self()));
  }

  void OnInstance(const InstanceView& view) override {
    if (view.state != InstanceState::kReady) {
      timer_.Cancel();
      reason_.reset();
    } else if (!timer_.armed() && !reason_.has_value()) {
      timer_.ArmAfter(current_);
    }
  }

  void OnNotify(const NotifyMessage& message) override {
    if (message.watchdog_interval.has_value()) {
      current_ = *message.watchdog_interval;
    }
    if (message.watchdog == NotifyMessage::Watchdog::kTrigger) {
      Bite("WATCHDOG=trigger");
    } else if (timer_.armed() &&
               (message.watchdog == NotifyMessage::Watchdog::kAlive ||
                message.watchdog_interval.has_value())) {
      timer_.ArmAfter(current_);
    }
  }

  std::optional<Reason> ShouldRestart(const InstanceView&) override {
    return std::exchange(reason_, std::nullopt);
  }

 private:
  void Bite(const std::string& text) {
    timer_.Cancel();
    reason_.emplace();
    reason_->cause = Reason::Cause::kWatchdog;
    reason_->text = absl::StrCat("watchdog: ", text);
    wake_(Wake::kAsk);
  }

  const Context context_;
  const absl::Duration interval_;
  absl::Duration current_;
  EventLoop::Timer timer_;
  WakeFn wake_;
  std::optional<Reason> reason_;
};

}  // namespace

std::unique_ptr<Strategy> MakeWatchdogStrategy(const Context& context,
                                               absl::Duration interval) {
  return std::make_unique<WatchdogStrategy>(context, interval);
}

}  // namespace reinit
