#include "supervisor/notify/notify_message.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace reinit {
namespace {

using Watchdog = NotifyMessage::Watchdog;

TEST(NotifyMessageTest, ReadsEveryField) {
  const NotifyMessage message = ParseNotifyMessage(
      "READY=1\nRELOADING=1\nSTOPPING=1\nRESTART_RESET=1\nBARRIER=1\n"
      "WATCHDOG=1\nMONOTONIC_USEC=17\nWATCHDOG_USEC=2000000\n"
      "EXTEND_TIMEOUT_USEC=3\nMAINPID=42\nERRNO=2\nEXIT_STATUS=9\n"
      "STATUS=a=b, \xff");
  EXPECT_TRUE(message.ready);
  EXPECT_TRUE(message.reloading);
  EXPECT_TRUE(message.stopping);
  EXPECT_TRUE(message.restart_reset);
  EXPECT_TRUE(message.barrier);
  EXPECT_EQ(message.watchdog, Watchdog::kAlive);
  EXPECT_EQ(message.monotonic, absl::Microseconds(17));
  EXPECT_EQ(message.watchdog_interval, absl::Seconds(2));
  EXPECT_EQ(message.extend_timeout, absl::Microseconds(3));
  EXPECT_EQ(message.main_pid, 42);
  EXPECT_EQ(message.error, 2);
  EXPECT_EQ(message.exit_status, 9);
  EXPECT_EQ(message.status, "a=b, \xff");
}

bool SaysNothing(const NotifyMessage& message) {
  return !message.ready && !message.reloading && !message.stopping &&
         !message.restart_reset && !message.barrier &&
         message.watchdog == Watchdog::kNothing && !message.monotonic &&
         !message.watchdog_interval && !message.extend_timeout &&
         !message.main_pid && !message.error && !message.exit_status &&
         !message.status;
}

TEST(NotifyMessageTest, LeavesOutWhatIsNotAsItShouldBe) {
  const std::string rows[] = {
      "",
      "\n\n\n",
      "=",
      "=1",
      "READY",
      "READY=",
      "READY=0",
      "READY=yes",
      " READY=1",
      "ready=1",
      "READY =1",
      "READY=1\r",
      "X_FOO=1",
      "FDSTORE=1",
      "WATCHDOG=2",
      "MAINPID=0",
      "MAINPID=1",
      "MAINPID=-2",
      "MAINPID=+7",
      "MAINPID= 7",
      "MAINPID=7x",
      "MAINPID=99999999999999999999",
      "WATCHDOG_USEC=0",
      "EXTEND_TIMEOUT_USEC=-1",
      "MONOTONIC_USEC=18446744073709551615",
      "ERRNO=0",
      "ERRNO=99999",
      "EXIT_STATUS=256",
      std::string("READY=1\0", 8),
      std::string("\0READY=1", 8),
      "READY=1\n" + std::string(kMaxNotifyDatagram, 'x'),
  };
  for (const std::string& row : rows) {
    EXPECT_TRUE(SaysNothing(ParseNotifyMessage(row))) << row;
  }
}

TEST(NotifyMessageTest, TheFirstOfTwoCounts) {
  const NotifyMessage message = ParseNotifyMessage(
      "STATUS=a\nSTATUS=b\nMAINPID=5\nMAINPID=6\nWATCHDOG=trigger\n"
      "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=1\nEXTEND_TIMEOUT_USEC=2");
  EXPECT_EQ(message.status, "a");
  EXPECT_EQ(message.main_pid, 5);
  EXPECT_EQ(message.watchdog, Watchdog::kTrigger);
  EXPECT_EQ(message.extend_timeout, absl::Microseconds(1));
}

// Whatever comes: values stay within what the header promises.
TEST(NotifyMessageTest, SurvivesAnything) {
  const std::string pieces[] = {"READY=1",
                                "MAINPID=",
                                "WATCHDOG_USEC=",
                                "STATUS=",
                                "ERRNO=",
                                "=",
                                "\n",
                                "9223372036854775807",
                                "-1",
                                "1",
                                "\xff",
                                std::string(1, '\0'),
                                "EXIT_STATUS=",
                                "EXTEND_TIMEOUT_USEC=",
                                "99999999999999999999999"};
  std::minstd_rand random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string datagram;
    for (unsigned n = random() % 40; n > 0; --n) {
      datagram += random() % 4 != 0
                      ? pieces[random() % std::size(pieces)]
                      : std::string(1, static_cast<char>(random()));
    }
    const NotifyMessage message = ParseNotifyMessage(datagram);
    EXPECT_GT(message.main_pid.value_or(2), 1);
    EXPECT_GT(message.watchdog_interval.value_or(absl::Seconds(1)),
              absl::ZeroDuration());
    EXPECT_GT(message.extend_timeout.value_or(absl::Seconds(1)),
              absl::ZeroDuration());
    EXPECT_LE(message.exit_status.value_or(0), 255);
  }
}

}  // namespace
}  // namespace reinit
