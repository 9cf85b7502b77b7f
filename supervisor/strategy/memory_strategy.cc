#include "supervisor/strategy/memory_strategy.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "supervisor/process/members.h"

namespace reinit {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(5);

std::string Mebibytes(int64_t bytes) {
  return absl::StrCat((bytes + (1 << 20) - 1) >> 20, " MiB");
}

class MemoryStrategy : public Strategy {
 public:
  MemoryStrategy(const Context& context, int64_t limit)
      : context_(context),
        limit_(limit),
        timer_(context.loop, [this] { Look(); }) {}

  std::string_view name() const override { return "memory"; }
  void Start(WakeFn wake) override { wake_ = std::move(wake); }

  void OnInstance(const InstanceView& view) override {
    view_ = view;
    const bool runs =
        view.state == InstanceState::kUp || view.state == InstanceState::kReady;
    if (!runs) {
      timer_.Cancel();
      reason_.reset();
    } else if (!timer_.armed()) {
      timer_.ArmAfter(kInterval);
    }
  }

  std::optional<Reason> ShouldRestart(const InstanceView&) override {
    return std::exchange(reason_, std::nullopt);
  }

 private:
  void Look() {
    timer_.ArmAfter(kInterval);
    int64_t sum = 0;
    // An orphan whose marks are unknown counts the next time.
    std::vector<ProcessInfo> unknown;
    for (const pid_t pid : MembersOf(context_, view_.pid, view_.group,
                                     view_.mark, nullptr, &unknown)) {
      sum += context_.os->ResidentBytes(pid);
    }
    context_.marks->Learn(unknown);
    if (sum <= limit_) return;
    reason_.emplace();
    reason_->cause = Reason::Cause::kMemory;
    reason_->text = absl::StrCat("memory: ", Mebibytes(sum), " of ",
                                 Mebibytes(limit_), " allowed");
    wake_(Wake::kAsk);
  }

  const Context context_;
  const int64_t limit_;
  EventLoop::Timer timer_;
  WakeFn wake_;
  InstanceView view_;
  std::optional<Reason> reason_;
};

}  // namespace

std::unique_ptr<Strategy> MakeMemoryStrategy(const Context& context,
                                             int64_t limit) {
  return std::make_unique<MemoryStrategy>(context, limit);
}

}  // namespace reinit
