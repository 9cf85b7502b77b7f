// Anything, in any order: a hundred thousand random steps, and after each of
// them what must always hold (the invariants of a random schedule of faults).
#include <signal.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "supervisor/supervisor_fixture.h"

namespace reinit {
namespace {

constexpr int kRounds = 500;
constexpr int kSteps = 200;

class SupervisorRandomTest : public SupervisorTest {
 protected:
  void Begin() {
    options_ = {};
    options_.command = {"app"};
    options_.restart.policy = RestartOptions::Policy::kAlways;
    options_.restart.limit_burst = 0;
    options_.stop.drain_delay =
        Chance(4) ? absl::Seconds(1) : absl::ZeroDuration();
    starts_first_ = Chance(2);
    if (starts_first_) {
      options_.restart.order = RestartOptions::Order::kStartFirst;
    }
    waiting_.clear();
    if (Chance(4)) options_.reload.check = {"check"};
    if (Chance(3)) {
      options_.reload.on_change = {
          {.kind = ChangeAction::Kind::kExec, .argv = {"build"}},
          {.kind = ChangeAction::Kind::kRestart}};
      if (Chance(3)) options_.reload.on_change.pop_back();
    }
    if (Chance(4)) options_.process.pre_start = {"pre"};
    if (Chance(4)) options_.process.post_stop = {"post"};
    // What may not be had at the first start is another test's.
    Faults(/*any=*/false);
    fake_.ready = true;
    StartSupervising();
    End(Find("pre"), {});
  }

  bool Chance(unsigned one_in) { return random_() % one_in == 0; }

  void Faults(bool any) {
    os().set_deaf_by_default(any && Chance(4));
    const int exec_errors[] = {ENOENT, ETXTBSY, EACCES};
    os().set_exec_error(any && Chance(8) ? exec_errors[random_() % 3] : 0);
    if (!any) os().set_spawn_errors(0);
    if (any && Chance(16)) {
      os().set_spawn_errors(2, Chance(2) ? EAGAIN : ENOMEM);
    }
    os().set_blind_looks(any && Chance(16) ? 1 : 0);
  }

  std::vector<pid_t> All(const std::string& name) {
    std::vector<pid_t> all;
    for (const auto& [pid, process] : os().processes()) {
      const auto& argv = process.request.argv;
      if (!argv.empty() && argv[0] == name) all.push_back(pid);
    }
    return all;
  }
  // One that runs `name`: a main one, a hook or a check; 0: none.
  pid_t Find(const std::string& name) {
    const std::vector<pid_t> all = All(name);
    return all.empty() ? 0 : all[random_() % all.size()];
  }

  void SetReady(bool ready) {
    fake_.ready = ready;
    fake_.wake(Strategy::Wake::kAsk);
    world_.Settle();
  }

  void End(pid_t pid, ExitStatus status) {
    if (pid == 0) return;
    os().Exit(pid, status);
    world_.Settle();
  }

  // Start-first: no change, however many there are, costs the one that serves.
  void ChangeWhileServing() {
    const bool served = supervisor_->Describe().serves;
    Change();
    if (!starts_first_ || !served) return;
    ASSERT_TRUE(supervisor_->Describe().serves) << supervisor_->StateName();
  }

  // Somebody waits for the outcome.
  void AskAndWait() {
    uint64_t ticket = 0;
    const absl::Status asked = Chance(2) ? supervisor_->AskReload(&ticket)
                                         : supervisor_->AskRestart(&ticket);
    ASSERT_TRUE(asked.ok());
    world_.Settle();
    waiting_.push_back(ticket);
    if (waiting_.size() > Outcomes::kKeptTickets) {
      waiting_.erase(waiting_.begin());
    }
  }

  void Step() {
    Faults(/*any=*/true);
    const pid_t main = Find("app");
    const int code = static_cast<int>(random_() % 3);
    switch (random_() % 13) {
      case 0:
        ChangeWhileServing();
        break;
      case 1:
        Sick();
        break;
      case 2:
        if (main == 0) break;
        os().process(os().AddChildOf(main)).deaf = Chance(2);
        break;
      case 3:
        End(main, {.code = code});
        break;
      case 4:
        End(main, {.signal = Chance(2) ? SIGSEGV : SIGKILL});
        break;
      case 5:
        Signal(SIGUSR1);
        break;
      case 6:
        for (const char* job : {"check", "build", "pre", "post"}) {
          End(Find(job), {.code = Chance(3) ? 1 : 0});
        }
        break;
      case 12:
        AskAndWait();
        break;
      case 7:
        world_.Freeze(absl::Seconds(random_() % 100));
        break;
      case 8:
        SetReady(Chance(2));
        break;
      default:
        world_.Advance(absl::Milliseconds(random_() % 3000));
    }
  }

