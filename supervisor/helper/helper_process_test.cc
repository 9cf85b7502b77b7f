#include "supervisor/helper/helper_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The descriptor here at which what `fd` sends arrives: of those that are
// sockets, the one where it does.
int PeerOf(int fd) {
  EXPECT_EQ(::send(fd, "peer", 4, MSG_NOSIGNAL), 4);
  for (int other = 0; other < 256; ++other) {
    char text[4];
    if (other != fd &&
        ::recv(other, text, sizeof(text), MSG_DONTWAIT) == sizeof(text)) {
      return other;
    }
  }
  return -1;
}

class HelperProcessTest : public ::testing::Test {
 protected:
  HelperProcessTest()
      : helper_(world_.context(),
                HelperProcess::Spec{.role = "test",
                                    .arguments =
                                        [this] {
                                          return std::vector<std::string>{
                                              absl::StrCat("known=",
                                                           records_.size())};
                                        },
                                    .record_size = 4,
                                    .unprivileged = true,
                                    .on_record =
                                        [this](const char* bytes) {
                                          records_.emplace_back(bytes, 4);
                                          return records_.back() != "bad!";
                                        },
                                    .on_restarted = [this] { ++restarted_; },
                                    .may_end =
                                        [this](ExitStatus status) {
                                          return may_end_ && status.Success();
                                        }}) {
    helper_.Start();
    world_.Settle();
  }

  void Say(std::string_view text) {
    const int fd = world_.os().process(helper_.pid()).passed_fd.get();
    ASSERT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  void ExpectReplaced(pid_t old) {
    world_.Settle();
    EXPECT_EQ(helper_.pid(), 0);
    EXPECT_FALSE(world_.os().Alive(old));
    world_.Advance(absl::Seconds(1));
    EXPECT_TRUE(world_.os().Alive(helper_.pid()));
    EXPECT_EQ(restarted_, 1);
  }

  FakeWorld world_;
  std::vector<std::string> records_;
  int restarted_ = 0;
  bool may_end_ = false;
  HelperProcess helper_;
};

TEST_F(HelperProcessTest, RunsThisBinaryInItsRole) {
  const SpawnRequest& request = world_.os().process(helper_.pid()).request;
  EXPECT_THAT(request.argv, ElementsAre("reinit: test", "known=0"));
  EXPECT_TRUE(request.environment.empty());
  EXPECT_TRUE(request.die_with_parent);
  EXPECT_TRUE(request.unprivileged);
}

TEST_F(HelperProcessTest, HandsOverEachRecord) {
  Say("aaaa");
  Say("bbbb");
  world_.Settle();
  EXPECT_THAT(records_, ElementsAre("aaaa", "bbbb"));
}

TEST_F(HelperProcessTest, SendReachesIt) {
  EXPECT_TRUE(helper_.Send("ask?", 4));
  char buffer[8] = {};
  const int fd = world_.os().process(helper_.pid()).passed_fd.get();
  EXPECT_EQ(::recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT), 4);
  EXPECT_STREQ(buffer, "ask?");
}

TEST_F(HelperProcessTest, SendPassesDescriptors) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read(ends[0]);
  const UniqueFd write(ends[1]);
  EXPECT_TRUE(helper_.Send("take", 4, {write.get()}));
  char text[4];
  iovec part = {text, sizeof(text)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const int fd = world_.os().process(helper_.pid()).passed_fd.get();
  ASSERT_EQ(::recvmsg(fd, &message, MSG_DONTWAIT), 4);
  ASSERT_NE(CMSG_FIRSTHDR(&message), nullptr);
  int passed = -1;
  std::memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(passed));
  const UniqueFd copy(passed);
  ASSERT_EQ(::write(copy.get(), "x", 1), 1);
  EXPECT_EQ(::read(read.get(), text, sizeof(text)), 1);
}

TEST_F(HelperProcessTest, OneThatMayEndIsNotReplaced) {
  const pid_t old = helper_.pid();
  may_end_ = true;
  Say("last");
  world_.os().process(old).passed_fd.reset();
  world_.Settle();
  world_.os().Exit(old, {.code = 0});
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(helper_.pid(), 0);
  EXPECT_EQ(restarted_, 0);
  EXPECT_THAT(records_, ElementsAre("last"));
  EXPECT_EQ(world_.loop().armed_timers(), 0u);
}

TEST_F(HelperProcessTest, OneThatFailsIsReplacedThoughItMayEnd) {
  const pid_t old = helper_.pid();
  may_end_ = true;
  world_.os().Exit(old, {.code = 1});
  ExpectReplaced(old);
}

TEST_F(HelperProcessTest, ARecordOfTheWrongSizeEndsIt) {
  for (const std::string_view text : {"abc", "abcde"}) {
    restarted_ = 0;
    const pid_t old = helper_.pid();
    Say(text);
    ExpectReplaced(old);
  }
  EXPECT_TRUE(records_.empty());
}

