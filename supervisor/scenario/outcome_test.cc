// What who waits for a reload or a restart is told, and what is shown of it.
#include <signal.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

class OutcomeTest : public SupervisorTest {
 protected:
  OutcomeTest() { options_.restart.policy = RestartOptions::Policy::kAlways; }

  Status Describe() { return supervisor_->Describe(); }
  uint64_t WaitForReload() {
    uint64_t ticket = 0;
    EXPECT_TRUE(supervisor_->AskReload(&ticket).ok());
    world_.Settle();
    return ticket;
  }
  uint64_t WaitForRestart() {
    uint64_t ticket = 0;
    EXPECT_TRUE(supervisor_->AskRestart(0, &ticket).ok());
    world_.Settle();
    return ticket;
  }
  // "under way", "done" or why it failed.
  std::string Of(uint64_t ticket) const {
    const std::optional<absl::Status> outcome = supervisor_->Outcome(ticket);
    if (!outcome.has_value()) return "under way";
    return outcome->ok() ? "done" : std::string(outcome->message());
  }
  void Ready() {
    fake_.ready = true;
    fake_.wake(Strategy::Wake::kAsk);
    world_.Settle();
  }
  void End(pid_t pid, ExitStatus status) {
    os().Exit(pid, status);
    world_.Settle();
  }
  void OnChange(ChangeAction::Kind kind, int value = 0) {
    options_.reload.on_change.push_back({kind, value, "it"});
    options_.reload.on_change.back().argv = {"render"};
  }
};

TEST_F(OutcomeTest, StopFirst) {
  StartSupervising();
  fake_.ready = false;
  for (const bool restart : {false, true}) {
    const uint64_t ticket = restart ? WaitForRestart() : WaitForReload();
    EXPECT_EQ(Of(ticket), "under way");  // it runs, and is not ready
    world_.Advance(absl::Seconds(3));
    Ready();
    EXPECT_EQ(Of(ticket), "done");
    EXPECT_EQ(Describe().last_applied->took, absl::Seconds(3));
    EXPECT_EQ(Describe().reload_succeeded, true);
    fake_.ready = false;
  }
}

TEST_F(OutcomeTest, StopFirstThatEndsBeforeItIsReady) {
  StartSupervising();
  fake_.ready = false;
  for (const bool restart : {false, true}) {
    const uint64_t ticket = restart ? WaitForRestart() : WaitForReload();
    const std::string reason = restart ? "ctl restart" : "ctl reload";
    const std::string pid = absl::StrCat(os().last());
    Exit(3);
    EXPECT_EQ(Of(ticket),
              absl::StrCat(reason, ": process [", pid, "] ended: exit code 3"));
    EXPECT_EQ(Describe().reload_succeeded, false);
    // Reinit goes on with it by itself.
    world_.Advance(absl::Minutes(1));
    Ready();
    EXPECT_EQ(Describe().reload_succeeded, true);
    fake_.ready = false;
  }
}

TEST_F(OutcomeTest, OneThatIsFoundNotReady) {
  StartSupervising();
  fake_.ready = false;
  const uint64_t ticket = WaitForReload();
  Reason reason;
  reason.cause = Reason::Cause::kNotReady;
  reason.text = "not ready within 1m";
  Wake(reason);
  EXPECT_EQ(Of(ticket), "ctl reload: not ready within 1m");
}

TEST_F(OutcomeTest, OneWhoseProgramIsGone) {
  StartSupervising();
  os().set_exec_error(ENOENT);
  const uint64_t ticket = WaitForReload();
  EXPECT_EQ(Of(ticket), "ctl reload: the command could not be run");
  os().set_exec_error(0);
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(Describe().reload_succeeded, true);
}

TEST_F(OutcomeTest, OneThatCannotBeForkedIsAwaited) {
  StartSupervising();
  os().set_spawn_errors(3);
  const uint64_t ticket = WaitForReload();
  EXPECT_EQ(Of(ticket), "under way");
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(Of(ticket), "done");
}

TEST_F(OutcomeTest, StartFirst) {
  options_.restart.order = RestartOptions::Order::kStartFirst;
  StartSupervising();
  fake_.ready = false;
  const uint64_t first = WaitForReload();
  const uint64_t on_its_way = WaitForRestart();
  EXPECT_EQ(Of(first), "under way");
  Ready();
  EXPECT_EQ(Of(first), "done");
  EXPECT_EQ(Of(on_its_way), "done");
  fake_.ready = false;
  const uint64_t second = WaitForReload();
  const pid_t pid = os().last();
  End(pid, {.code = 3});
  EXPECT_EQ(Of(second), absl::StrCat("ctl reload: the new process [", pid,
                                     "] ended: exit code 3"));
  EXPECT_EQ(Describe().reload_succeeded, false);
  EXPECT_EQ(Describe().change_failure, Of(second));
  world_.Advance(absl::Minutes(1));
  Ready();
  EXPECT_EQ(Describe().reload_succeeded, true);
  EXPECT_EQ(Describe().last_applied->text, "ctl reload");
}

