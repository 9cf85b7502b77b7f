#include "reaper/poll_for.h"

#include <poll.h>
#include <unistd.h>

#include <ctime>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

TEST(PollForTest, PartsOfAMillisecondAreKept) {
  const timespec time = PollTime(absl::Microseconds(9'300));
  EXPECT_EQ(time.tv_sec, 0);
  EXPECT_EQ(time.tv_nsec, 9'300'000);
}

TEST(PollForTest, ThePastIsNowAndADayIsTheMost) {
  EXPECT_EQ(PollTime(-absl::Seconds(1)).tv_sec, 0);
  EXPECT_EQ(PollTime(-absl::InfiniteDuration()).tv_nsec, 0);
  EXPECT_EQ(PollTime(absl::Hours(100)).tv_sec, 24 * 3600);
}

TEST(PollForTest, TellsWhatIsReady) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd from(ends[0]);
  const UniqueFd to(ends[1]);
  pollfd polled = {from.get(), POLLIN, 0};
  EXPECT_EQ(PollFor(&polled, 1, absl::ZeroDuration()), 0);
  ASSERT_EQ(::write(to.get(), "x", 1), 1);
  EXPECT_EQ(PollFor(&polled, 1, absl::InfiniteDuration()), 1);
  EXPECT_EQ(polled.revents, POLLIN);
}

}  // namespace
}  // namespace reinit
