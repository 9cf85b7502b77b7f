// Takes a million random steps, anything in any order, and checks after each of
// them what must always hold. A schedule that fails is cut down to the steps
// that the failure needs, and printed as a test.
#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/shortest.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr int kRounds = 500;  // it takes several times as long
#else
constexpr int kRounds = 5000;
#endif
constexpr int kSteps = 200;

// Each number seeds what one part does, so that a part does the same whatever
// else is left out.
struct Schedule {
  unsigned begin = 0;
  std::vector<unsigned> steps = {};
  bool recovers = false;  // CheckRecovers before the end
};

// One run of a schedule, which ends with the first failure.
class RandomRun : public SupervisorTest {
 public:
  explicit RandomRun(const testing::TestPartResultArray* failures)
      : failures_(failures) {}

  void Follow(const Schedule& schedule) {
    random_.seed(schedule.begin);
    Begin();
    for (const unsigned step : schedule.steps) {
      random_.seed(step);
      Step();
      if (!Failed()) CheckAlways();
      if (Failed()) return;
    }
    if (schedule.recovers) CheckRecovers();
    if (!Failed()) CheckEnds();
  }

  // Names what each step has done.
  const std::vector<std::string>& done() const { return done_; }

 private:
  void TestBody() override {}
  bool Failed() const { return failures_->size() > 0; }

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
                                         : supervisor_->AskRestart(0, &ticket);
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
    const auto is = [this](const char* what) { done_.emplace_back(what); };
    switch (random_() % 13) {
      case 0:
        is("a change");
        return ChangeWhileServing();
      case 1:
        is("the process is sick");
        return Sick();
      case 2:
        is("the process has a child");
        if (main == 0) return;
        os().process(os().AddChildOf(main)).deaf = Chance(2);
        return;
      case 3:
        is("the process exits");
        return End(main, {.code = code});
      case 4:
        is("the process dies");
        return End(main, {.signal = Chance(2) ? SIGSEGV : SIGKILL});
      case 5:
        is("SIGUSR1");
        return Signal(SIGUSR1);
      case 6:
        is("hooks, checks and actions end");
        return EndJobs();
      case 7:
        is("nothing runs for a while");
        return world_.Freeze(absl::Seconds(random_() % 100));
      case 8:
        is("readiness is told");
        return SetReady(Chance(2));
      case 9:
        is("somebody asks for a reload or restart");
        return AskAndWait();
      default:
        is("time passes");
        world_.Advance(absl::Milliseconds(random_() % 3000));
    }
  }

  void EndJobs() {
    for (const char* job : {"check", "build", "pre", "post"}) {
      End(Find(job), {.code = Chance(3) ? 1 : 0});
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
    const bool any_deaf =
        std::any_of(mains.begin(), mains.end(),
                    [this](pid_t pid) { return os().process(pid).deaf; });
    const bool obeys = mains.size() == 1 && !any_deaf;
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
    // A deaf one that was being stopped before may have got its KILL by now.
    const int its_own =
        !deaf.empty() ? 3 : 128 + (any_deaf ? SIGKILL : SIGTERM);
    const int code = supervisor_->exit_code();
    ASSERT_TRUE(code == its_own || (starts_first_ && code == 128 + SIGTERM))
        << code;
    ASSERT_TRUE(os().processes().empty());
  }

  const testing::TestPartResultArray* const failures_;
  std::minstd_rand random_;
  bool starts_first_ = false;
  std::vector<uint64_t> waiting_;
  std::vector<std::string> done_;
};

struct Result {
  std::string failure;  // the first one, with its place; empty: none
  std::vector<std::string> done;
};

Result Follow(const Schedule& schedule) {
  Result result;
  testing::TestPartResultArray failures;
  {
    const testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::
            INTERCEPT_ONLY_CURRENT_THREAD,
        &failures);
    RandomRun run(&failures);
    run.Follow(schedule);
    result.done = run.done();
  }
  if (failures.size() > 0) {
    const testing::TestPartResult& first = failures.GetTestPartResult(0);
    result.failure = absl::StrCat(first.file_name(), ":", first.line_number(),
                                  ": ", first.message());
  }
  return result;
}

// Without the steps that `fails` does not need.
Schedule Cut(const Schedule& schedule,
             const std::function<bool(const Schedule&)>& fails) {
  Schedule part = schedule;
  part.steps = Shortest<unsigned>(schedule.steps,
                                  [&](const std::vector<unsigned>& steps) {
                                    part.steps = steps;
                                    return fails(part);
                                  });
  return part;
}

std::string AsTest(const Schedule& schedule) {
  std::string text =
      absl::StrCat("TEST(SupervisorRandomTest, Found) {\n",
                   "  EXPECT_EQ(Follow({.begin = ", schedule.begin,
                   ",\n                    .steps = {");
  const std::vector<std::string> done = Follow(schedule).done;
  for (size_t i = 0; i < schedule.steps.size(); ++i) {
    absl::StrAppend(&text, "\n      ", schedule.steps[i], ",  // ",
                    i < done.size() ? done[i] : "");
  }
  absl::StrAppend(&text,
                  "\n  }, .recovers = ", schedule.recovers ? "true" : "false",
                  "}).failure, \"\");\n}\n");
  return text;
}

Schedule RandomSchedule(std::minstd_rand& random) {
  Schedule schedule;
  schedule.begin = static_cast<unsigned>(random());
  for (int i = 0; i < kSteps; ++i) {
    schedule.steps.push_back(static_cast<unsigned>(random()));
  }
  schedule.recovers = random() % 2 == 0;
  return schedule;
}

TEST(SupervisorRandomTest, AMillionStepsKeepTheInvariants) {
  // --gtest_random_seed=N repeats a run.
  const int seed = GTEST_FLAG_GET(random_seed) + 1;
  std::minstd_rand random(static_cast<unsigned>(seed));
  for (int round = 0; round < kRounds; ++round) {
    const Schedule schedule = RandomSchedule(random);
    if (Follow(schedule).failure.empty()) continue;
    const Schedule cut = Cut(schedule, [](const Schedule& part) {
      return !Follow(part).failure.empty();
    });
    FAIL() << Follow(cut).failure << "\nseed " << seed << ", round " << round
           << ", as a test:\n\n"
           << AsTest(cut);
  }
}

// A fault of a kind that needs two steps is cut down to these.
TEST(SupervisorRandomTwin, AFailingScheduleIsCutToItsShortestForm) {
  std::minstd_rand random(1);
  const Schedule schedule = RandomSchedule(random);
  const Schedule cut = Cut(schedule, [](const Schedule& part) {
    const std::vector<std::string> done = Follow(part).done;
    const auto sick =
        std::find(done.begin(), done.end(), "the process is sick");
    return std::find(sick, done.end(), "the process dies") != done.end();
  });
  ASSERT_EQ(cut.steps.size(), 2u);
  const std::string text = AsTest(cut);
  EXPECT_NE(text.find("// the process is sick\n"), text.npos) << text;
  EXPECT_NE(text.find("// the process dies\n"), text.npos) << text;
}

}  // namespace
}  // namespace reinit