  // I1 never two of it, or three; nothing ends us but TERM; I5, I8 no pile of
  // timers or watches, none of them overdue.
  void CheckAlways() {
    ASSERT_LE(All("app").size(), starts_first_ ? 2u : 1u);
    ASSERT_FALSE(supervisor_->ended());
    ASSERT_LE(world_.loop().armed_timers(), starts_first_ ? 7u : 5u);
    ASSERT_LE(world_.loop().active_watches(), 4u);
    ASSERT_GT(world_.loop().NextDeadline(), world_.now());
    ASSERT_FALSE(os().HasNews());
  }

  // Once the faults are over: it runs again within its timeouts, and I6, a
  // change is applied then, or its check failed; whoever waits knows.
  void CheckRecovers() {
    Faults(/*any=*/false);
    SetReady(true);
    for (int i = 0; i < 40; ++i) {
      for (const char* job : {"check", "build", "pre", "post"}) {
        End(Find(job), {});
      }
      world_.Advance(absl::Seconds(5));
    }
    ASSERT_EQ(All("app").size(), 1u) << supervisor_->StateName();
    ASSERT_EQ(supervisor_->StateName(), "ready");
    ASSERT_EQ(supervisor_->change(), ChangeState::kNone);
    ASSERT_FALSE(fake_.reason.has_value()) << "a change that nobody took";
    for (const uint64_t ticket : waiting_) {
      ASSERT_TRUE(supervisor_->Outcome(ticket).has_value()) << ticket;
    }
    ASSERT_EQ(supervisor_->Describe().change_failure.empty(),
              supervisor_->Describe().reload_succeeded.value_or(true));
  }

  // I3 and I4: TERM ends it within its timeouts, with the process's status
  // (or, with none, its own; one that only drains is none), and nothing is
  // left.
  void CheckEnds() {
    const std::vector<pid_t> mains = All("app");
    const bool obeys = mains.size() == 1 && !os().process(mains[0]).deaf;
    Signal(SIGTERM);
    world_.Advance(absl::Seconds(2));
    if (obeys && !supervisor_->ended()) End(Find("post"), {});
    const std::vector<pid_t> deaf = All("app");
    for (const pid_t pid : deaf) End(pid, {.code = 3});
    for (int i = 0; i < 40 && !supervisor_->ended(); ++i) {
      for (const char* job : {"check", "build", "pre", "post"})
        End(Find(job), {});
      world_.Advance(absl::Seconds(1));
    }
    ASSERT_TRUE(supervisor_->ended()) << supervisor_->StateName();
    const int code = supervisor_->exit_code();
    const bool its_own = code == (deaf.empty() ? 128 + SIGTERM : 3);
    ASSERT_TRUE(its_own || (starts_first_ && code == 128 + SIGTERM)) << code;
    ASSERT_TRUE(os().processes().empty());
  }

  std::minstd_rand random_;
  bool starts_first_ = false;
  std::vector<uint64_t> waiting_;
};

TEST_F(SupervisorRandomTest, AHundredThousandStepsKeepTheInvariants) {
  // --gtest_random_seed=N repeats a run.
  const int seed = GTEST_FLAG_GET(random_seed) + 1;
  random_.seed(static_cast<unsigned>(seed));
  for (int round = 0; round < kRounds; ++round) {
    Begin();
    for (int step = 0; step < kSteps; ++step) {
      SCOPED_TRACE(
          absl::StrCat("seed ", seed, ", round ", round, ", step ", step));
      Step();
      CheckAlways();
      if (HasFatalFailure()) return;
    }
    SCOPED_TRACE(absl::StrCat("seed ", seed, ", end of round ", round));
    if (Chance(2)) CheckRecovers();
    CheckEnds();
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace reinit
