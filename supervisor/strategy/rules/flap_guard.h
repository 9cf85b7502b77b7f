// Finds reload loops: what a reload runs writes into what is watched, which
// leads to the next reload.
#ifndef REINIT_SUPERVISOR_STRATEGY_RULES_FLAP_GUARD_H_
#define REINIT_SUPERVISOR_STRATEGY_RULES_FLAP_GUARD_H_

#include <cstdint>

#include "absl/time/time.h"
#include "supervisor/value/backoff.h"

namespace reinit {

// kRow reloads in a row, each for the same files alone, are no accident if the
// files changed each time
//   - while a command of ours ran (--pre-start, --reload-check, exec:), or
//   - within kSoon after the start of the process, or
//   - about as long after it as the time before (a build that the process is).
// Where no process has started since the reload (a slow copy of the program, a
// sidecar) only a command can be the cause.
//
// From then on each such change waits: kHold at first, then for longer and
// longer. What a start writes it writes once, so a second change of the same
// files while one waits is somebody's, most likely: it is due kHold after the
// last of these, but no later than the first would be. Then, and with a change
// of other files or at another time, all is forgotten. Pure.
class FlapGuard {
 public:
  static constexpr int kRow = 5;
  static constexpr absl::Duration kSoon = absl::Seconds(2);
  // With the time to settle, what a person saves is loaded within two seconds.
  static constexpr absl::Duration kHold = absl::Milliseconds(1500);

  // Of one report: the same number for the same files, 0 if they are unknown.
  struct Change {
    uint64_t files = 0;
    bool by_command = false;  // it was made while a command of ours ran
  };

  // A reload for these files begins.
  void OnReload(uint64_t files);
  // The process has been started.
  void OnStart(absl::Time now);

  // True if that is one too many, just now: people are to be told.
  bool OnChange(absl::Time now, const Change& change);

  // When what has changed may be acted upon; in the past mostly.
  absl::Time due() const { return due_; }

 private:
  bool Caused(absl::Time now, const Change& change);
  void Forget();

  uint64_t files_ = 0;                         // of the last reload
  bool reloaded_ = false;                      // there was one
  absl::Time started_ = absl::InfinitePast();  // after it; past: not yet
  absl::Duration delay_;                       // from a start to its change
  absl::Time due_ = absl::InfinitePast();
  bool counted_ = false;     // there was a change since then
  bool by_command_ = false;  // the last that counted was
  bool noisy_ = false;       // there was another one while it was held back
  bool again_ = false;       // and that has brought it forward
  int noisy_row_ = 0;
  int row_ = 0;
  Backoff backoff_{2 * kHold, absl::Seconds(30)};
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_RULES_FLAP_GUARD_H_