TEST_F(HelperProcessTest, ARefusedRecordEndsIt) {
  const pid_t old = helper_.pid();
  Say("bad!");
  ExpectReplaced(old);
}

// Such a helper lives on, and nothing else would ever tell.
TEST_F(HelperProcessTest, OneThatClosesItsSocketAndDoesNotEndIsReplaced) {
  const pid_t old = helper_.pid();
  world_.os().process(old).passed_fd.reset();
  world_.Settle();
  world_.Advance(absl::Seconds(2));
  ExpectReplaced(old);
}

TEST_F(HelperProcessTest, OneThatSaysNothingInADatagramIsReplaced) {
  const pid_t old = helper_.pid();
  Say("");
  world_.Settle();
  world_.Advance(absl::Seconds(2));
  ExpectReplaced(old);
}

TEST_F(HelperProcessTest, OneThatCannotBeHeardIsReplaced) {
  const pid_t old = helper_.pid();
  // Another file in the place of its socket, which the loop still watches.
  const int theirs = world_.os().process(old).passed_fd.get();
  const int ours = PeerOf(theirs);
  ASSERT_GE(ours, 0);
  const UniqueFd watched(::dup(ours));
  const UniqueFd other(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::dup2(other.get(), ours), ours);
  Say("aaaa");
  ExpectReplaced(old);
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("cannot be heard")));
}

TEST_F(HelperProcessTest, OneThatEndsIsReplacedAndToldWhatWasKnown) {
  const pid_t old = helper_.pid();
  Say("last");
  world_.os().Exit(old, {.signal = SIGKILL});
  ExpectReplaced(old);
  // What it said just before its end was heard.
  EXPECT_THAT(records_, ElementsAre("last"));
  EXPECT_THAT(world_.os().process(helper_.pid()).request.argv,
              ElementsAre("reinit: test", "known=1"));
}

TEST_F(HelperProcessTest, OneThatIsStoppedIsContinued) {
  const pid_t pid = helper_.pid();
  for (int i = 0; i < 3; ++i) {
    world_.os().Stop(pid, SIGSTOP);
    world_.Settle();
  }
  EXPECT_EQ(helper_.pid(), pid);
  EXPECT_THAT(world_.os().process(pid).received,
              ElementsAre(SIGCONT, SIGCONT, SIGCONT));
  EXPECT_EQ(world_.log().lines()[0],
            absl::StrCat("test helper [", pid,
                         "] was stopped by SIGSTOP: continued"));
  // Once is enough, if somebody insists.
  EXPECT_EQ(world_.log().last_level(), LogLevel::kDebug);
}

TEST_F(HelperProcessTest, OneThatCannotBeStartedIsTriedAgain) {
  world_.os().set_spawn_errors(5);
  world_.os().Exit(helper_.pid(), {.code = 1});
  world_.Advance(absl::Minutes(1));
  EXPECT_TRUE(world_.os().Alive(helper_.pid()));
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("test helper")));
}

TEST_F(HelperProcessTest, SaysWhyNoneCanBeStarted) {
  world_.os().set_spawn_errors(1);
  world_.os().Exit(helper_.pid(), {.code = 1});
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("test helper cannot be started (fork: ")));
}

TEST_F(HelperProcessTest, SaysWhyOneCannotBeExecuted) {
  world_.os().set_exec_error(EACCES);
  world_.os().Exit(helper_.pid(), {.code = 1});
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(world_.log().lines(),
              Contains(AllOf(HasSubstr("cannot be executed (Permission denied"),
                             HasSubstr("chmod 755"))));
}

TEST_F(HelperProcessTest, SaysWhatCannotBeOpened) {
  world_.os().Exit(helper_.pid(), {.code = 1});
  world_.Settle();
  rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  world_.Advance(absl::Milliseconds(100));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_THAT(world_.log().lines().back(),
              HasSubstr("cannot be started (opening reinit's own program: Too "
                        "many open files)"));
}

TEST_F(HelperProcessTest, BacksOffWhileItKeepsFailing) {
  const int before = world_.os().spawns();
  for (int second = 0; second < 60; ++second) {
    world_.Advance(absl::Seconds(1));
    // What it says first makes no difference.
    if (helper_.pid() != 0) {
      Say("well");
      world_.os().Exit(helper_.pid(), {.code = 2});
    }
    world_.Settle();
  }
  // 0.1, 0.2, 0.4 ... 10 s: about a dozen, not hundreds.
  EXPECT_LT(world_.os().spawns() - before, 15);
  EXPECT_FALSE(records_.empty());
}

TEST_F(HelperProcessTest, OneThatHasLivedLongIsReplacedAtOnce) {
  for (int i = 0; i < 20; ++i) {
    world_.Advance(absl::Minutes(1));
    ASSERT_NE(helper_.pid(), 0);
    world_.os().Exit(helper_.pid(), {.signal = SIGKILL});
    world_.Settle();
    EXPECT_THAT(world_.log().lines().back(), HasSubstr("again in 100ms"));
    world_.Advance(absl::Milliseconds(100));
  }
}

}  // namespace
}  // namespace reinit
