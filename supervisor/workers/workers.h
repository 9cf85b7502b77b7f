// Runs several processes of one command, and replaces them one by one.
#ifndef REINIT_SUPERVISOR_WORKERS_WORKERS_H_
#define REINIT_SUPERVISOR_WORKERS_WORKERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "supervisor/context.h"
#include "supervisor/control_target.h"
#include "supervisor/ending/closing.h"
#include "supervisor/ending/signal_route.h"
#include "supervisor/notify/ready_report.h"
#include "supervisor/options.h"
#include "supervisor/process/job.h"
#include "supervisor/process/zombie_report.h"
#include "supervisor/reason.h"
#include "supervisor/status.h"
#include "supervisor/strategy/strategies.h"
#include "supervisor/workers/roll.h"
#include "supervisor/workers/roll_outcomes.h"
#include "supervisor/workers/worker.h"

namespace reinit {

// Takes the place of the one Supervisor with --workers=N. Each worker has a
// Supervisor, which restarts it after a crash, judges its readiness, and so on
// (worker.h). Here is what is for all of them: signals, changes of files,
// health checks of the whole, `reinit ctl`, readiness and the end. A change, or
// a restart of all, is kept for each worker until its turn has come (roll.h).
//
//   Staying | signal TERM, INT, QUIT, ctl stop     -> Ending
//           | all workers have ended for good      -> Ending
//           | --on-change=exit, a failed check     -> Ending
//           |   with --health-on-failure=exit      |
//   Ending  | no worker is left                    -> Closing (closing.h)
//   Closing | nothing is left behind               -> ended
//
// A worker that has ended for good (its start limit, --restart=no) is started
// again by the next change. Built and run by main, on its only thread.
class Workers : public ControlTarget {
 public:
  // Borrows `options`; `shared` are the strategies that judge all workers.
  Workers(const Context& context, const Options* options,
          std::vector<std::unique_ptr<Strategy>> shared, WorkerParts parts);
  ~Workers() override;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Starts all workers, then turns the loop until the end. Returns the exit
  // status: the highest of those that the workers ended with.
  int Run();

  // For a caller that turns the loop itself.
  void Startup();
  bool ended() const {
    return end_.finished && !(report_.has_value() && report_->busy());
  }
  int exit_code() const { return end_.exit_code; }

  // As Supervisor's.
  void OnSignal(const SignalInfo& received);
  void OnReaped();
  // Before children are reaped: their last words count.
  void ReadMessages();
  void set_on_last(std::function<void()> on_last) {
    closing_.set_on_begin(std::move(on_last));
  }

  absl::Status AskRestart(int worker, uint64_t* ticket) override;
  absl::Status AskReload(uint64_t* ticket) override;
  std::optional<absl::Status> Outcome(uint64_t ticket) const override;
  void AskStop(bool now) override;
  absl::Status AskSignal(int signo) override;
  // New workers start at once; of those that go, the highest numbers go first.
  absl::Status AskScale(int workers) override;
  Status Describe() const override;
  std::string StateName() const override;

  const std::vector<std::unique_ptr<Worker>>& workers() const {
    return workers_;
  }

 private:
  struct End {
    bool begun = false;
    bool closing = false;   // all workers are gone
    bool finished = false;  // and so is everything else
    bool fixed = false;     // exit_code does not come from the workers
    int exit_code = 0;
    std::string reason;
  };
  void AddWorker();
  absl::Status AddSlot();
  Worker* Find(int number) const;
  int Active() const;

  // What is for all.
  void OnWake(Strategy::Wake wake);
  void ActOnHealth(const Reason& reason);
  // A change, or a restart of all, after its --reload-check.
  void Relay(const Reason& reason, bool restart);
  void Check();
  void OnCheck(const Reason& reason, const Job::Result& result);
  void Apply(const Reason& reason, bool restart);
  InstanceView ViewOfAll() const;

  // After something has moved.
  void Moved();
  void Judge();
  void JudgeEnds();
  void Turn();
  void OnRolled(absl::Span<const Roll::Worker> workers);
  int Alive() const;
  void ShowReady();
  int Serving() const;
  bool Serves() const;

  // Signals and the end.
  SignalRoute RouteOf(const SignalInfo& received) const;
  bool Scales(int signo);
  void BeginEnd();
  void EndFor(const std::string& why, int exit_code);
  void Finish();
  std::string LastWords() const;

  const Context context_;
  const Options* const options_;
  const absl::Time began_;
  const bool on_terminal_;  // at the start
  WorkerParts parts_;
  const Upwards upwards_;
  Strategies shared_;
  std::vector<std::unique_ptr<Worker>> workers_;  // by number
  Roll roll_;
  EventLoop::Timer judge_;
  std::optional<ReadyReport> report_;
  ZombieReport zombies_;
  Closing closing_;
  RollOutcomes outcomes_;
  absl::Time roll_began_;
  std::string change_;               // what the roll is for
  std::unique_ptr<Job> check_;       // --reload-check
  std::optional<Reason> unchecked_;  // the change that waits for its check
  bool was_ready_ = false;           // all of them, once
  std::set<int> replaced_;           // in this roll
  End end_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WORKERS_WORKERS_H_
