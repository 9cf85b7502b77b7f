// Runs PID 1's side of --log-prefix.
#ifndef REINIT_SUPERVISOR_OUTPUT_OUTPUT_PREFIX_H_
#define REINIT_SUPERVISOR_OUTPUT_OUTPUT_PREFIX_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "reaper/os.h"
#include "reaper/unique_fd.h"
#include "supervisor/context.h"
#include "supervisor/helper/helper_process.h"
#include "supervisor/output/output_record.h"

namespace reinit {

// Gives each worker a pipe for its stdout and one for its stderr, and runs the
// helper that copies what comes out of them to those of reinit, with "[2] "
// before each line. PID 1 reads and writes no byte of it.
//
// PID 1 keeps both ends of each pipe open (4 descriptors for each worker). So
// neither a worker nor the helper sees the other one's end: what is in a pipe
// waits there until the helper, or the next one, reads it; a process that
// writes waits while a pipe is full, as it would for reinit's own reader. What
// a helper had read but not written when it was killed is lost.
//
// Made by main only with --log-prefix; on the loop's thread. Must outlive what
// uses its UserProcesses.
class OutputPrefix {
 public:
  explicit OutputPrefix(const Context& context);
  ~OutputPrefix();  // kills the helper: call Finish first
  OutputPrefix(const OutputPrefix&) = delete;
  OutputPrefix& operator=(const OutputPrefix&) = delete;

  // How the processes of worker `worker` (from 1) are started, the command,
  // its hooks and checks alike: for Context::user_process. As the context's
  // own, but with the pipes at the descriptors 1 and 2. The first call for a
  // worker makes its pipes, the very first one starts the helper. Where there
  // is no pipe to be had the worker writes directly, and a warning says so.
  // Stays valid as long as this object.
  const UserProcess* ProcessOf(int worker);

  // The workers have ended. Has the helper write all that they have written,
  // then posts `done`: at the latest after kDrainTimeout, and what is left then
  // is lost, which the log says. What is started from now on writes directly.
  // To be called once.
  void Finish(std::function<void()> done);

  static constexpr absl::Duration kDrainTimeout = absl::Seconds(1);
  pid_t helper_pid() const {  // for tests
    return helper_.has_value() ? helper_->pid() : 0;
  }

 private:
  struct Slot {
    uint32_t worker = 0;
    UniqueFd read[2];   // of stdout and stderr
    UniqueFd write[2];  // invalid: there are no pipes
    UserProcess process;
  };

  bool MakePipes(Slot* slot);
  bool OnRecord(const char* bytes);
  void Answer();
  bool OnHelperEnd(ExitStatus status);
  void OnDeadline();
  void End();
  int64_t Unread() const;

  const Context context_;
  std::list<Slot> slots_;        // by the first call; UserProcesses stay put
  std::vector<Slot*> piped_;     // those with pipes, in the helper's order
  std::optional<size_t> asked_;  // the helper has so many of them, and waits
  bool told_end_ = false;        // to the helper that runs
  bool finished_ = false;        // Finish was called
  std::function<void()> done_;   // and this not yet
  EventLoop::Timer again_;       // a message could not be sent
  EventLoop::Timer deadline_;
  std::optional<HelperProcess> helper_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_OUTPUT_OUTPUT_PREFIX_H_