// Each takes the place of the one before.
TEST_F(OutcomeTest, StartFirstWithALaterOne) {
  options_.restart.order = RestartOptions::Order::kStartFirst;
  StartSupervising();
  fake_.ready = false;
  const uint64_t first = WaitForReload();
  const uint64_t second = WaitForReload();
  Change("b.py");
  EXPECT_EQ(os().spawns(), 4);
  EXPECT_EQ(Of(first), "under way");
  EXPECT_EQ(Of(second), "under way");
  Ready();
  EXPECT_EQ(Of(first), "done");
  EXPECT_EQ(Of(second), "done");
  ASSERT_TRUE(Describe().last_applied.has_value());
  EXPECT_EQ(Describe().last_applied->text, "b.py");
}

TEST_F(OutcomeTest, StartFirstWithALaterOneThatIsRefused) {
  options_.restart.order = RestartOptions::Order::kStartFirst;
  options_.reload.check = {"check"};
  StartSupervising();
  fake_.ready = false;
  const uint64_t first = WaitForReload();
  Exit(0);
  const uint64_t second = WaitForReload();
  EXPECT_EQ(os().process(os().last()).request.argv[0], "check");
  Exit(1);
  EXPECT_EQ(Of(first), "under way");
  EXPECT_EQ(Of(second), "ctl reload: --reload-check: exit code 1");
  Ready();
  EXPECT_EQ(Of(first), "done");
  // The last one is not in effect.
  EXPECT_EQ(Describe().reload_succeeded, false);
  EXPECT_EQ(Describe().change_failure, Of(second));
}

TEST_F(OutcomeTest, ARestartWhileTheFormerOneDrains) {
  options_.restart.order = RestartOptions::Order::kStartFirst;
  OnChange(ChangeAction::Kind::kSignal, SIGHUP);
  StartSupervising();
  const pid_t old = os().last();
  os().process(old).deaf = true;
  const uint64_t first = WaitForRestart();
  EXPECT_EQ(Of(first), "done");
  const pid_t serving = os().last();
  const uint64_t second = WaitForRestart();
  EXPECT_EQ(Of(second), "under way");
  EXPECT_FALSE(Describe().Settled());
  End(old, {});
  EXPECT_EQ(Of(second), "done");
  // It was no reload.
  EXPECT_FALSE(os().Alive(serving));
  EXPECT_EQ(Describe().changes_applied, 0u);
}

TEST_F(OutcomeTest, ASignal) {
  OnChange(ChangeAction::Kind::kSignal, SIGHUP);
  StartSupervising();
  os().process(os().last()).deaf = true;
  EXPECT_EQ(Of(WaitForReload()), "done");
  os().process(os().last()).withstands = false;
  const uint64_t refused = WaitForReload();
  EXPECT_EQ(Of(refused),
            "ctl reload: SIGHUP: not sent: the process has no handler for it "
            "and would be ended");
  EXPECT_EQ(Describe().change_failure, Of(refused));
  EXPECT_EQ(Describe().reload_succeeded, false);
  os().process(os().last()).withstands = true;
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(Describe().change_failure, "");
  EXPECT_EQ(Describe().reload_succeeded, true);
  EXPECT_EQ(Describe().last_applied->ago, absl::Seconds(55));
}

TEST_F(OutcomeTest, ACommandAndWhoeverComesMeanwhile) {
  OnChange(ChangeAction::Kind::kExec);
  StartSupervising();
  const uint64_t first = WaitForReload();
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(Describe().awaited->what, "--on-change");
  EXPECT_EQ(Describe().awaited->since, absl::Seconds(2));
  const uint64_t second = WaitForReload();
  Exit(0);
  EXPECT_EQ(Of(first), "done");
  EXPECT_EQ(Of(second), "under way");
  Exit(3);
  EXPECT_EQ(Of(second), "ctl reload: exec:render: exit code 3");
  // A restart does not make up for it, and it stays in sight.
  const uint64_t restart = WaitForRestart();
  EXPECT_EQ(Of(restart), "done");
  EXPECT_EQ(Describe().change_failure, Of(second));
  EXPECT_EQ(Describe().reload_succeeded, false);
  world_.Advance(absl::Minutes(1));
  Exit(0);
  EXPECT_EQ(Describe().change_failure, "");
  EXPECT_EQ(Describe().reload_succeeded, true);
}

TEST_F(OutcomeTest, ACommandGoesOnWhileTheProcessIsStartedAnew) {
  OnChange(ChangeAction::Kind::kExec);
  StartSupervising();
  const pid_t app = os().last();
  const uint64_t ticket = WaitForReload();
  const pid_t command = os().last();
  End(app, {.code = 1});
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Of(ticket), "under way");
  EXPECT_EQ(Describe().last_applied->cause, "exit");
  EXPECT_EQ(Describe().reload_succeeded, std::nullopt);
  End(command, {});
  EXPECT_EQ(Of(ticket), "done");
}

