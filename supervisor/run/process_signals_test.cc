#include "supervisor/run/process_signals.h"

#include <signal.h>

#include <cerrno>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_instance.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecordingObserver : public Observer {
 public:
  // Received, sent, pid, errno.
  using Forwarded = std::tuple<int, int, pid_t, int>;

  void OnForwarded(int received, int sent, pid_t pid, int error) override {
    forwarded_.emplace_back(received, sent, pid, error);
  }
  const std::vector<Forwarded>& forwarded() const { return forwarded_; }

 private:
  std::vector<Forwarded> forwarded_;
};

using Forwarded = RecordingObserver::Forwarded;

class ProcessSignalsTest : public ::testing::Test {
 protected:
  // No signal but KILL ends the processes, so that what they get can be read.
  ProcessSignalsTest() { os().set_deaf_by_default(true); }

  pid_t Add(int generation, bool own_group = true) {
    pair_.Add(StartInstance(&world_, generation, own_group));
    return pair_.current()->pid();
  }
  pid_t AddReady(int generation, bool own_group = true) {
    const pid_t pid = Add(generation, own_group);
    pair_.current()->MarkReady();
    return pid;
  }
  void End(pid_t pid) {
    os().Exit(pid, {});
    world_.Settle();
  }
  void Forward(int signo, int code = SI_USER) {
    const SignalInfo signal{.signo = signo, .code = code};
    signals_.Forward(signal, signal);
  }
  const std::vector<int>& Received(pid_t pid) {
    return os().process(pid).received;
  }
  FakeOs& os() { return world_.os(); }

  FakeWorld world_;
  RecordingObserver observer_;
  InstancePair pair_{world_.context()};
  ProcessSignals signals_{ObservedContext(), &pair_, false};

 private:
  Context ObservedContext() {
    Context context = world_.context();
    context.observer = &observer_;
    return context;
  }
};

// Forward.

TEST_F(ProcessSignalsTest, ASignalGoesToTheProcess) {
  const pid_t pid = AddReady(1);
  Forward(SIGUSR1);
  EXPECT_THAT(Received(pid), ElementsAre(SIGUSR1));
  EXPECT_THAT(observer_.forwarded(),
              ElementsAre(Forwarded(SIGUSR1, SIGUSR1, pid, 0)));
}

TEST_F(ProcessSignalsTest, ASignalGoesToTheOldProcessDuringAnOverlap) {
  const pid_t old_pid = AddReady(1);
  const pid_t new_pid = Add(2);
  Forward(SIGUSR1);
  EXPECT_THAT(Received(old_pid), ElementsAre(SIGUSR1));
  EXPECT_THAT(Received(new_pid), IsEmpty());
}

