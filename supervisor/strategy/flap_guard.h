// Finds a watch that goes round in circles: the process writes into what is
// watched, for which it is reloaded, for which it writes.
#ifndef REINIT_SUPERVISOR_STRATEGY_FLAP_GUARD_H_
#define REINIT_SUPERVISOR_STRATEGY_FLAP_GUARD_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "supervisor/backoff.h"

namespace reinit {

// kRow reloads in a row, each for the same file, which was noticed to have
// changed within kSoon after the reload before, or the start that this caused,
// are no accident: nobody saves a file that often, that quickly. From then on
// each such change waits, for longer and longer. A change of another file, or
// one that comes later, is somebody's and acted upon at once; then all is
// forgotten. Pure.
class FlapGuard {
 public:
  static constexpr int kRow = 5;
  static constexpr absl::Duration kSoon = absl::Seconds(2);

  // A reload for `file` ("" if unknown) begins.
  void OnReload(absl::Time now, std::string_view file);
  // The process has been started.
  void OnStart(absl::Time now);

  // `file` was noticed to have changed. True if that is one too many, just now:
  // people are to be told.
  bool OnChange(absl::Time now, std::string_view file);

  // When what has changed may be acted upon; in the past mostly.
  absl::Time due() const { return due_; }

 private:
  std::string file_;                         // of the last reload
  absl::Time since_ = absl::InfinitePast();  // it, or the start it caused
  absl::Time due_ = absl::InfinitePast();
  bool counted_ = false;  // there was a change since then
  int row_ = 0;
  Backoff backoff_{absl::Seconds(2), absl::Seconds(30)};
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_FLAP_GUARD_H_
