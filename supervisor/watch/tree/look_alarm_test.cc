#include "supervisor/watch/tree/look_alarm.h"

#include <atomic>
#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace reinit {
namespace {

class LookAlarmTest : public ::testing::Test {
 protected:
  void AwaitSaid(int times) {
    while (said_ < times) std::this_thread::yield();
  }

  std::atomic<int> said_ = 0;
  std::string path_;
  LookAlarm alarm_{absl::Milliseconds(1), [this](const char* path) {
                     path_ = path;
                     ++said_;
                   }};
};

TEST_F(LookAlarmTest, ALookThatHangsIsSaidOnce) {
  alarm_.Begin();
  alarm_.Step("mnt");
  AwaitSaid(1);
  EXPECT_EQ(path_, "mnt");
  EXPECT_TRUE(alarm_.End());
  EXPECT_EQ(said_, 1);
  // And the next one anew.
  alarm_.Begin();
  AwaitSaid(2);
  EXPECT_EQ(path_, "");
  EXPECT_TRUE(alarm_.End());
}

TEST(LookAlarmOffTest, WhatComesBackInTimeIsNotSaid) {
  std::atomic<int> said = 0;
  LookAlarm alarm(absl::Hours(1), [&said](const char*) { ++said; });
  for (int i = 0; i < 1000; ++i) {
    alarm.Begin();
    alarm.Step("mnt");
    EXPECT_FALSE(alarm.End());
  }
  EXPECT_EQ(said, 0);
}

}  // namespace
}  // namespace reinit
