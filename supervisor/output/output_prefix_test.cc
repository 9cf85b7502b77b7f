#include "supervisor/output/output_prefix.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/output/output_record.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The test is the helper.
class OutputPrefixTest : public ::testing::Test {
 protected:
  OutputPrefixTest() { prefix_.emplace(world_.context()); }

  pid_t helper() const { return prefix_->helper_pid(); }
  int socket() { return world_.os().process(helper()).passed_fd.get(); }
  void Say(OutputRecord::Kind kind, uint32_t number, int error = 0) {
    OutputRecord record;
    record.kind = kind;
    record.number = number;
    record.error = error;
    ASSERT_EQ(::send(socket(), &record, sizeof(record), MSG_NOSIGNAL),
              static_cast<ssize_t>(sizeof(record)));
    world_.Settle();
  }
  void Ask(uint32_t has) { Say(OutputRecord::Kind::kAsk, has); }

  struct Answered {
    uint32_t worker = 0;
    UniqueFd out;
    UniqueFd err;
  };
  std::optional<Answered> Answer() {
    OutputAnswer answer;
    iovec part = {&answer, sizeof(answer)};
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    if (::recvmsg(socket(), &message, MSG_DONTWAIT) != sizeof(answer)) {
      return std::nullopt;
    }
    Answered result;
    result.worker = answer.worker;
    const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    if (rights != nullptr) {
      int fds[2];
      std::memcpy(fds, CMSG_DATA(rights), sizeof(fds));
      result.out.reset(fds[0]);
      result.err.reset(fds[1]);
    }
    return result;
  }
  void ExpectAnswer(uint32_t worker) {
    const auto answer = Answer();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->worker, worker);
    EXPECT_EQ(answer->out.valid(), worker != 0);
  }
  void Finish() {
    prefix_->Finish([this] { ++done_; });
    world_.Settle();
  }

  FakeWorld world_;
  std::optional<OutputPrefix> prefix_;
  int done_ = 0;
};

TEST_F(OutputPrefixTest, StartsNothingBeforeTheFirstWorker) {
  EXPECT_EQ(world_.os().spawns(), 0);
  Finish();
  EXPECT_EQ(done_, 1);
  EXPECT_EQ(world_.os().spawns(), 0);
}

TEST_F(OutputPrefixTest, TheHelperMayWriteAndDoNothingElse) {
  prefix_->ProcessOf(1);
  const SpawnRequest& request = world_.os().process(helper()).request;
  EXPECT_EQ(request.argv[0], "reinit: output");
  EXPECT_FALSE(request.null_stdout);
  EXPECT_TRUE(request.null_stdin);
  EXPECT_TRUE(request.unprivileged);
}

