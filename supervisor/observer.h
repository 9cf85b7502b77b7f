// Reports events in another init's words.
#ifndef REINIT_SUPERVISOR_OBSERVER_H_
#define REINIT_SUPERVISOR_OBSERVER_H_

#include <string>
#include <string_view>

#include "reaper/log.h"
#include "reaper/os.h"

namespace reinit {

// The few events that every init reports, each in its own words. Where reinit
// replaces another init, it uses the words of that program. Owned by main, on
// the loop's thread; no call may block. By default nothing is reported.
class Observer {
 public:
  virtual ~Observer() = default;

  virtual void OnSpawned(pid_t) {}
  // `explanation` says why in words; the process exits right afterwards.
  virtual void OnSpawnFailure(pid_t, const SpawnFailure&,
                              std::string_view /*explanation*/) {}

  // A signal has come, SIGCHLD included; before it is acted on.
  virtual void OnSignal(int /*signo*/) {}
  // The terminal was given up for the process's session; errno or 0. The
  // signals that the kernel then sends us go no further.
  virtual void OnTerminalGivenUp(int /*error*/) {}
  // It was sent on as `sent`; `error` is errno or 0.
  virtual void OnForwarded(int /*received*/, int /*sent*/, pid_t,
                           int /*error*/) {}
  // reinit is about to stop itself together with the process.
  virtual void OnSuspend() {}

  virtual void OnReaped(pid_t, ExitStatus, bool /*main*/) {}
  // All that had ended are reaped.
  virtual void OnAllReaped(bool /*none_left*/) {}
  // The process has ended, and reinit will with this code.
  virtual void OnEnd(int /*exit_code*/) {}
};

// In reinit's own words, to its log.
class LogObserver : public Observer {
 public:
  explicit LogObserver(Log* log) : log_(log) {}

  void OnSpawnFailure(pid_t, const SpawnFailure&,
                      std::string_view explanation) override;
  void OnForwarded(int received, int sent, pid_t pid, int error) override;
  void OnReaped(pid_t pid, ExitStatus status, bool main) override;

 private:
  Log* const log_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_OBSERVER_H_
