// From flags as given to settings: values parsed, presets filled in,
// combinations judged.
#ifndef REINIT_CMD_RESOLVE_H_
#define REINIT_CMD_RESOLVE_H_

#include <string>
#include <string_view>
#include <vector>

#include "cmd/given.h"
#include "cmd/settings.h"

namespace reinit {

// Resolves one set of given flags. Owned by ParseCommandLine, lives for one
// call, keeps no pointers but into the flag table. Call Apply first, then
// either FinishRun or FinishProbe or neither.
class SettingsResolver {
 public:
  // A flag on the command line takes the place of the variable of that name,
  // with all of its values.
  SettingsResolver(std::vector<GivenFlag> command_line,
                   std::vector<GivenFlag> environment);

  // Keeps only flags of `reinit probe`; one on the command line that is none is
  // an error, a variable is for the supervisor in the same container.
  void KeepProbeFlags();

  // Calls the setters. --dev clears the screen if `on_terminal`.
  void Apply(bool on_terminal);

  // Judges what only makes sense together. `sidecar`: there is no command.
  void FinishRun(bool sidecar);

  // The one that counts, or null: the last with this name.
  const GivenFlag* Find(std::string_view name) const;

  Settings& settings() { return settings_; }
  std::vector<std::string>& errors() { return errors_; }
  std::vector<std::string>& warnings() { return warnings_; }
  // A path among the values could not be looked at (look_in_time.h).
  bool unanswered() const { return unanswered_; }

 private:
  // Both were given in the same place, so that neither wins over the other.
  bool Contradict(const GivenFlag* one, const GivenFlag* other) const;

  void ApplyPreset(bool on_terminal);
  void Set(const GivenFlag& given);
  void ResolveRestartBurst();
  void ResolveRestartDelays();
  void ResolveAfterExit();
  void ResolveListen();
  void WarnOfHeldChecks();
  void WarnOfOverlap();
  void JudgeChangeSignals();
  void JudgeSidecar();
  void RefuseTargets();
  void WarnOfIdleFlags();

  std::vector<GivenFlag> given_;
  Settings settings_;
  std::vector<std::string> errors_;
  std::vector<std::string> warnings_;
  bool unanswered_ = false;
};

}  // namespace reinit

#endif  // REINIT_CMD_RESOLVE_H_
