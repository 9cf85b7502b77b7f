#include "supervisor/strategy/age_strategy.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

class AgeStrategy : public Strategy {
 public:
  AgeStrategy(const Context& context, absl::Duration age,
              std::function<double()> random)
      : age_(age), random_(std::move(random)), timer_(context.loop, [this] {
          due_ = true;
          wake_(Wake::kAsk);
        }) {}

  std::string_view name() const override { return "age"; }
  void Start(WakeFn wake) override { wake_ = std::move(wake); }

  void OnInstance(const InstanceView& view) override {
    const bool runs =
        view.state == InstanceState::kUp || view.state == InstanceState::kReady;
    if (!runs) {
      timer_.Cancel();
      due_ = false;
    } else if (view.generation != generation_) {
      generation_ = view.generation;
      timer_.ArmAfter(SpreadAge(age_, random_()));
    }
  }

  std::optional<Reason> ShouldRestart(const InstanceView&) override {
    if (!std::exchange(due_, false)) return std::nullopt;
    Reason reason;
    reason.cause = Reason::Cause::kAge;
    reason.text =
        absl::StrCat("has run for about ", absl::FormatDuration(age_));
    return reason;
  }

 private:
  const absl::Duration age_;
  const std::function<double()> random_;
  EventLoop::Timer timer_;
  WakeFn wake_;
  int generation_ = 0;
  bool due_ = false;
};

}  // namespace

absl::Duration SpreadAge(absl::Duration age, double random) {
  return age * (0.9 + 0.2 * random);
}

std::unique_ptr<Strategy> MakeAgeStrategy(const Context& context,
                                          absl::Duration age,
                                          std::function<double()> random) {
  return std::make_unique<AgeStrategy>(context, age, std::move(random));
}

}  // namespace reinit
