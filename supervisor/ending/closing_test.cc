#include "supervisor/ending/closing.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/value/stop_ladder.h"
#include "supervisor/run/post_stop.h"
#include "supervisor/scenario/fake_instance.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/side/side_child.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecordingObserver : public Observer {
 public:
  void OnForwarded(int received, int sent, pid_t pid, int error) override {
    heard.push_back(absl::StrCat("forwarded ", received, " as ", sent, " to ",
                                 pid, ": ", error));
  }
  void OnEnd(int exit_code) override {
    heard.push_back(absl::StrCat("end ", exit_code));
  }
  std::vector<std::string> heard;
};

class ClosingTest : public ::testing::Test {
 protected:
  ClosingTest() { options_.watch.paths = {"."}; }
  ~ClosingTest() override { ::unlink(path_.c_str()); }

  // Made at the first use, so that a test can set options before.
  Closing& closing() {
    if (!closing_.has_value()) {
      Context context = world_.context();
      context.observer = &observer_;
      closing_.emplace(context, &options_, &post_stop_, [this] {
        ++asked_for_words_;
        return "the last words\n";
      });
      closing_->set_on_begin([this] { ++begun_; });
      world_.children().set_on_reaped([this] { closing_->OnReaped(); });
    }
    return *closing_;
  }

  // The last process, which has just ended and has left one more of its group.
  void EndProcess() {
    const std::unique_ptr<Instance> process = StartInstance(&world_, 1);
    last_.pid = process->pid();
    last_.mark = process->mark();
    last_.exit_code = 3;
    left_ = os().AddChildOf(last_.pid);
    os().process(left_).group = last_.pid;
    os().process(left_).deaf = true;
    os().Exit(last_.pid, {.code = 3});
    world_.Settle();
  }
  void Begin() {
    closing().Begin(last_);
    world_.Settle();
  }
  void AddHook() {
    options_.process.post_stop = {"tidy"};
    post_stop_.Add({});
  }
  void EndHook() {
    os().Exit(os().last(), {});
    world_.Settle();
  }
  std::string Words() {
    const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return "none";
    std::string text(100, '\0');
    const ssize_t got = ::read(fd.get(), text.data(), text.size());
    return text.substr(0, got > 0 ? static_cast<size_t>(got) : 0);
  }
  void BeAPlainInitThatEndsAtOnce() {
    options_.watch.paths.clear();
    options_.init.ends_at_once = true;
  }
  FakeOs& os() { return world_.os(); }

  const std::string path_ =
      absl::StrCat(::testing::TempDir(), "/closing-", ::getpid());
  FakeWorld world_;
  Options options_;
  RecordingObserver observer_;
  PostStop post_stop_{world_.context(), &options_,
                      [](int) { return std::vector<std::string>(); }};
  Closing::Last last_;
  pid_t left_ = 0;
  int begun_ = 0;
  int asked_for_words_ = 0;
  std::optional<Closing> closing_;
};

// The rows of the table.

TEST_F(ClosingTest, OpenThenBeginWithNothingLeftIsClosed) {
  EXPECT_FALSE(closing().closed());
  EXPECT_EQ(begun_, 0);
  Begin();
  EXPECT_EQ(begun_, 1);
  EXPECT_TRUE(closing().closed());
  EXPECT_EQ(asked_for_words_, 0);
  EXPECT_THAT(observer_.heard, IsEmpty());
}

TEST_F(ClosingTest, OpenThenBeginIsSweepingWhileSomethingIsLeft) {
  AddHook();
  EndProcess();
  Begin();
  EXPECT_FALSE(closing().closed());
  EXPECT_FALSE(post_stop_.running());
  EXPECT_THAT(os().process(left_).received, ElementsAre(SIGTERM, SIGCONT));
}

TEST_F(ClosingTest, APlainInitThatWaitsSweepsToo) {
  options_.watch.paths.clear();
  EndProcess();
  Begin();
  EXPECT_EQ(begun_, 1);
  EXPECT_THAT(os().process(left_).received, ElementsAre(SIGTERM, SIGCONT));
}

TEST_F(ClosingTest, OpenThenBeginIsHookForAPlainInitThatEndsAtOnce) {
  BeAPlainInitThatEndsAtOnce();
  AddHook();
  EndProcess();
  Begin();
  EXPECT_TRUE(post_stop_.running());
  EXPECT_EQ(begun_, 0);
  EXPECT_THAT(os().process(left_).received, IsEmpty());
  EXPECT_THAT(observer_.heard, ElementsAre("end 3"));
  EndHook();
  EXPECT_TRUE(closing().closed());
}

// Its rules are those of a plain init alone.
TEST_F(ClosingTest, ASupervisorNeverEndsAtOnce) {
  options_.init.ends_at_once = true;
  EndProcess();
  Begin();
  EXPECT_EQ(begun_, 1);
  EXPECT_THAT(os().process(left_).received, ElementsAre(SIGTERM, SIGCONT));
  EXPECT_THAT(observer_.heard, IsEmpty());
}

TEST_F(ClosingTest, SweepingThenNothingIsLeftIsHook) {
  AddHook();
  EndProcess();
  Begin();
  os().Exit(left_, {});
  world_.Settle();
  EXPECT_TRUE(post_stop_.running());
  EXPECT_FALSE(closing().closed());
}