TEST_F(OutputPrefixTest, WhatAWorkerWritesComesOutAtTheHelper) {
  const UserProcess* const process = prefix_->ProcessOf(1);
  EXPECT_EQ(prefix_->ProcessOf(1), process);
  Ask(0);
  const auto answer = Answer();
  ASSERT_TRUE(answer.has_value());
  ASSERT_EQ(::write(process->stdout_fd, "out", 3), 3);
  ASSERT_EQ(::write(process->stderr_fd, "err", 3), 3);
  char text[8] = {};
  EXPECT_EQ(::read(answer->out.get(), text, sizeof(text)), 3);
  EXPECT_STREQ(text, "out");
  EXPECT_EQ(::read(answer->err.get(), text, sizeof(text)), 3);
  EXPECT_STREQ(text, "err");
  // The helper does not wait there, the worker does.
  EXPECT_NE(::fcntl(answer->out.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(process->stdout_fd, F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(OutputPrefixTest, TheHelperGetsOneAfterTheOtherAndWaitsForTheNext) {
  prefix_->ProcessOf(1);
  prefix_->ProcessOf(2);
  EXPECT_FALSE(Answer().has_value());
  Ask(0);
  ExpectAnswer(1);
  EXPECT_FALSE(Answer().has_value());
  Ask(1);
  ExpectAnswer(2);
  Ask(2);
  EXPECT_FALSE(Answer().has_value());
  prefix_->ProcessOf(3);
  ExpectAnswer(3);
}

TEST_F(OutputPrefixTest, ANewHelperGetsThemAll) {
  prefix_->ProcessOf(1);
  Ask(0);
  ExpectAnswer(1);
  Ask(1);
  const pid_t old = helper();
  world_.os().Exit(old, {.signal = SIGKILL});
  world_.Advance(absl::Seconds(1));
  ASSERT_NE(helper(), old);
  // The old one waited for it; the new one has not asked yet.
  prefix_->ProcessOf(2);
  EXPECT_FALSE(Answer().has_value());
  Ask(0);
  ExpectAnswer(1);
  Ask(1);
  ExpectAnswer(2);
}

TEST_F(OutputPrefixTest, AMalformedRecordEndsTheHelper) {
  prefix_->ProcessOf(1);
  const pid_t old = helper();
  Ask(2);
  EXPECT_FALSE(world_.os().Alive(old));
  world_.Advance(absl::Seconds(1));
  const pid_t second = helper();
  Say(static_cast<OutputRecord::Kind>(9), 0);
  EXPECT_FALSE(world_.os().Alive(second));
}

TEST_F(OutputPrefixTest, SaysThatNobodyReads) {
  prefix_->ProcessOf(1);
  Say(OutputRecord::Kind::kLost, 1, EPIPE);
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("cannot write to stdout (Broken pipe)")));
  // Any number is a record, and must not end PID 1.
  for (const int error : {-1, 0, 41, 100'000}) {
    Say(OutputRecord::Kind::kLost, 2, error);
  }
  EXPECT_THAT(world_.log().lines().back(),
              HasSubstr("cannot write to stderr (unknown error)"));
}

TEST_F(OutputPrefixTest, WithoutPipesAWorkerWritesDirectly) {
  rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const UserProcess* const process = prefix_->ProcessOf(3);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(process->stdout_fd, -1);
  EXPECT_EQ(process->stderr_fd, -1);
  EXPECT_THAT(world_.log().lines().back(),
              HasSubstr("worker 3 (Too many open files): its output has no"));
  EXPECT_EQ(world_.os().spawns(), 0);
}

TEST_F(OutputPrefixTest, AtTheEndTheHelperEndsAndNoneFollows) {
  const UserProcess* const process = prefix_->ProcessOf(1);
  Ask(0);
  ExpectAnswer(1);
  Ask(1);
  Finish();
  ExpectAnswer(0);
  EXPECT_EQ(process->stdout_fd, -1);
  EXPECT_EQ(done_, 0);
  world_.os().Exit(helper(), {.code = 0});
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(done_, 1);
  EXPECT_EQ(helper(), 0);
  EXPECT_EQ(world_.os().spawns(), 1);
  EXPECT_THAT(world_.log().lines(), IsEmpty());
}

// What was asked before the end is answered in its turn.
TEST_F(OutputPrefixTest, NoWorkerIsLeftOutAtTheEnd) {
  prefix_->ProcessOf(1);
  Finish();
  Ask(0);
  ExpectAnswer(1);
  Ask(1);
  ExpectAnswer(0);
}

TEST_F(OutputPrefixTest, AHelperThatDiesAtTheEndIsReplaced) {
  prefix_->ProcessOf(1);
  Ask(0);
  ExpectAnswer(1);
  Ask(1);
  Finish();
  ExpectAnswer(0);
  world_.os().Exit(helper(), {.signal = SIGKILL});
  world_.Settle();
  EXPECT_EQ(done_, 0);
  world_.Advance(absl::Milliseconds(200));
  ASSERT_NE(helper(), 0);
  Ask(0);
  ExpectAnswer(1);
  Ask(1);
  ExpectAnswer(0);
  world_.os().Exit(helper(), {.code = 0});
  world_.Settle();
  EXPECT_EQ(done_, 1);
}

// Nobody reads stdout: reinit ends all the same.
TEST_F(OutputPrefixTest, AHelperThatDoesNotEndIsKilled) {
  const UserProcess* const process = prefix_->ProcessOf(1);
  ASSERT_EQ(::write(process->stdout_fd, "12345", 5), 5);
  const pid_t pid = helper();
  Ask(0);
  ExpectAnswer(1);
  Finish();
  world_.Advance(OutputPrefix::kDrainTimeout - absl::Milliseconds(1));
  EXPECT_EQ(done_, 0);
  EXPECT_TRUE(world_.os().Alive(pid));
  world_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(done_, 1);
  EXPECT_FALSE(world_.os().Alive(pid));
  EXPECT_THAT(world_.log().lines().back(),
              HasSubstr("at least 5 bytes are lost"));
  EXPECT_EQ(world_.loop().armed_timers(), 0u);
}

}  // namespace
}  // namespace reinit
