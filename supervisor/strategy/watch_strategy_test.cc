#include "supervisor/strategy/watch_strategy.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/value/command_times.h"
#include "supervisor/watch/watch_record.h"

namespace reinit {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WatchStrategyTest : public ::testing::Test {
 protected:
  WatchStrategyTest() {
    options_.paths = {"src"};
    Context context = world_.context();
    context.commands = &commands_;
    strategy_ = MakeWatchStrategy(context, &options_, absl::Milliseconds(500),
                                  {".env"});
    strategy_->Start([this](Strategy::Wake wake) { wakes_.push_back(wake); });
    world_.Settle();
  }

  void BeginAnew(const WatchStart& start) {
    strategy_ = MakeWatchStrategy(world_.context(), &options_,
                                  absl::Milliseconds(500), {}, start);
    strategy_->Start([this](Strategy::Wake wake) { wakes_.push_back(wake); });
    world_.Settle();
  }
  void Report(WatchRecord::Kind kind, uint32_t count, const char* path,
              uint64_t digest = 7) {
    WatchRecord record;
    record.kind = kind;
    record.count = count;
    record.settled_ms = 52;
    record.digest = digest;
    std::strncpy(record.path, path, sizeof(record.path) - 1);
    // Told apart by their paths, and others of no name from everybody.
    record.names[0] = std::hash<std::string>()(path);
    for (size_t i = 1; i < record.NameCount(); ++i) record.names[i] = ++name_;
    Send(record);
  }
  void ReportQuietFor(uint64_t quiet_ms) {
    WatchRecord record;
    record.kind = WatchRecord::Kind::kChanged;
    record.count = 1;
    record.quiet_ms = quiet_ms;
    Send(record);
  }
  void Send(const WatchRecord& record) {
    const int fd = world_.os().process(world_.os().last()).passed_fd.get();
    ASSERT_EQ(::send(fd, &record, sizeof(record), MSG_NOSIGNAL),
              static_cast<ssize_t>(sizeof(record)));
    world_.Settle();
  }
  void Start() {
    InstanceView view;
    view.generation = ++generation_;
    view.state = InstanceState::kUp;
    strategy_->OnInstance(view);
  }
  std::string Asked() {
    const auto reason = strategy_->ShouldRestart({});
    return reason.has_value() ? reason->text : "nothing";
  }

  FakeWorld world_;
  CommandTimes commands_;
  WatchOptions options_;
  std::vector<Strategy::Wake> wakes_;
  std::unique_ptr<Strategy> strategy_;
  int generation_ = 0;
  uint64_t name_ = 0;
};

TEST_F(WatchStrategyTest, ReportsAChangeOnce) {
  Report(WatchRecord::Kind::kReady, 0, "");
  EXPECT_TRUE(wakes_.empty());
  Report(WatchRecord::Kind::kNoticed, 0, "");
  Report(WatchRecord::Kind::kChanged, 4, "src/app.py");
  EXPECT_THAT(wakes_, ::testing::ElementsAre(Strategy::Wake::kNoticed,
                                             Strategy::Wake::kAsk));
  const auto reason = strategy_->ShouldRestart({});
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->text, "src/app.py and 3 more");
  EXPECT_EQ(reason->changed, "src/app.py");
  EXPECT_EQ(reason->settled, absl::Milliseconds(52));
  EXPECT_FALSE(reason->IsFailure());
  EXPECT_EQ(Asked(), "nothing");
}

TEST_F(WatchStrategyTest, AllFilesOfAChangeAreHandedOn) {
  Report(WatchRecord::Kind::kPath, 0, "src/.x");
  Report(WatchRecord::Kind::kPath, 0, "src/app.py");
  EXPECT_TRUE(wakes_.empty());
  Report(WatchRecord::Kind::kChanged, 2, "src/app.py");
  Report(WatchRecord::Kind::kChanged, 1, "src/more");
  const auto reason = strategy_->ShouldRestart({});
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->changed, "src/app.py");
  EXPECT_EQ(reason->files.text(), "src/.x\nsrc/app.py\nsrc/more");
  EXPECT_EQ(reason->files.count(), 3);
  Report(WatchRecord::Kind::kChanged, 1, "src/a");
  const auto next = strategy_->ShouldRestart({});
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->files.text(), "src/a");
  EXPECT_EQ(next->files.count(), 1);
}

TEST_F(WatchStrategyTest, WhatIsNotKnownIsNotCounted) {
  Report(WatchRecord::Kind::kChanged, 0, "");
  const auto reason = strategy_->ShouldRestart({});
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->files.text(), "");
  EXPECT_EQ(reason->files.count(), std::nullopt);
}

TEST_F(WatchStrategyTest, TheStartOfASidecarMayBeAChange) {
  Report(WatchRecord::Kind::kReady, 0, "");
  EXPECT_EQ(Asked(), "nothing");
  BeginAnew({.counts = true});
  EXPECT_EQ(Asked(), "nothing");
  Report(WatchRecord::Kind::kReady, 0, "", 9);
  EXPECT_THAT(wakes_, ElementsAre(Strategy::Wake::kAsk));
  const auto reason = strategy_->ShouldRestart({});
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->text, "whatever changed in src before the start");
  EXPECT_EQ(reason->content, 9);
  EXPECT_TRUE(reason->IsChange());
  // A new helper is no start.
  Report(WatchRecord::Kind::kReady, 0, "", 9);
  EXPECT_EQ(Asked(), "nothing");
}

