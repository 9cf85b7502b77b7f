// Remembers what came of rolls, for the status and `ctl --wait`.
#ifndef REINIT_SUPERVISOR_WORKERS_ROLL_OUTCOMES_H_
#define REINIT_SUPERVISOR_WORKERS_ROLL_OUTCOMES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "supervisor/status.h"

namespace reinit {

// A ticket is about all workers, and gets the next outcome; or it is about one
// worker, which knows it by a number of its own. Owned by Workers, on its
// thread.
class RollOutcomes {
 public:
  static constexpr size_t kKeptTickets = 32;

  struct Ticket {
    uint64_t number = 0;
    int worker = 0;  // 0: all of them
    uint64_t inner = 0;
    std::optional<absl::Status> outcome = std::nullopt;  // of all
  };

  uint64_t Await(int worker = 0, uint64_t inner = 0) {
    if (tickets_.size() == kKeptTickets) tickets_.pop_front();
    tickets_.push_back({++given_, worker, inner});
    return given_;
  }
  // Null: it is unknown or too old.
  const Ticket* Find(uint64_t number) const {
    for (const Ticket& ticket : tickets_) {
      if (ticket.number == number) return &ticket;
    }
    return nullptr;
  }

  // A change, or a restart of all, has succeeded or failed.
  void Count(const absl::Status& outcome) {
    ++(outcome.ok() ? applied_ : failed_);
    succeeded_ = outcome.ok();
    failure_ = std::string(outcome.message());
    if (outcome.ok()) success_time_ = absl::Now();
    Answer(outcome);
  }
  // All tickets that are open.
  void Answer(const absl::Status& outcome) {
    for (Ticket& ticket : tickets_) {
      if (ticket.worker == 0 && !ticket.outcome.has_value()) {
        ticket.outcome = outcome;
      }
    }
  }

  void Describe(Status* status) const {
    status->changes_applied = applied_;
    status->changes_failed = failed_;
    status->change_failure = failure_;
    status->reload_succeeded = succeeded_;
    status->reload_success_time = success_time_;
  }

 private:
  std::deque<Ticket> tickets_;
  uint64_t given_ = 0;
  uint64_t applied_ = 0;
  uint64_t failed_ = 0;
  std::string failure_;  // of the last one; empty: it succeeded
  std::optional<bool> succeeded_;
  std::optional<absl::Time> success_time_;  // time of day
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WORKERS_ROLL_OUTCOMES_H_
