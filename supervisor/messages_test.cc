#include "supervisor/messages.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(MessagesTest, Started) {
  EXPECT_EQ(StartedLine(12, {"mtime", "health"}, {"python3", "app.py"}),
            "started process [12] using mtime, health: python3 app.py");
  EXPECT_EQ(StartedLine(12, {}, {"sh"}), "started process [12]: sh");
}

TEST(MessagesTest, Reloaded) {
  Reason reason;
  reason.cause = Reason::Cause::kFile;
  reason.text = "src/app.py and 3 more";
  reason.settled = absl::Milliseconds(52);
  EXPECT_EQ(
      RestartedLine(7, reason, absl::Milliseconds(4), absl::Milliseconds(9)),
      "reload 7: src/app.py and 3 more (settled 52 ms, stopped 4 ms, "
      "running after 9 ms)");
}

TEST(MessagesTest, Restarted) {
  Reason reason;
  reason.cause = Reason::Cause::kExit;
  reason.text = "exit code 1";
  EXPECT_EQ(RestartedLine(8, reason, std::nullopt, absl::Milliseconds(103)),
            "restart 8: exit code 1 (running after 103 ms)");
}

TEST(MessagesTest, AFirstStartThatAChangeHasMended) {
  Reason reason;
  reason.text = "b.py";
  EXPECT_EQ(RestartedLine(0, reason, std::nullopt, absl::Milliseconds(3)),
            "first start: b.py (running after 3 ms)");
}

TEST(MessagesTest, GivingUp) {
  Options options;
  EXPECT_EQ(GivingUpLine(options),
            "10 restarts within 5m did not help: giving up");
  options.restart.limit_interval = absl::InfiniteDuration();
  options.restart.limit_action = RestartOptions::LimitAction::kStay;
  EXPECT_EQ(GivingUpLine(options),
            "10 restarts did not help: giving up, staying");
  options.watch.paths = {"."};
  EXPECT_EQ(GivingUpLine(options),
            "10 restarts did not help: giving up, waiting for a change");
  options.restart.limit_burst = 1;
  EXPECT_EQ(GivingUpLine(options),
            "1 restart did not help: giving up, waiting for a change");
}

TEST(MessagesTest, AFailedStartNamesItsStage) {
  using Stage = SpawnFailure::Stage;
  Options options;
  options.command = {"/no/such"};
  options.process.as.directory = "/x";
  EXPECT_EQ(SpawnFailureLine({Stage::kDirectory, EACCES}, options),
            "cannot enter folder '/x': Permission denied");
  EXPECT_EQ(SpawnFailureLine({Stage::kCredentials, EPERM}, options),
            "cannot become the user that --user names: Operation not "
            "permitted: that takes root, or CAP_SETUID and CAP_SETGID");
  EXPECT_EQ(SpawnFailureLine({Stage::kExec, ENOENT, "in words"}, options),
            "in words");
}

}  // namespace
}  // namespace reinit