TEST_F(WatchStrategyTest, TheStartIsNoChangeIfWhatIsThereWasApplied) {
  const std::string file = testing::TempDir() + "/applied";
  for (const auto& [known, change] :
       {std::pair<std::string, bool>{DigestText(9) + "\n", false},
        {DigestText(8) + "\n", true},
        {"", true}}) {
    std::ofstream(file) << known;
    BeginAnew({.counts = true, .known_file = file});
    Report(WatchRecord::Kind::kReady, 0, "", 9);
    EXPECT_EQ(Asked() != "nothing", change) << known;
  }
  BeginAnew({.counts = true, .known_file = "/no/such/file"});
  Report(WatchRecord::Kind::kReady, 0, "", 9);
  EXPECT_NE(Asked(), "nothing");
  // What changes while the file is read, or after it, counts.
  std::ofstream(file) << DigestText(9);
  BeginAnew({.counts = true, .known_file = file});
  Report(WatchRecord::Kind::kReady, 0, "", 9);
  Report(WatchRecord::Kind::kChanged, 1, "src/a", 10);
  EXPECT_EQ(Asked(), "src/a");
}

TEST_F(WatchStrategyTest, WhatIsNotAskedForIsGathered) {
  Report(WatchRecord::Kind::kChanged, 1, "src/a");
  Report(WatchRecord::Kind::kChanged, 2, "src/b");
  EXPECT_EQ(Asked(), "src/a and 2 more");
  EXPECT_EQ(Asked(), "nothing");
}

TEST_F(WatchStrategyTest, AFileCountsOnce) {
  Report(WatchRecord::Kind::kChanged, 1, "src/a");
  Report(WatchRecord::Kind::kChanged, 1, "src/a");
  EXPECT_EQ(Asked(), "src/a");
  Report(WatchRecord::Kind::kChanged, 1, "src/a");
  Report(WatchRecord::Kind::kChanged, 1, "src/b");
  Report(WatchRecord::Kind::kChanged, 1, "src/a");
  Report(WatchRecord::Kind::kChanged, 2, "src/b");
  EXPECT_EQ(Asked(), "src/a and 2 more");
  // Each time anew.
  Report(WatchRecord::Kind::kChanged, 1, "src/b");
  EXPECT_EQ(Asked(), "src/b");
}

TEST_F(WatchStrategyTest, WhatARecordCannotNameIsCountedAllTheSame) {
  Report(WatchRecord::Kind::kChanged, 10'000, "src/a");
  Report(WatchRecord::Kind::kChanged, 1, "src/a");
  EXPECT_EQ(Asked(), "src/a and 9999 more");
}

TEST_F(WatchStrategyTest, OfVeryManyFilesChangesAreCounted) {
  for (int i = 0; i < 100; ++i) {
    Report(WatchRecord::Kind::kChanged, 64, "src/a");
  }
  const std::string all = Asked();
  EXPECT_EQ(all, absl::StrCat("src/a and ", 100 * 63, " more"));
  // From some number on, the same one counts anew.
  for (int i = 0; i < 1100; ++i) {
    Report(WatchRecord::Kind::kChanged, 1, absl::StrCat("src/", i).c_str());
  }
  Report(WatchRecord::Kind::kChanged, 1, "src/0");
  EXPECT_EQ(Asked(), "src/0 and 1099 more");
  for (int i = 0; i < 1100; ++i) {
    Report(WatchRecord::Kind::kChanged, 1, absl::StrCat("src/", i).c_str());
  }
  Report(WatchRecord::Kind::kChanged, 1, "src/1099");
  EXPECT_EQ(Asked(), "src/0 and 1100 more");
}

TEST_F(WatchStrategyTest, TellsByWhenAllWasDone) {
  const absl::Time now = world_.now();
  const auto done_by = [this] { return strategy_->ShouldRestart({})->done_by; };
  ReportQuietFor(500);
  EXPECT_EQ(done_by(), now - absl::Milliseconds(500));
  ReportQuietFor(50);
  ReportQuietFor(500);
  EXPECT_EQ(done_by(), now - absl::Milliseconds(50));
  ReportQuietFor(700);
  EXPECT_EQ(done_by(), now - absl::Milliseconds(700));
}

TEST_F(WatchStrategyTest, AHelperThatComesBackKnowsTheLastDigest) {
  Report(WatchRecord::Kind::kChanged, 1, "src/a", 0xabcdef);
  Asked();
  world_.os().Exit(world_.os().last(), {.signal = SIGKILL});
  world_.Advance(absl::Seconds(1));
  const auto config = WatchConfig::FromArgs(
      {world_.os().process(world_.os().last()).request.argv.begin() + 1,
       world_.os().process(world_.os().last()).request.argv.end()});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->digest, 0xabcdefu);
  EXPECT_THAT(config->paths, ElementsAre("src", ".env"));
  EXPECT_THAT(config->base, ::testing::StartsWith("/"));
  Report(WatchRecord::Kind::kChanged, 0, "");
  EXPECT_THAT(Asked(), HasSubstr("something in src"));
}

