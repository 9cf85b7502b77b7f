#include "supervisor/strategy/exit_strategy.h"

namespace reinit {
namespace {

class ExitStrategy : public Strategy {
 public:
  explicit ExitStrategy(const Options* options) : options_(options) {}

  std::string_view name() const override { return "exit"; }
  void Start(WakeFn) override {}

  std::optional<Reason> ShouldRestart(const InstanceView& view) override {
    if (!view.ended.has_value() ||
        !RestartsAfter(options_->restart, *view.ended, options_->success)) {
      return std::nullopt;
    }
    Reason reason;
    reason.cause = Reason::Cause::kExit;
    reason.text = view.ended->ToString();
    return reason;
  }

 private:
  const Options* const options_;
};

}  // namespace

bool RestartsAfter(const RestartOptions& options, const ExitStatus& status,
                   const ExitCodes& success) {
  if (options.prevent.Contains(status)) return false;
  if (options.force.Contains(status)) return true;
  switch (options.policy) {
    case RestartOptions::Policy::kNo:
      return false;
    case RestartOptions::Policy::kOnFailure:
      return !status.Success() && !success.Contains(status);
    case RestartOptions::Policy::kOnAbnormal:
      return status.signal != 0 && !success.Contains(status);
    case RestartOptions::Policy::kAlways:
      return true;
  }
  return false;
}

std::unique_ptr<Strategy> MakeExitStrategy(const Options* options) {
  return std::make_unique<ExitStrategy>(options);
}

}  // namespace reinit
