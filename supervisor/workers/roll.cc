#include "supervisor/workers/roll.h"

#include <algorithm>

namespace reinit {

void Roll::Renew() {
  renewed_ = true;
  if (state_ == State::kIdle || state_ == State::kStopped) {
    state_ = State::kCanary;
    taken_.clear();
  }
}

Roll::Step Roll::Next(absl::Span<const Worker> workers, bool well,
                      absl::Time now) {
  if (state_ == State::kIdle || state_ == State::kStopped) return {};
  // A canary that is not done gets the newer change at once.
  if (renewed_ && state_ == State::kCanary && !taken_.empty()) {
    for (const Worker& worker : workers) {
      if (worker.waits && taken_.count(worker.number) != 0) {
        renewed_ = false;
        return {{worker.number}};
      }
    }
  }
  const bool works =
      std::any_of(workers.begin(), workers.end(),
                  [](const Worker& worker) { return worker.works; });
  if (works) return {};
  if (!taken_.empty()) Finish(workers, now);
  if (state_ == State::kStopped && !renewed_) return {};
  if (renewed_) {
    renewed_ = false;
    replaced_.clear();
    state_ = State::kCanary;
    return {Take(workers, 1)};
  }
  for (const Worker& worker : workers) {
    const bool fails = !worker.serves && replaced_.count(worker.number) != 0;
    if (fails && now < rests_until_) state_ = State::kStopped;
    if (fails) return {};
  }
  if (now < rests_until_) return {{}, rests_until_};
  if (!well) return {};
  state_ = State::kRolling;
  Step step{Take(workers, parallelism_)};
  if (step.take.empty()) state_ = State::kIdle;
  return step;
}

// What was taken is done, in one way or another.
void Roll::Finish(absl::Span<const Worker> workers, absl::Time now) {
  state_ = State::kRest;
  rests_until_ = now + monitor_;
  for (const Worker& worker : workers) {
    if (taken_.count(worker.number) == 0) continue;
    if (worker.failed) state_ = State::kStopped;
    replaced_.insert(worker.number);
  }
  taken_.clear();
}

std::vector<int> Roll::Take(absl::Span<const Worker> workers, int most) {
  for (const bool serving : {false, true}) {
    for (const Worker& worker : workers) {
      if (static_cast<int>(taken_.size()) == most) break;
      if (worker.waits && worker.serves == serving)
        taken_.insert(worker.number);
    }
    if (!taken_.empty()) break;
  }
  return {taken_.begin(), taken_.end()};
}

}  // namespace reinit
