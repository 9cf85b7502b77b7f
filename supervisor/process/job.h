// One bounded child of ours.
#ifndef REINIT_SUPERVISOR_JOB_H_
#define REINIT_SUPERVISOR_JOB_H_

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "supervisor/context.h"

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
  bool running() const { return pid_ != 0; }
  absl::Time started() const { return started_; }

  // To its whole group; `done` then tells how it ended.
  void Signal(int signo);
  // No more than this from now on; infinite: as it was.
  void EndWithin(absl::Duration timeout);

 private:
  void OnExit(ExitStatus status);
  void OnDeadline();
  void Kill();
  void KillMembers(pid_t main);

  const Context context_;
  const std::vector<std::string> argv_;
  const std::string mark_;
  std::vector<std::string> environment_;
  const absl::Duration timeout_;
  const Output output_;
  const Strays strays_;
  OnDone done_;
  pid_t pid_ = 0;
  absl::Time started_;
  UniqueFd result_;
  EventLoop::Timer deadline_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_JOB_H_