TEST_F(ClosingTest, SweepingThenTheTimeIsOverKillsAndGoesOn) {
  EndProcess();
  Begin();
  world_.Advance(options_.stop.leftover_timeout - absl::Milliseconds(1));
  EXPECT_TRUE(os().Alive(left_));
  world_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(os().Alive(left_));
  EXPECT_TRUE(closing().closed());
}

TEST_F(ClosingTest, SweepingThenWhatSurvivesKillIsLeft) {
  EndProcess();
  os().process(left_).unkillable = true;
  Begin();
  world_.Advance(options_.stop.leftover_timeout + StopLadder::kUnkillable);
  EXPECT_TRUE(os().Alive(left_));
  EXPECT_TRUE(closing().closed());
}

TEST_F(ClosingTest, HookThenThroughIsClosedWithoutAFileForTheLastWords) {
  AddHook();
  Begin();
  EXPECT_FALSE(closing().closed());
  EndHook();
  EXPECT_TRUE(closing().closed());
}

TEST_F(ClosingTest, HookThenThroughIsWordsAndThenClosed) {
  options_.termination_log = path_;
  AddHook();
  Begin();
  EXPECT_EQ(asked_for_words_, 0);
  EndHook();
  EXPECT_EQ(asked_for_words_, 1);
  EXPECT_TRUE(closing().closed());
  EXPECT_EQ(Words(), "the last words\n");
  EXPECT_THAT(world_.log().lines(), IsEmpty());
}

TEST_F(ClosingTest, WordsThatCannotBeWrittenAreReportedAndItIsClosed) {
  options_.termination_log = path_ + "/not/there";
  Begin();
  EXPECT_TRUE(closing().closed());
  EXPECT_THAT(world_.log().lines(),
              ElementsAre(absl::StrCat(
                  "--termination-log=", options_.termination_log,
                  ": cannot be written: No such file or directory")));
}

TEST_F(ClosingTest, WordsWhoseFileSystemHangsAreNotWaitedForForLong) {
  options_.termination_log = path_;
  os().set_hold_forks(true);
  Begin();
  EXPECT_FALSE(closing().closed());
  world_.Advance(SideChild::kPatience);
  EXPECT_TRUE(closing().closed());
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("its file system does not answer")));
}

// KillNow

TEST_F(ClosingTest, KillNowWhileSweepingKills) {
  EndProcess();
  Begin();
  closing().KillNow();
  world_.Settle();
  EXPECT_FALSE(os().Alive(left_));
  EXPECT_TRUE(closing().closed());
}

TEST_F(ClosingTest, KillNowBeforeBeginLeavesNoTimeEither) {
  EndProcess();
  closing().KillNow();
  EXPECT_TRUE(os().Alive(left_));
  Begin();
  EXPECT_FALSE(os().Alive(left_));
  EXPECT_TRUE(closing().closed());
}

// What a plain init that ends at once does for the others of the group.

class GroupAtEndTest : public ClosingTest {
 protected:
  GroupAtEndTest() {
    BeAPlainInitThatEndsAtOnce();
    options_.init.term_group_at_end = true;
    options_.signals.forward_to = SignalOptions::ForwardTo::kGroup;
  }
  // Of the group: the fake world signals its leader alone, so one that is
  // there in the leader's place.
  void BeginWithGroup() {
    last_.pid = os().AddChildOf(FakeOs::kSelf);
    os().process(last_.pid).deaf = true;
    Begin();
  }
};

TEST_F(GroupAtEndTest, ItIsSentTerm) {
  BeginWithGroup();
  EXPECT_THAT(os().process(last_.pid).received, ElementsAre(SIGTERM));
  EXPECT_THAT(
      observer_.heard,
      ElementsAre(absl::StrCat("forwarded 15 as 15 to ", last_.pid, ": 0"),
                  "end 0"));
}

TEST_F(GroupAtEndTest, ItIsSentWhatTermIsRewrittenTo) {
  options_.signals.rewrite.Set(SIGTERM, SIGUSR1);
  BeginWithGroup();
  EXPECT_THAT(os().process(last_.pid).received, ElementsAre(SIGUSR1));
}

TEST_F(GroupAtEndTest, NothingIsSentWhereTermIsDropped) {
  options_.signals.rewrite.Set(SIGTERM, 0);
  BeginWithGroup();
  EXPECT_THAT(os().process(last_.pid).received, IsEmpty());
  EXPECT_THAT(observer_.heard, ElementsAre(absl::StrCat("forwarded 15 as 0 to ",
                                                        last_.pid, ": 0"),
                                           "end 0"));
}

TEST_F(GroupAtEndTest, NothingIsSentWhereSignalsGoToTheProcessAlone) {
  options_.signals.forward_to = SignalOptions::ForwardTo::kProcess;
  BeginWithGroup();
  EXPECT_THAT(os().process(last_.pid).received, IsEmpty());
}

TEST_F(GroupAtEndTest, NothingIsSentWhereThereWasNoProcess) {
  Begin();
  EXPECT_THAT(os().sent(), IsEmpty());
  EXPECT_THAT(observer_.heard, ElementsAre("end 0"));
}

}  // namespace
}  // namespace reinit
