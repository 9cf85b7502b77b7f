// Turns given flags into settings: parses the values, fills in the preset and
// judges combinations.
#ifndef REINIT_CMD_FLAGS_RESOLVE_H_
#define REINIT_CMD_FLAGS_RESOLVE_H_

#include <string>
#include <string_view>
#include <vector>

#include "cmd/flags/given.h"
#include "cmd/flags/settings.h"
#include "reaper/self/cpu_count.h"

namespace reinit {

// The settings that the flags gave, and what is wrong with the flags.
struct Resolved {
  Settings settings;
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  // A path among the values could not be looked at (look_in_time.h).
  bool unanswered = false;
};

// Resolves one set of given flags. Owned by ParseCommandLine, lives for one
// call, keeps no pointers but into the flag table. For `reinit probe` call
// KeepProbeFlags, then Apply; for a run Apply, then FinishRun.
class SettingsResolver {
 public:
  // A flag on the command line takes the place of the variable of that name,
  // with all of its values.
  SettingsResolver(std::vector<GivenFlag> command_line,
                   std::vector<GivenFlag> environment);

  // Drops all flags but those of `reinit probe`. Any other flag on the command
  // line is an error; its variable is for the supervisor in the same container.
  void KeepProbeFlags();

  // Calls the setters. --dev clears the screen if `on_terminal`.
  void Apply(bool on_terminal);

  // Judges the flags together. `sidecar`: there is no command. `count_cpus` is
  // called for --workers=auto alone.
  void FinishRun(bool sidecar, CpuCount (*count_cpus)());

  // The last flag with this name, which counts; or null.
  const GivenFlag* Find(std::string_view name) const;

  // Gives the result away. No other call may follow.
  Resolved Take();

 private:
  // Both were given in the same place, so that neither wins over the other.
  bool Contradict(const GivenFlag* one, const GivenFlag* other) const;

  bool WatchesFilesAlone() const;
  void ApplyPreset(bool on_terminal);
  void Set(const GivenFlag& given);
  void ResolveWorkers(bool sidecar, CpuCount (*count_cpus)());
  void ResolveWorkersReady();
  void ResolveRestartPolicy();
  void JudgeScaleSignals();
  void JudgeWorkerActions();
  void ResolveRestartBurst();
  void ResolveRestartDelays();
  void ResolveAfterExit();
  void ResolveListen();
  void WarnOfHeldChecks();
  void WarnOfOverlap();
  void JudgeChangeSignals();
  void JudgeSidecar();
  void RefuseTargets();
  void JudgeOnStart();
  void WarnOfIdleFlags();

  std::vector<GivenFlag> given_;
  Settings settings_;
  std::vector<std::string> errors_;
  std::vector<std::string> warnings_;
  bool unanswered_ = false;
};

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_RESOLVE_H_
