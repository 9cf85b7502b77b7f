#include "reaper/fork_error.h"

#include <cerrno>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(ForkErrorTest, NamesThePidsLimitThatIsReached) {
  EXPECT_THAT(ExplainProcessLimit("64\n", "64\n"),
              AllOf(HasSubstr("pids.max 64"), HasSubstr("--pids-limit")));
  EXPECT_THAT(ExplainProcessLimit("64\n", "70\n"), HasSubstr("pids.max 64"));
}

TEST(ForkErrorTest, NamesAllLimitsWhereItIsNotThat) {
  for (const char* max : {"64\n", "max\n", ""}) {
    EXPECT_THAT(ExplainProcessLimit(max, "63\n"),
                AllOf(HasSubstr("pids.max of the cgroup"),
                      HasSubstr("ulimit -u"), Not(HasSubstr("64"))))
        << max;
  }
}

TEST(ForkErrorTest, OnlyEagainIsALimit) {
  const absl::Status limit = ForkError(EAGAIN);
  EXPECT_TRUE(absl::IsUnavailable(limit));
  EXPECT_THAT(limit.message(), AllOf(HasSubstr("fork: Resource temporarily"),
                                     HasSubstr("pids")));
  EXPECT_EQ(ForkError(ENOMEM).message(), "fork: Cannot allocate memory");
}

}  // namespace
}  // namespace reinit