TEST_F(WatchStrategyTest, AProcessThatWritesWhatIsWatchedIsReloadedSlower) {
  const auto write = [this] {
    Report(WatchRecord::Kind::kChanged, 1, "src/log");
    wakes_.clear();
    const bool asked = Asked() == "src/log";
    if (asked) Start();
    return asked;
  };
  for (int reload = 0; reload < 5; ++reload) {
    EXPECT_TRUE(write());
    EXPECT_TRUE(world_.log().lines().empty());
  }
  EXPECT_FALSE(write());
  EXPECT_THAT(world_.log().lines(),
              ElementsAre(AllOf(HasSubstr("src/log has changed"),
                                HasSubstr("--watch-exclude"))));
  EXPECT_FALSE(write());
  // It stays, until it is due.
  world_.Advance(absl::Seconds(2));
  EXPECT_THAT(wakes_, ElementsAre(Strategy::Wake::kAsk));
  EXPECT_EQ(Asked(), "src/log");
  Start();
  EXPECT_FALSE(write());
  world_.Advance(absl::Seconds(1));
  EXPECT_TRUE(wakes_.empty());
  // Somebody's edit brings what waits with it, and is no more of the same.
  Report(WatchRecord::Kind::kChanged, 1, "src/app.py");
  EXPECT_EQ(Asked(), "src/log and 1 more");
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(world_.log().lines().size(), 1u);
  EXPECT_EQ(Asked(), "nothing");
}

// A command that ran then is named; nobody else is.
TEST_F(WatchStrategyTest, TheCommandThatRanIsNamed) {
  for (int reload = 0; reload < 6; ++reload) {
    const int run = commands_.Began(world_.now(), "make all");
    world_.Advance(absl::Seconds(9));
    Report(WatchRecord::Kind::kChanged, 1, "src/out");
    Asked();
    commands_.Ended(run, world_.now());
    world_.Advance(absl::Minutes(1));
  }
  EXPECT_THAT(world_.log().lines(),
              ElementsAre(AllOf(HasSubstr("src/out has changed"),
                                HasSubstr("while 'make all' runs"))));
}

// As while a program is copied slowly, and in a sidecar: nothing was started
// that could have written it.
TEST_F(WatchStrategyTest, WithoutAStartNothingIsHeldBack) {
  for (int reload = 0; reload < 20; ++reload) {
    Report(WatchRecord::Kind::kChanged, 1, "src/app");
    EXPECT_EQ(Asked(), "src/app");
  }
  EXPECT_TRUE(world_.log().lines().empty());
}

// What `fd` leads to in place of stderr, for the life of this.
class StderrIs {
 public:
  explicit StderrIs(int fd) : former_(::dup(STDERR_FILENO)) {
    ::dup2(fd, STDERR_FILENO);
  }
  ~StderrIs() { ::dup2(former_.get(), STDERR_FILENO); }

 private:
  const UniqueFd former_;
};

TEST_F(WatchStrategyTest, AFirstScanThatTakesLongIsToldToWhoSitsThere) {
  const UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  const UniqueFd nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(terminal.valid() && nothing.valid());
  {
    const StderrIs told(terminal.get());
    Report(WatchRecord::Kind::kProgress, 320, "");
  }
  EXPECT_THAT(world_.log().lines(),
              ElementsAre("first look at what is watched: 320 folders so far"));
  EXPECT_EQ(world_.log().last_level(), LogLevel::kInfo);
  {
    const StderrIs told(nothing.get());
    Report(WatchRecord::Kind::kProgress, 640, "");
  }
  EXPECT_EQ(world_.log().last_level(), LogLevel::kDebug);
  EXPECT_TRUE(wakes_.empty());
}

TEST_F(WatchStrategyTest, AMalformedRecordEndsTheHelper) {
  const pid_t first = world_.os().last();
  WatchRecord record;
  record.magic = 1;
  Send(record);
  EXPECT_FALSE(world_.os().Alive(first));
  world_.Advance(absl::Seconds(1));
  const pid_t second = world_.os().last();
  record = {};
  record.kind = WatchRecord::Kind::kChanged;
  std::memset(record.path, 'x', sizeof(record.path));  // no end
  Send(record);
  EXPECT_FALSE(world_.os().Alive(second));
  EXPECT_EQ(Asked(), "nothing");
}

TEST_F(WatchStrategyTest, SaysWhatDisappearsAndWhatReturns) {
  Report(WatchRecord::Kind::kGone, 0, "src");
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("src has disappeared")));
  Report(WatchRecord::Kind::kBack, 0, "src");
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("src is back")));
  EXPECT_EQ(Asked(), "nothing");
}

}  // namespace
}  // namespace reinit
