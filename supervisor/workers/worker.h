// Keeps one of several workers running.
#ifndef REINIT_SUPERVISOR_WORKERS_WORKER_H_
#define REINIT_SUPERVISOR_WORKERS_WORKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "supervisor/context.h"
#include "supervisor/notify/notify_socket.h"
#include "supervisor/options.h"
#include "supervisor/reason.h"
#include "supervisor/status.h"
#include "supervisor/strategy/strategy.h"
#include "supervisor/supervisor.h"
#include "supervisor/workers/roll.h"
#include "supervisor/workers/worker_log.h"

namespace reinit {

// What workers are made of. Given by main, and copied.
struct WorkerParts {
  // The options of one worker, from those of all.
  std::function<Options(const Options& all, int number)> options;
  // `options` is borrowed by the strategies.
  std::function<std::vector<std::unique_ptr<Strategy>>(const Context& context,
                                                       const Options* options)>
      strategies;
  // What the worker notifies reinit by; null: it speaks no sd_notify.
  std::function<std::unique_ptr<NotifySocket>()> notify;
  // How the processes of a worker are started; empty: as the context says.
  std::function<const UserProcess*(int number)> process;
  // Called at the very end; reinit ends once it has called `done`. Empty: there
  // is nothing to wait for.
  std::function<void(std::function<void()> done)> finish;
  ListenSockets* sockets = nullptr;  // or null
  std::vector<std::string> environment;
  std::function<double()> random;  // in [0, 1)
};

// One slot: a Supervisor of its own, and the change that waits for its turn.
// Owned by Workers, on the loop's thread.
class Worker {
 public:
  // `all` are the options of reinit. `on_moved` is called from the middle of
  // things: look later.
  Worker(const Context& context, const Options& all, int number,
         const WorkerParts& parts, std::function<void()> on_moved);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Start();

  // Keeps a change, or a restart, until Take. A newer one is joined with it.
  void Keep(const Reason& reason, bool restart);
  // Applies what was kept. A worker that is gone starts again.
  void Take();
  // Stops for good, and drops what was kept.
  void Retire();
  bool retired() const { return retired_; }
  // Takes that back: it starts again, once it has ended.
  void Return() { retired_ = false; }

  // How it is now; also notices that what was taken is done.
  Roll::Worker Look();
  // Why what was taken has failed, once; it may still succeed.
  std::optional<std::string> TakeFailure();
  // Whether it has just ended for good. True once.
  bool TakeEnd();
  // Whether it has ended by Retire, and Return was called since. True once.
  bool TakeReturn();

  void OnSignal(const SignalInfo& signal) { supervisor_->OnSignal(signal); }
  void OnReaped() { supervisor_->OnReaped(); }
  void ReadMessages();

  int number() const { return options_.workers.self; }
  bool gone() const { return supervisor_->ended(); }
  Supervisor* supervisor() const { return supervisor_.get(); }
  Status::Worker Describe() const;

 private:
  const Options options_;
  const UserProcess user_process_;
  WorkerLog log_;
  const Context context_;
  const WorkerParts& parts_;
  const std::function<void()> on_moved_;
  std::unique_ptr<NotifySocket> notify_;
  std::unique_ptr<Supervisor> supervisor_;
  std::optional<Reason> change_;
  std::optional<Reason> restart_;
  std::vector<uint64_t> tickets_;  // of what was taken
  bool works_ = false;
  bool failed_ = false;  // at what it was given last
  bool told_end_ = false;
  bool retired_ = false;
  bool stops_ = false;  // by Retire
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WORKERS_WORKER_H_
