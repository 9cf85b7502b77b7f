// Through the Supervisor, since what it forwards is part of it.
#include "supervisor/run/job_control.h"

#include <signal.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class JobControlTest : public SupervisorTest {
 protected:
  void StopProcess(int signo) {
    os().Stop(os().last(), signo);
    world_.Settle();
  }
};

TEST_F(JobControlTest, StopsAndGoesOnWithItsProcess) {
  os().set_can_be_continued(true);
  StartPlain();
  StopProcess(SIGTSTP);
  EXPECT_EQ(os().stopped_self(), 1);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGCONT));
  Signal(SIGCONT);  // the one that continued us
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGCONT));
  Signal(SIGCONT);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGCONT, SIGCONT));
  EXPECT_THAT(world_.log().lines(), Not(Contains(HasSubstr("stopped by"))));
}

TEST_F(JobControlTest, DoesNotWhereNobodyCouldContinueIt) {
  StartPlain();
  StopProcess(SIGTSTP);
  EXPECT_EQ(os().stopped_self(), 0);
  EXPECT_THAT(Received(os().last()), IsEmpty());
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("was stopped by SIGTSTP: send SIGCONT")));
  Signal(SIGCONT);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGCONT));
}

// One of several workers: the others go on.
TEST_F(JobControlTest, NotForAProcessInTheBackground) {
  os().set_can_be_continued(true);
  options_.process.background = true;
  StartSupervising();
  StopProcess(SIGTSTP);
  EXPECT_EQ(os().stopped_self(), 0);
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("was stopped by SIGTSTP: send SIGCONT")));
  Signal(SIGCONT);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGCONT));
}

TEST_F(JobControlTest, AProcessInOurGroupIsContinuedByTheShell) {
  os().set_can_be_continued(true);
  StartSupervising();
  os().process(os().last()).request.own_group = false;
  os().process(os().last()).group = FakeOs::kSelf;
  StopProcess(SIGTSTP);
  EXPECT_EQ(os().stopped_self(), 1);
}

TEST_F(JobControlTest, AStopAndAnEndAtOnce) {
  os().set_can_be_continued(true);
  StartPlain();
  os().Stop(os().last(), SIGTSTP);
  Exit(4);
  ExpectEnded(4);
}

TEST_F(JobControlTest, OtherChildrenMayStop) {
  os().set_can_be_continued(true);
  StartPlain();
  os().Stop(os().AddChildOf(FakeOs::kSelf), SIGSTOP);
  world_.Settle();
  EXPECT_EQ(os().stopped_self(), 0);
}

}  // namespace
}  // namespace reinit
