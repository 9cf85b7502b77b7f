// Takes random steps with several workers, and checks after each of them what
// must always hold.
#include <signal.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "supervisor/workers/workers_fixture.h"

namespace reinit {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr int kRounds = 10;  // it takes several times as long
#else
constexpr int kRounds = 100;
#endif
constexpr int kSteps = 60;

// How many workers, whether start-first, how many are replaced at a time.
using Kind = std::tuple<int, bool, int>;

class WorkersRandomTest : public ::testing::TestWithParam<Kind> {};

class Round : public WorkersTest {
 public:
  Round(const Kind& kind, unsigned seed) : random_(seed) {
    std::tie(count_, starts_first_, parallelism_) = kind;
    options_.workers.count = count_;
    options_.workers.parallelism = parallelism_;
    options_.restart.limit_burst = 0;
    options_.restart.delay_max = absl::Seconds(2);
    if (starts_first_) {
      options_.restart.order = RestartOptions::Order::kStartFirst;
    }
    if (Chance(2)) options_.workers.monitor = absl::Seconds(1);
  }

  // Nothing but changes: at most so many are away as are replaced at a time.
  void Healthy() {
    Begin();
    for (int i = 0; i < kSteps && !HasFailure(); ++i) {
      if (Chance(3)) {
        ChangeNow();
      } else {
        PassTime();
      }
      ASSERT_GE(Serving(), starts_first_ ? count_ : count_ - parallelism_) << i;
      CheckAlways();
    }
    ComeToRest();
    CheckUpToDate();
    Finish();
  }

  // Anything in any order.
  void Chaos() {
    Begin();
    for (int i = 0; i < kSteps && !HasFailure(); ++i) {
      Step();
      CheckAlways();
    }
    os().set_exec_error(0);
    os().set_spawn_errors(0);
    for (auto& [number, fake] : fakes_) fake.ready = true;
    for (int i = 1; i <= count_; ++i) Ready(i, true);
    // A roll that was stopped goes on with the next change.
    ChangeNow();
    ComeToRest();
    CheckUpToDate();
    Finish();
  }

 private:
  void TestBody() override {}
  bool Chance(int of) { return Below(of) == 0; }
  int Below(int limit) {
    return std::uniform_int_distribution<>(0, limit - 1)(random_);
  }
  void PassTime() { world_.Advance(absl::Milliseconds(Below(700))); }

  void Begin() {
    Start();
    ASSERT_EQ(Serving(), count_);
  }

  void ChangeNow() {
    // What was started before has an earlier version.
    outdated_.clear();
    for (const auto& [pid, process] : os().processes()) outdated_.insert(pid);
    Change(absl::StrCat("v", ++version_));
  }

  void Step() {
    switch (Below(9)) {
      case 0:
        ChangeNow();
        return;
      case 1:
        if (const pid_t pid = Any()) Exit(pid, {.code = Below(2)});
        return;
      case 2:
        if (const pid_t pid = Any()) Exit(pid, {.signal = SIGKILL});
        return;
      case 3: {
        const int number = 1 + Below(count_);
        Ready(number, Chance(2));
        return;
      }
      case 4:
        os().set_exec_error(Chance(3) ? ENOENT : 0);
        return;
      case 5:
        os().set_spawn_errors(Chance(3) ? Below(3) : 0);
        return;
      case 6:
        workers_->AskRestart(Below(count_ + 1), nullptr).IgnoreError();
        Settle();
        return;
      default:
        PassTime();
    }
  }

  pid_t Any() {
    const Pids all = All();
    return all[Below(static_cast<int>(all.size()))];
  }

  // Whatever happens.
  void CheckAlways() {
    ASSERT_FALSE(workers_->ended());
    // A slot has one process, and during an overlap two.
    const size_t most = count_ + (starts_first_ ? count_ : 0);
    ASSERT_LE(os().processes().size(), most);
    for (const auto& worker : workers_->workers()) {
      const WorkerStatus status = worker->Describe();
      if (!status.process.has_value() || !status.other_process.has_value()) {
        continue;
      }
      // Never two that serve.
      ASSERT_FALSE(status.process->ready.has_value() &&
                   status.other_process->ready.has_value() &&
                   !status.process->stopping && !status.other_process->stopping)
          << status.number;
    }
  }

  void ComeToRest() {
    for (int i = 0; i < 200 && !AtRest(); ++i) world_.Advance(absl::Seconds(1));
    ASSERT_TRUE(AtRest()) << workers_->StateName();
  }
  bool AtRest() {
    return Serving() == count_ && workers_->StateName() == "ready" &&
           os().processes().size() == static_cast<size_t>(count_);
  }

  // No change was lost.
  void CheckUpToDate() {
    for (const pid_t pid : All()) ASSERT_EQ(outdated_.count(pid), 0u) << pid;
  }

  void Finish() {
    Signal(SIGTERM);
    world_.Advance(absl::Seconds(30));
    ASSERT_TRUE(workers_->ended());
  }

  std::mt19937 random_;
  int count_ = 0;
  bool starts_first_ = false;
  int parallelism_ = 1;
  int version_ = 0;
  std::set<pid_t> outdated_;
};

TEST_P(WorkersRandomTest, HealthyVersions) {
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    SCOPED_TRACE(absl::StrCat("round ", i));
    Round(GetParam(), i).Healthy();
  }
}

TEST_P(WorkersRandomTest, Chaos) {
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    SCOPED_TRACE(absl::StrCat("round ", i));
    Round(GetParam(), i).Chaos();
  }
}

INSTANTIATE_TEST_SUITE_P(All, WorkersRandomTest,
                         ::testing::Values(Kind{2, false, 1}, Kind{2, true, 1},
                                           Kind{5, false, 1}, Kind{5, true, 1},
                                           Kind{5, false, 2}));

}  // namespace
}  // namespace reinit
