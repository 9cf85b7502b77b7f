// Remembers what came of reloads and restarts, for status and `ctl --wait`.
#ifndef REINIT_SUPERVISOR_CHANGE_OUTCOMES_H_
#define REINIT_SUPERVISOR_CHANGE_OUTCOMES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "supervisor/reason.h"
#include "supervisor/status.h"

namespace reinit {

// Two things may be under way at once, each until it has succeeded or failed:
//
//   a change, from when it begins to be applied until its action is done and a
//     process that is started for it is ready;
//   a start, from when it is made until the process is ready.
//
// A new change or start replaces an unfinished one of its kind; reports about
// one that is not under way are ignored. A ticket gets the first outcome of the
// change or start that includes what was asked for, so the outcome of the later
// one where that was replaced. A failure is an outcome even where reinit tries
// again by itself. Only shows things; decides nothing. Bounded. Owned by the
// Supervisor, on its thread.
class Outcomes {
 public:
  enum class Kind { kReload, kRestart };
  struct Applied {
    Reason::Cause cause;
    std::string text;
    absl::Time at;    // time of day
    absl::Time when;  // of the loop
    absl::Duration took;
  };
  static constexpr size_t kKeptTickets = 32;

  // Returns a ticket for what is being asked for now.
  uint64_t Await(Kind kind);
  // Nothing while it is under way. The error says why it failed, or that the
  // ticket is unknown or too old.
  std::optional<absl::Status> Of(uint64_t ticket) const;

  // The reloads that were asked for until now are part of the change that
  // begins, or are covered by a start.
  void Include();

  // `change` is going to be checked; the one before may still be under way.
  void BeginChange(const Reason& change, absl::Time now);
  void CheckFailed(std::string_view why);
  void Begin();
  void ChangeDone(absl::Time now);
  void ChangeFailed(std::string_view why);
  // The process that starts, or has just become ready, has the whole change.
  void CoverByStart(absl::Time now);

  // `reason` is null for the first start; `change` is the change that this
  // start applies, or null. `has_all`: the start makes up for a change that
  // failed.
  void Start(const Reason* reason, const Reason* change, bool has_all,
             absl::Time began);
  void Ready(absl::Time now);
  void StartFailed(std::string_view why);
  // The start has failed and reinit does not retry it.
  void GivenUp(std::string_view why);

  // The last that succeeded, whatever it was for.
  const std::optional<Applied>& last_applied() const { return last_applied_; }
  // Of changes, and restarts that were asked for: whether the last one
  // succeeded, none yet; and when one did, as time of day.
  std::optional<bool> last_succeeded() const { return last_succeeded_; }
  std::optional<absl::Time> success_time() const { return success_time_; }
  // Fills in what came of the last ones.
  void Describe(absl::Time now, Status* status) const;
  // The last one failed, and the start that is under way does not make up for
  // it.
  bool FailureStands() const {
    return last_succeeded_ == false && !(start_.has_value() && start_->cures);
  }

 private:
  struct Ticket {
    uint64_t number;
    Kind kind;
    enum class State { kAsked, kTakenUp, kBegun } state = State::kAsked;
    std::optional<absl::Status> outcome;
  };
  struct Change {
    Reason reason;
    absl::Time began;
    bool done = false;       // by its action
    bool overtaken = false;  // by a later one that failed its check
  };
  struct Started {
    std::optional<Reason> reason;
    absl::Time began;
    bool for_change;
    bool cures;  // what has failed before
  };

  void Settle(absl::Time now);
  void Note(const Reason& reason, absl::Time began, absl::Time now);
  void Answer(Kind kind, Ticket::State state, const absl::Status& outcome);

  std::optional<Change> taken_up_;
  std::optional<Change> change_;
  std::optional<Started> start_;
  std::optional<Applied> last_applied_;
  std::optional<bool> last_succeeded_;
  std::optional<absl::Time> success_time_;
  bool start_failed_ = false;  // which is why the last one did not succeed
  uint64_t tickets_given_ = 0;
  std::deque<Ticket> tickets_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CHANGE_OUTCOMES_H_
