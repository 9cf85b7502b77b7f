#include "supervisor/strategy/ready_strategy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

using Kind = ReadyOptions::Kind;

class ReadyStrategy : public Strategy {
 public:
  ReadyStrategy(const Context& context, const ReadyOptions* options,
                std::unique_ptr<Strategy> check)
      : context_(context),
        options_(options),
        check_(std::move(check)),
        delay_(context.loop, [this] { BecomeReady(); }),
        timeout_(
            context.loop, [this] { OnTimeout(); },
            EventLoop::Frozen::kDoesNotCount) {}

  std::string_view name() const override { return "readiness"; }
  void Start(WakeFn wake) override {
    wake_ = wake;
    if (check_ != nullptr) check_->Start(std::move(wake));
  }
  void Prepare(LaunchExtras* launch) override;
  void OnInstance(const InstanceView& view) override;
  void OnNotify(const NotifyMessage& message) override;
  std::optional<Reason> ShouldRestart(const InstanceView&) override {
    return std::exchange(reason_, std::nullopt);
  }
  bool Ready() const override {
    return ready_ || options_->kind == Kind::kExec ||
           (check_ != nullptr && check_->Ready());
  }
  void AddChecks(std::vector<CheckStatus>* to) const override {
    if (check_ != nullptr) check_->AddChecks(to);
  }
  bool DecidesReady() const override { return true; }

 private:
  void Begin();
  void BecomeReady();
  void OnTimeout();
  void ReadPipe();

  const Context context_;
  const ReadyOptions* const options_;
  const std::unique_ptr<Strategy> check_;
  WakeFn wake_;
  EventLoop::Timer delay_;
  EventLoop::Timer timeout_;
  UniqueFd write_end_;  // the process's, until it has it
  UniqueFd read_end_;
  EventLoop::FdWatch watch_;
  int generation_ = 0;
  bool ready_ = false;
  std::optional<Reason> reason_;
};

void ReadyStrategy::Prepare(LaunchExtras* launch) {
  ready_ = false;
  reason_.reset();
  watch_.Cancel();
  if (check_ != nullptr) check_->Prepare(launch);
  if (options_->kind != Kind::kDescriptor) return;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    context_.log->Write(LogLevel::kWarning,
                        absl::StrCat("--ready=fd:", options_->descriptor,
                                     ": no pipe: ", ::strerrordesc_np(errno)));
    return;
  }
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
  // Ours alone: the process may well expect a pipe that blocks.
  ::fcntl(read_end_.get(), F_SETFL, O_NONBLOCK);
  launch->descriptors.push_back({write_end_.get(), options_->descriptor});
  auto watch =
      context_.loop->WatchReadable(read_end_.get(), [this] { ReadPipe(); });
  if (watch.ok()) watch_ = *std::move(watch);
}

void ReadyStrategy::OnInstance(const InstanceView& view) {
  write_end_.reset();
  const bool starting = view.state == InstanceState::kUp;
  if (check_ != nullptr) {
    InstanceView seen = view;
    // It has said what it was asked.
    if (view.state == InstanceState::kReady) {
      seen.state = InstanceState::kStopping;
    }
    check_->OnInstance(seen);
  }
  if (!starting) {
    delay_.Cancel();
    timeout_.Cancel();
  } else if (view.generation != generation_) {
    generation_ = view.generation;
    Begin();
  }
}

void ReadyStrategy::Begin() {
  if (options_->kind == Kind::kExec) return;
  if (options_->kind == Kind::kDelay) delay_.ArmAfter(options_->delay);
  timeout_.ArmAfter(options_->kind == Kind::kDelay ? absl::InfiniteDuration()
                                                   : options_->timeout);
}

void ReadyStrategy::OnNotify(const NotifyMessage& message) {
  if (options_->kind != Kind::kNotify) return;
  if (message.ready && !message.reloading) BecomeReady();
  if (message.extend_timeout.has_value() && timeout_.armed()) {
    timeout_.ArmAt(std::max(timeout_.deadline(),
                            context_.loop->Now() + *message.extend_timeout));
  }
}

// A newline, as s6 has it; what comes before it is not read by anybody.
void ReadyStrategy::ReadPipe() {
  char buffer[256];
  const ssize_t got = ::read(read_end_.get(), buffer, sizeof(buffer));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const bool newline =
      got > 0 && std::memchr(buffer, '\n', static_cast<size_t>(got)) != nullptr;
  if (got > 0 && !newline) return;
  watch_.Cancel();
  read_end_.reset();
  if (newline) BecomeReady();
}

void ReadyStrategy::BecomeReady() {
  if (std::exchange(ready_, true)) return;
  wake_(Wake::kAsk);
}

void ReadyStrategy::OnTimeout() {
  reason_.emplace();
  reason_->cause = Reason::Cause::kNotReady;
  reason_->text = absl::StrCat("not ready within ",
                               absl::FormatDuration(options_->timeout));
  const std::string why = check_ == nullptr ? "" : check_->WhyNotReady();
  if (!why.empty()) context_.log->Write(LogLevel::kWarning, why);
  wake_(Wake::kAsk);
}

}  // namespace

std::unique_ptr<Strategy> MakeReadyStrategy(const Context& context,
                                            const ReadyOptions* options,
                                            std::unique_ptr<Strategy> check) {
  return std::make_unique<ReadyStrategy>(context, options, std::move(check));
}

}  // namespace reinit
