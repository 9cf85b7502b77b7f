// Asks all strategies of a run as one.
#ifndef REINIT_SUPERVISOR_STRATEGY_STRATEGIES_H_
#define REINIT_SUPERVISOR_STRATEGY_STRATEGIES_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/strategy/strategy.h"

namespace reinit {

// In the order given: the first that answers is heard. None for a plain init.
// Owned by the Supervisor, on its thread.
class Strategies {
 public:
  explicit Strategies(std::vector<std::unique_ptr<Strategy>> all)
      : all_(std::move(all)) {}

  void Start(const Strategy::WakeFn& wake);
  // Ends all of them.
  void Clear() { all_.clear(); }

  std::optional<Reason> ShouldRestart(const InstanceView& view);
  std::optional<std::string> MustEnd();
  // Whether the instance serves: as the one that --ready names says, or, where
  // there is none, all of them.
  bool Ready() const;

  void Prepare(LaunchExtras* launch);
  void OnInstance(const InstanceView& view);
  void OnNotify(const NotifyMessage& message);

  std::vector<std::string_view> Names() const;
  std::vector<CheckStatus> Checks() const;

 private:
  std::vector<std::unique_ptr<Strategy>> all_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_STRATEGIES_H_