TEST_F(OutcomeTest, ARestartAndThenACommand) {
  OnChange(ChangeAction::Kind::kRestart);
  OnChange(ChangeAction::Kind::kExec);
  StartSupervising();
  const uint64_t ticket = WaitForReload();
  EXPECT_TRUE(Describe().process->ready.has_value());
  EXPECT_EQ(Of(ticket), "under way");
  EXPECT_EQ(Describe().reload_succeeded, std::nullopt);
  Exit(0);
  EXPECT_EQ(Of(ticket), "done");
}

TEST_F(OutcomeTest, AReloadCheck) {
  options_.reload.check = {"check"};
  StartSupervising();
  const uint64_t refused = WaitForReload();
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(Describe().awaited->what, "--reload-check");
  EXPECT_EQ(Describe().awaited->since, absl::Seconds(2));
  const uint64_t later = WaitForReload();
  Exit(1);
  EXPECT_EQ(Of(refused), "ctl reload: --reload-check: exit code 1");
  EXPECT_EQ(Describe().reload_succeeded, false);
  EXPECT_EQ(Of(later), "under way");
  Exit(0);
  EXPECT_EQ(Of(later), "done");
  EXPECT_EQ(Describe().reload_succeeded, true);
  EXPECT_FALSE(Describe().awaited.has_value());
}

// The check may be what makes the program: a start alone brings nothing.
TEST_F(OutcomeTest, AReloadCheckIsNotOvertakenByAStart) {
  options_.reload.check = {"check"};
  StartSupervising();
  const pid_t app = os().last();
  const uint64_t first = WaitForReload();
  const pid_t check = os().last();
  const uint64_t second = WaitForReload();
  End(app, {.code = 1});
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Of(first), "under way");
  EXPECT_EQ(Of(second), "under way");
  End(check, {.code = 0});
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Of(first), "done");
  Exit(0);  // the check for the second
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Of(second), "done");
  EXPECT_EQ(Describe().reload_succeeded, true);
}

TEST_F(OutcomeTest, OneThatComesTooLateForTheStart) {
  options_.process.pre_start = {"hook"};
  StartSupervising();
  const uint64_t reload = WaitForReload();
  const uint64_t restart = WaitForRestart();
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(Describe().awaited->what, "--pre-start");
  EXPECT_EQ(Describe().awaited->since, absl::Seconds(2));
  Exit(0);
  EXPECT_EQ(Of(restart), "done");
  EXPECT_EQ(Of(reload), "under way");
  EXPECT_EQ(os().process(os().last()).request.argv[0], "hook");
  Exit(0);
  EXPECT_EQ(Of(reload), "done");
}

TEST_F(OutcomeTest, APreStartThatFails) {
  options_.process.pre_start = {"hook"};
  StartSupervising();
  Exit(0);
  const uint64_t ticket = WaitForReload();
  Exit(4);
  EXPECT_EQ(Of(ticket), "ctl reload: --pre-start: exit code 4");
}

TEST_F(OutcomeTest, APostStopIsShown) {
  options_.process.post_stop = {"hook"};
  StartSupervising();
  const uint64_t ticket = WaitForReload();
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(Describe().awaited->what, "--post-stop");
  EXPECT_EQ(Describe().awaited->since, absl::Seconds(2));
  Exit(0);
  EXPECT_EQ(Of(ticket), "done");
}

TEST_F(OutcomeTest, AnEndMeanwhile) {
  StartSupervising();
  os().process(os().last()).deaf = true;
  const uint64_t ticket = WaitForReload();
  EXPECT_EQ(Of(ticket), "under way");
  supervisor_->AskStop(/*now=*/false);
  EXPECT_EQ(Of(ticket), "reinit is about to end");
  supervisor_->AskStop(/*now=*/true);
  world_.Settle();
  ExpectEnded(128 + SIGKILL);
  uint64_t none = 0;
  EXPECT_FALSE(supervisor_->AskReload(&none).ok());
}

TEST_F(OutcomeTest, WhoGivesUp) {
  options_.restart.limit_burst = 1;
  options_.restart.limit_interval = absl::InfiniteDuration();
  options_.restart.limit_action = RestartOptions::LimitAction::kStay;
  StartSupervising();
  fake_.ready = false;
  const uint64_t first = WaitForReload();
  Exit(1);
  world_.Advance(absl::Minutes(1));
  const uint64_t second = WaitForRestart();
  Exit(1);
  world_.Advance(absl::Minutes(1));
  Exit(1);
  EXPECT_EQ(Describe().state, "waiting");
  EXPECT_NE(Of(first), "under way");
  EXPECT_NE(Of(second), "under way");
  EXPECT_EQ(Describe().reload_succeeded, false);
  const uint64_t third = WaitForReload();
  Ready();
  EXPECT_EQ(Of(third), "done");
}

}  // namespace
}  // namespace reinit
