#include "cmd/flags/look_in_time.h"

#include <signal.h>
#include <unistd.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

// For looks that answer: of no interest here, and never over.
constexpr absl::Duration kNoHurry = absl::InfiniteDuration();

TEST(LookInTimeTest, GivesTheAnswer) {
  EXPECT_TRUE(LookInTime([] { return absl::OkStatus(); }, kNoHurry).ok());
  absl::Status wrong = absl::InvalidArgumentError("no such file");
  EXPECT_EQ(LookInTime([&wrong] { return wrong; }, kNoHurry), wrong);
}

TEST(LookInTimeTest, AnotherProcessLooks) {
  const pid_t self = ::getpid();
  EXPECT_TRUE(LookInTime(
                  [self] {
                    return ::getpid() != self
                               ? absl::OkStatus()
                               : absl::InternalError("by this process");
                  },
                  kNoHurry)
                  .ok());
}

TEST(LookInTimeTest, WhatDoesNotAnswerIsLeft) {
  const auto hang = [] {
    for (;;) ::pause();
    return absl::OkStatus();
  };
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(LookInTime(hang, absl::Milliseconds(1))));
}

TEST(LookInTimeTest, OneThatIsKilledIsNoAnswer) {
  const auto die = [] {
    ::raise(SIGKILL);
    return absl::OkStatus();
  };
  EXPECT_TRUE(absl::IsUnavailable(LookInTime(die, kNoHurry)));
}

TEST(LookInTimeTest, GivesTheText) {
  const auto found = AskInTime([] { return std::string("4 CPUs"); }, kNoHurry);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, "4 CPUs");
  absl::Status wrong = absl::NotFoundError("no such file");
  EXPECT_EQ(
      AskInTime([&wrong]() -> absl::StatusOr<std::string> { return wrong; },
                kNoHurry)
          .status(),
      wrong);
}

TEST(LookInTimeTest, ALongMessageIsCut) {
  const std::string words(1 << 20, 'x');
  const absl::Status status = LookInTime(
      [&words] { return absl::InvalidArgumentError(words); }, kNoHurry);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(), words.substr(0, status.message().size()));
}

}  // namespace
}  // namespace reinit
