// Runs --post-stop after each end of a process.
#ifndef REINIT_SUPERVISOR_RUN_POST_STOP_H_
#define REINIT_SUPERVISOR_RUN_POST_STOP_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/process/job.h"

namespace reinit {

// Runs one hook at a time, in the order in which the processes ended.
//
//   idle    | Run, nothing added   -> idle, `then` is called at once
//           | Run                  -> running
//   running | Run                  -> running, with the new `then`
//           | hook ended, more due -> running
//           | hook ended, none due -> idle, `then` is called
//           | KillNow              -> running, until its end is reaped
//
// A hook has ended, too, when it could not be started or has used up its time.
// Owned by the Supervisor, which lends it to the Runner and to Closing; used on
// its thread.
class PostStop {
 public:
  struct Ended {
    ExitStatus status;
    int generation = 0;
    std::string_view result;  // SERVICE_RESULT, where the status does not tell
  };
  using EnvironmentOf = std::function<std::vector<std::string>(int generation)>;
  using Then = std::function<void()>;

  // `options` is borrowed.
  PostStop(const Context& context, const Options* options,
           EnvironmentOf environment);

  void Add(const Ended& ended) { due_.push_back(ended); }
  // For an end that was added and whose hook has not run yet.
  void ReplaceResult(int generation, std::string_view result);
  void Run(Then then);
  void KillNow();

  bool running() const { return job_ != nullptr; }
  absl::Time started() const { return job_->started(); }  // while running

 private:
  void OnEnd(const Job::Result& result);

  const Context context_;
  const Options* const options_;
  const EnvironmentOf environment_;
  std::vector<Ended> due_;
  std::unique_ptr<Job> job_;
  Then then_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_POST_STOP_H_
