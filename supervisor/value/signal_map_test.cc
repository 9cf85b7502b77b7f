#include "supervisor/value/signal_map.h"

#include <signal.h>

#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(SignalMapTest, EverySignalForItself) {
  const SignalMap map;
  for (int signo = 1; signo <= kMaxSignal; ++signo) {
    EXPECT_EQ(map.Of(signo), signo);
    EXPECT_FALSE(map.Changes(signo));
  }
}

TEST(SignalMapTest, RulesChangeOneSignal) {
  SignalMap map;
  ASSERT_TRUE(map.Add("TERM:SIGQUIT").ok());
  ASSERT_TRUE(map.Add("1:").ok());
  ASSERT_TRUE(map.Add("RTMIN+1:RTMAX").ok());
  ASSERT_TRUE(map.Add("2:2").ok());
  EXPECT_EQ(map.Of(SIGTERM), SIGQUIT);
  EXPECT_EQ(map.Of(SIGHUP), 0);
  EXPECT_EQ(map.Of(SIGRTMIN + 1), SIGRTMAX);
  EXPECT_EQ(map.Of(SIGQUIT), SIGQUIT);
  EXPECT_TRUE(map.Changes(SIGINT));
  ASSERT_TRUE(map.Add("TERM:USR1").ok());  // the last one counts
  EXPECT_EQ(map.Of(SIGTERM), SIGUSR1);
}

TEST(SignalMapTest, RefusesWhatIsNoRule) {
  SignalMap map;
  for (const char* rule : {"", ":", "TERM", ":TERM", "TERM:NOPE", "NOPE:TERM",
                           "TERM:0", "0:TERM", "65:1", "TERM:INT:HUP"}) {
    EXPECT_FALSE(map.Add(rule).ok()) << rule;
  }
  EXPECT_EQ(map.Of(SIGTERM), SIGTERM);
}

TEST(SignalMapTest, RefusesWhatNeverArrives) {
  SignalMap map;
  for (const char* rule : {"KILL:TERM", "STOP:", "CHLD:USR1", "9:15"}) {
    EXPECT_FALSE(map.Add(rule).ok()) << rule;
  }
  // To be sent they are as good as any.
  EXPECT_TRUE(map.Add("TERM:KILL").ok());
}

}  // namespace
}  // namespace reinit