TEST_F(ProcessSignalsTest, ASignalGoesToTheNewProcessOnceTheOldOneDrains) {
  const pid_t old_pid = AddReady(1);
  const pid_t new_pid = Add(2);
  pair_.current()->MarkReady();
  pair_.leaving()->Stop(SIGTERM, absl::Seconds(10));
  Forward(SIGUSR1);
  EXPECT_THAT(Received(old_pid), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_THAT(Received(new_pid), ElementsAre(SIGUSR1));
}

TEST_F(ProcessSignalsTest, ARewrittenSignalIsSentAsWhatItBecame) {
  const pid_t pid = AddReady(1);
  signals_.Forward({.signo = SIGHUP}, {.signo = SIGUSR2});
  EXPECT_THAT(Received(pid), ElementsAre(SIGUSR2));
  EXPECT_THAT(observer_.forwarded(),
              ElementsAre(Forwarded(SIGHUP, SIGUSR2, pid, 0)));
}

TEST_F(ProcessSignalsTest, ASignalRewrittenToNoneIsReportedAndNotSent) {
  const pid_t pid = AddReady(1);
  signals_.Forward({.signo = SIGHUP}, {.signo = 0});
  EXPECT_THAT(os().sent(), IsEmpty());
  EXPECT_THAT(observer_.forwarded(), ElementsAre(Forwarded(SIGHUP, 0, pid, 0)));
}

TEST_F(ProcessSignalsTest, ASignalThatCannotBeSentIsReportedWithItsError) {
  const pid_t pid = AddReady(1);
  os().Vanish(pid);
  Forward(SIGUSR1);
  EXPECT_THAT(observer_.forwarded(),
              ElementsAre(Forwarded(SIGUSR1, SIGUSR1, pid, ESRCH)));
}

// What the terminal has given.

TEST_F(ProcessSignalsTest, WhatTheTerminalGaveToOurGroupIsNotSentAgain) {
  AddReady(1, /*own_group=*/false);
  for (const int signo : {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH}) {
    Forward(signo, SI_KERNEL);
  }
  EXPECT_THAT(os().sent(), IsEmpty());
  EXPECT_THAT(observer_.forwarded(), IsEmpty());
}

TEST_F(ProcessSignalsTest, WhatTheTerminalGaveIsSentToAGroupOfItsOwn) {
  const pid_t pid = AddReady(1, /*own_group=*/true);
  for (const int signo : {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH}) {
    Forward(signo, SI_KERNEL);
  }
  EXPECT_THAT(Received(pid), ElementsAre(SIGINT, SIGQUIT, SIGTSTP, SIGWINCH));
}

TEST_F(ProcessSignalsTest, WhatAProcessSentIsSentToOurGroup) {
  const pid_t pid = AddReady(1, /*own_group=*/false);
  Forward(SIGINT, SI_USER);
  Forward(SIGWINCH, SI_QUEUE);
  EXPECT_THAT(Received(pid), ElementsAre(SIGINT, SIGWINCH));
}

TEST_F(ProcessSignalsTest, AHangUpOfTheTerminalIsSentToOurGroup) {
  const pid_t pid = AddReady(1, /*own_group=*/false);
  Forward(SIGHUP, SI_KERNEL);
  EXPECT_THAT(Received(pid), ElementsAre(SIGHUP));
}

TEST_F(ProcessSignalsTest, AProcessThatLeftOurGroupGetsWhatTheTerminalGave) {
  const pid_t pid = AddReady(1, /*own_group=*/false);
  os().process(pid).group = pid;
  Forward(SIGINT, SI_KERNEL);
  EXPECT_THAT(Received(pid), ElementsAre(SIGINT));
}

TEST_F(ProcessSignalsTest, TheGroupOfTheProcessThatServesDecides) {
  const pid_t old_pid = AddReady(1, /*own_group=*/true);
  Add(2, /*own_group=*/false);
  Forward(SIGINT, SI_KERNEL);
  EXPECT_THAT(Received(old_pid), ElementsAre(SIGINT));
}

TEST_F(ProcessSignalsTest, WhatIsRewrittenIsJudgedByWhatTheTerminalGave) {
  AddReady(1, /*own_group=*/false);
  signals_.Forward({.signo = SIGINT, .code = SI_KERNEL},
                   {.signo = SIGTERM, .code = SI_KERNEL});
  EXPECT_THAT(os().sent(), IsEmpty());
}

// What came before the first process.

TEST_F(ProcessSignalsTest, KeptSignalsAreDeliveredInOrderAndOnce) {
  EXPECT_FALSE(signals_.keeps_any());
  for (const int signo : {SIGUSR2, SIGRTMIN + 1, SIGHUP, SIGUSR2, SIGRTMIN}) {
    signals_.Keep({.signo = signo});
  }
  EXPECT_TRUE(signals_.keeps_any());
  const pid_t pid = Add(1);
  signals_.DeliverKept();
  EXPECT_FALSE(signals_.keeps_any());
  signals_.DeliverKept();
  EXPECT_THAT(Received(pid),
              ElementsAre(SIGUSR2, SIGRTMIN + 1, SIGHUP, SIGRTMIN));
}

TEST_F(ProcessSignalsTest, KeptSignalsWaitForAProcessThatIsAlive) {
  signals_.Keep({.signo = SIGUSR1});
  End(Add(1));
  signals_.DeliverKept();
  EXPECT_TRUE(signals_.keeps_any());
  EXPECT_THAT(os().sent(), IsEmpty());
  pair_.DropCurrent();
  const pid_t pid = Add(2);
  signals_.DeliverKept();
  EXPECT_THAT(Received(pid), ElementsAre(SIGUSR1));
  world_.Settle();
}

// Notify.

TEST_F(ProcessSignalsTest, NotifySendsToTheProcess) {
  const pid_t pid = AddReady(1);
  EXPECT_EQ(signals_.Notify(SIGHUP), absl::OkStatus());
  EXPECT_THAT(Received(pid), ElementsAre(SIGHUP));
  EXPECT_THAT(observer_.forwarded(), IsEmpty());
}

TEST_F(ProcessSignalsTest, NotifySendsToTheNewProcessDuringAnOverlap) {
  const pid_t old_pid = AddReady(1);
  const pid_t new_pid = Add(2);
  EXPECT_EQ(signals_.Notify(SIGHUP), absl::OkStatus());
  EXPECT_THAT(Received(old_pid), IsEmpty());
  EXPECT_THAT(Received(new_pid), ElementsAre(SIGHUP));
}

TEST_F(ProcessSignalsTest, NotifyRefusesWithoutAProcess) {
  EXPECT_TRUE(absl::IsUnavailable(signals_.Notify(SIGHUP)));
}

TEST_F(ProcessSignalsTest, NotifyRefusesOnceTheProcessHasEnded) {
  End(AddReady(1));
  EXPECT_TRUE(absl::IsUnavailable(signals_.Notify(SIGHUP)));
  EXPECT_THAT(os().sent(), IsEmpty());
}

TEST_F(ProcessSignalsTest, NotifyRefusesWhatWouldEndTheProcess) {
  const pid_t pid = AddReady(1);
  os().process(pid).withstands = false;
  const absl::Status refused = signals_.Notify(SIGHUP);
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_THAT(refused.message(), HasSubstr("no handler"));
  EXPECT_THAT(os().sent(), IsEmpty());
}

TEST_F(ProcessSignalsTest, NotifySendsWhatEndsNoProcessWithoutAHandler) {
  const pid_t pid = AddReady(1);
  os().process(pid).withstands = false;
  EXPECT_EQ(signals_.Notify(SIGWINCH), absl::OkStatus());
  EXPECT_THAT(Received(pid), ElementsAre(SIGWINCH));
}

TEST_F(ProcessSignalsTest, NotifyReportsTheErrorOfTheKernel) {
  os().Vanish(AddReady(1));
  // One for which the handlers of the process are not asked for.
  EXPECT_TRUE(absl::IsNotFound(signals_.Notify(SIGWINCH)));
}

// Send.

TEST_F(ProcessSignalsTest, SendGoesToTheOldProcessDuringAnOverlap) {
  const pid_t old_pid = AddReady(1);
  const pid_t new_pid = Add(2);
  EXPECT_EQ(signals_.Send(SIGUSR1), absl::OkStatus());
  EXPECT_THAT(Received(old_pid), ElementsAre(SIGUSR1));
  EXPECT_THAT(Received(new_pid), IsEmpty());
}

TEST_F(ProcessSignalsTest, SendDoesNotAskForAHandler) {
  const pid_t pid = AddReady(1);
  os().process(pid).withstands = false;
  EXPECT_EQ(signals_.Send(SIGHUP), absl::OkStatus());
  EXPECT_THAT(Received(pid), ElementsAre(SIGHUP));
}

TEST_F(ProcessSignalsTest, SendRefusesWithoutAProcess) {
  EXPECT_TRUE(absl::IsFailedPrecondition(signals_.Send(SIGUSR1)));
}

TEST_F(ProcessSignalsTest, SendRefusesOnceTheProcessHasEnded) {
  End(AddReady(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(signals_.Send(SIGUSR1)));
  EXPECT_THAT(os().sent(), IsEmpty());
}

TEST_F(ProcessSignalsTest, AnErrorOfSendNamesTheSignalAndTheProcess) {
  const pid_t pid = AddReady(1);
  os().Vanish(pid);
  const absl::Status error = signals_.Send(SIGUSR1);
  EXPECT_TRUE(absl::IsNotFound(error));
  EXPECT_THAT(error.message(), HasSubstr("SIGUSR1"));
  EXPECT_THAT(error.message(), HasSubstr(absl::StrCat("process ", pid)));
}

// Job control; job_control_test.cc has the rest.

TEST_F(ProcessSignalsTest, SigcontContinuesTheProcessThatServesOnce) {
  const pid_t old_pid = AddReady(1);
  const pid_t new_pid = Add(2);
  signals_.OnStopped(*pair_.leaving());
  EXPECT_FALSE(signals_.JobControlTakes(SIGUSR1));
  EXPECT_TRUE(signals_.JobControlTakes(SIGCONT));
  EXPECT_FALSE(signals_.JobControlTakes(SIGCONT));
  EXPECT_THAT(Received(old_pid), ElementsAre(SIGCONT));
  EXPECT_THAT(Received(new_pid), IsEmpty());
}

}  // namespace
}  // namespace reinit
