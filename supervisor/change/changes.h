// Applies changes: checks each, acts on it, and retries what failed.
#ifndef REINIT_SUPERVISOR_CHANGE_CHANGES_H_
#define REINIT_SUPERVISOR_CHANGE_CHANGES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "supervisor/action/action.h"
#include "supervisor/action/registry.h"
#include "supervisor/change/change_state.h"
#include "supervisor/change/outcomes.h"
#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/process/job.h"
#include "supervisor/side/side_file.h"
#include "supervisor/status.h"
#include "supervisor/value/backoff.h"

namespace reinit {

// Checks and applies one change at a time, by the table in change_state.h.
// Whatever comes meanwhile becomes one further change. This class knows no
// process: Situation says what is possible, and Hooks do what is decided.
// Owned by the Supervisor, which outlives it; used on its thread.
class Changes {
 public:
  // What the owner knows, at the moment of asking.
  struct Situation {
    bool can_act = false;        // Runner::CanAct
    bool may_supersede = false;  // a new process may give way to a newer change
    bool ending = false;
    bool has_process = false;
    int generation = 0;
    // Why a start is planned that a change waits for; null: none is.
    const Reason* awaited_start = nullptr;
  };
  struct Hooks {
    ActionHooks actions;
    std::function<Situation()> situation;
    // The environment of --reload-check.
    std::function<std::vector<std::string>()> environment;
    // The planned start, if any, no longer reports to a change.
    std::function<void()> drop_waiter;
    // Something may be possible again: call ApplyQueued, or ask, later.
    std::function<void()> again;
  };

  // `options`, `outcomes` and `random`, which gives numbers in [0, 1), are
  // borrowed.
  Changes(const Context& context, const Options* options, Outcomes* outcomes,
          const std::function<double()>* random, Hooks hooks);

  // Files change and are not quiet yet.
  void OnNoticed();
  // A person or signal asks for a reload; TakeAsked hands it out once.
  void Ask(const Reason& reason) { asked_ = reason; }
  std::optional<Reason> TakeAsked();
  // Marks the change as applied and returns true if the process that runs was
  // started after it.
  bool DropIfHad(const Reason& reason);
  // Applies `reason` now, dropping the queued change, or queues it if a change
  // is under way. The caller asks can_act or may_supersede first.
  void ApplyOrQueue(const Reason& reason);
  void Queue(const Reason& reason);
  // Applies the queued change. False if none is queued or one is under way.
  bool ApplyQueued();
  // A start that is planned for `reason` applies it, and calls the result.
  Action::OnDone BeginByStart(const Reason& reason);

  // A process runs; its start began at `began`.
  void OnStarted(absl::Time began);
  // Hides the last failure, unless a later start has to make up for it.
  void ForgetFailure();
  // A start for `reason` has failed.
  void OnStartFailed(const Reason& reason, std::string_view why);
  void OnGone() { action_->OnGone(); }
  void OnNotify(const NotifyMessage& message) { action_->OnNotify(message); }
  // Without a command: logs whom the actions are for.
  void BeginSidecar() { action_->Begin(); }
  // Reinit is about to end: drops whatever is under way.
  void Cancel();

  ChangeState state() const { return state_; }
  // The change that state() is about.
  const Reason& current() const { return current_; }
  bool StartWillDo() const { return action_->StartWillDo(); }
  bool Restarts() const { return action_->Restarts(); }
  const std::string& next_text() const { return next_->text; }
  bool NextRestarts() const { return next_.has_value() && Restarts(); }
  bool queued() const { return next_.has_value() || asked_.has_value(); }
  // `starts`: a start is planned, so that is what is awaited.
  void Describe(absl::Time now, bool starts, Status* status) const;

 private:
  enum class Attempt { kFirst, kAgain };

  // A check runs, or an action that is not the start of a process.
  bool UnderWay(const Situation& now) const;
  void StartApplying(const Reason& reason);
  void MakeCurrent(const Reason& reason);
  // Lets this change answer the reloads that were asked for, unless one of them
  // is still to be taken.
  void IncludeAsked();
  void OnCheck(const Job::Result& result);
  void Act(Attempt attempt);
  Action::OnDone BeginAction();
  Action::OnDone ActAfterStart(Action::OnDone done);
  void OnResult(const std::string& what, std::optional<uint64_t> content,
                const absl::Status& result);
  void Retry();
  void ForgetChange();
  void NoteApplied();
  void Move(ChangeInput input) { state_ = Next(state_, input); }

  const Context context_;
  const Options* const options_;
  Outcomes* const outcomes_;
  const std::function<double()>* const random_;
  const Hooks hooks_;
  const std::unique_ptr<Action> action_;
  ChangeState state_ = ChangeState::kNone;
  Reason current_;               // the change that state_ is about
  std::optional<Reason> asked_;  // by ctl or --reload-signal
  std::optional<Reason> next_;   // the newest that could not be applied yet
  ChangedFiles unapplied_;       // of current_ and of what failed before it
  std::unique_ptr<Job> check_;
  EventLoop::Timer retry_timer_;
  Backoff retry_backoff_;
  bool noticed_ = false;  // a change may still come
  absl::Time acts_since_;
  uint64_t applied_count_ = 0;
  uint64_t failed_count_ = 0;
  std::string failure_;  // why the last attempt failed
  // Digests of the change that was tried last and of the one that was applied
  // last. While they differ, going back to the latter is a change too.
  std::optional<uint64_t> attempted_content_;
  std::optional<uint64_t> applied_content_;
  std::optional<SideFile> applied_file_;  // --on-start-file
  // Files written before this moment have been read by the process, its
  // --pre-start and its environment.
  absl::Time has_all_before_ = absl::InfinitePast();
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CHANGE_CHANGES_H_
