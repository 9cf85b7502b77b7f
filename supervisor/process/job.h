// Runs one command with a time limit.
#ifndef REINIT_SUPERVISOR_PROCESS_JOB_H_
#define REINIT_SUPERVISOR_PROCESS_JOB_H_

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "supervisor/context.h"
#include "supervisor/marks.h"

namespace reinit {

// A command run to its end within a time limit, in a group of its own that is
// killed whole: a hook, an exec: check or action, a --reload-check. When the
// limit is over so is all that left the group (timeout, setsid): its
// descendants, and the orphans whose environment carries its own
// REINIT_JOB=<random>. A freeze is not part of the limit.
// Owned by who wants the result; destroying it kills it. On the loop's thread.
class Job {
 public:
  struct Result {
    enum class What {
      kExited,     // status is known
      kTimedOut,   // killed at its deadline
      kNotRun,     // its program could not be executed: `text` says why
      kNotForked,  // no process could be had for it: says nothing about it
    };
    What what = What::kExited;
    ExitStatus status;
    std::string text;  // in words, whatever it is

    bool Success() const { return what == What::kExited && status.Success(); }
    // What a shell would exit with; 1 without an exit status.
    int ShellCode() const;
  };
  // What it writes to stdout. stderr is reinit's own in any case, stdin empty.
  enum class Output { kDropped, kShown };
  // What left the group and still runs when the command has ended in time: a
  // hook may well start a daemon (or a build its server), a check that is made
  // every few seconds may not.
  enum class Strays { kStay, kKilled };
  using OnDone = absl::AnyInvocable<void(const Result&)>;

  // `done` is called once, from Start or later; it may not destroy the job.
  Job(const Context& context, std::vector<std::string> argv,
      std::vector<std::string> environment, absl::Duration timeout,
      Output output, OnDone done, Strays strays = Strays::kStay);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  void Start();
  // Its result is still to come.
  bool running() const {
    return pid_ != 0 || !waits_for_.empty() || question_.waiting();
  }
  absl::Time started() const { return started_; }
  // When the command ended or its limit was over; strays are awaited later.
  absl::Time ended() const { return ended_; }

  // To its whole group; `done` then tells how it ended.
  void Signal(int signo);
  // No more than this from now on; infinite: as it was.
  void EndWithin(absl::Duration timeout);

 private:
  void OnExit(ExitStatus status);
  void OnDeadline();
  void NoteEnd();
  void Kill();
  std::vector<pid_t> KillMembers(pid_t main, std::vector<ProcessInfo>* unknown);
  void KillLater() const;
  void KillStrays();
  void Finish();
  void StopWaiting();

  const Context context_;
  const std::vector<std::string> argv_;
  const std::string mark_;
  std::vector<std::string> environment_;
  const absl::Duration timeout_;
  const Output output_;
  const Strays strays_;
  OnDone done_;
  pid_t pid_ = 0;
  int run_ = 0;  // its number in Context::commands; 0: none
  absl::Time started_;
  absl::Time ended_;
  UniqueFd result_;
  EventLoop::Timer deadline_;  // of the command, then of the strays
  pid_t group_ = 0;
  Result result_of_;                 // once it has ended
  std::vector<uint64_t> waits_for_;  // orphans, see AddOrphan
  int looks_ = 0;                    // for strays
  Marks::Question question_;         // of strays
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROCESS_JOB_H_
