#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/watch_record.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Kind = WatchRecord::Kind;

TEST(WatchConfigTest, SurvivesTheCommandLine) {
  WatchConfig config;
  config.paths = {"src", "--digest=1", "a\nb"};
  config.base = "/some/where";
  config.filter.extensions = {"py", "html"};
  config.reload_delay = absl::Milliseconds(500);
  config.settle = absl::ZeroDuration();
  config.settle_adapts = true;
  config.poll = true;
  config.compare = WatchCompare::kHash;
  config.scan = absl::Seconds(7);
  config.scan_adapts = true;
  for (const std::optional<uint64_t> digest :
       {std::optional<uint64_t>(), std::optional<uint64_t>(0),
        std::optional<uint64_t>(~0ULL)}) {
    config.digest = digest;
    const auto back = WatchConfig::FromArgs(config.ToArgs());
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->paths, config.paths);
    EXPECT_EQ(back->base, config.base);
    EXPECT_EQ(back->filter.extensions, config.filter.extensions);
    EXPECT_EQ(back->reload_delay, config.reload_delay);
    EXPECT_EQ(back->settle, config.settle);
    EXPECT_TRUE(back->settle_adapts);
    EXPECT_TRUE(back->poll);
    EXPECT_EQ(back->compare, config.compare);
    EXPECT_EQ(back->scan, config.scan);
    EXPECT_TRUE(back->scan_adapts);
    EXPECT_EQ(back->digest, config.digest);
    EXPECT_FALSE(back->since.has_value());
  }
  config.since = timespec{1'700'000'000, 7};
  const auto back = WatchConfig::FromArgs(config.ToArgs());
  ASSERT_TRUE(back.ok() && back->since.has_value());
  EXPECT_EQ(back->since->tv_sec, 1'700'000'000);
  EXPECT_EQ(back->since->tv_nsec, 7);
}

TEST(WatchConfigTest, RefusesWhatItDidNotWrite) {
  for (const char* arg :
       {"", "x", "--delay=", "--settle=1", "--scan=1", "--compare=3",
        "--compare=-1", "--poll=1", "--digest=x",
        "--digest=", "--digest=11111111111111111"}) {
    EXPECT_FALSE(WatchConfig::FromArgs({arg}).ok()) << arg;
  }
}

bool StartsWithPath(const std::string& path, const std::string& folder) {
  return path == folder || absl::StartsWith(path, folder + "/");
}

constexpr std::string_view kStretched = "5 % of a processor";

// The helper in a thread; this side is PID 1's. Never sleeps: each change is
// made after the record that says that it will be noticed. Whether it polls is
// the parameter; where it does not, nothing but announcements is looked at.
class WatchHelperTest : public ::testing::TestWithParam<bool> {
 protected:
  ~WatchHelperTest() override {
    if (exit_.valid()) {
      EXPECT_EQ(Exit(), 0);
    }
  }

  void Start(std::vector<std::string> paths,
             std::optional<uint64_t> digest = std::nullopt,
             absl::Duration settle = absl::Milliseconds(20)) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    ours_.reset(ends[0]);
    WatchConfig config;
    config.paths = std::move(paths);
    config.poll = poll_;
    config.reload_delay =
        poll_ ? absl::Milliseconds(20) : absl::InfiniteDuration();
    config.settle = settle;
    config.settle_adapts = adapts_;
    config.filter.extensions = extensions_;
    config.digest = digest;
    config.since = since_;
    exit_ = std::async(std::launch::async,
                       [config, limits = limits_, fd = ends[1]] {
                         const UniqueFd theirs(fd);
                         return RunWatchHelper(theirs.get(), config, limits);
                       });
  }

  // The next record, other than the remark that looking takes long, which a
  // busy machine may cause in any test. The paths that stand before a kChanged
  // go into paths_.
  WatchRecord Next() {
    for (;;) {
      const WatchRecord record = NextOfAll();
      if (record.kind == Kind::kPath) {
        paths_.emplace_back(record.path);
      } else if (!absl::EndsWith(record.path, kStretched)) {
        return record;
      }
    }
  }

  // Fails after a time that no machine needs.
  WatchRecord NextOfAll() {
    WatchRecord record;
    pollfd polled = {ours_.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&polled, 1, 60'000), 1) << "no record";
    EXPECT_EQ(::recv(ours_.get(), &record, sizeof(record), MSG_DONTWAIT),
              static_cast<ssize_t>(sizeof(record)));
    EXPECT_EQ(record.magic, WatchRecord::kMagic);
    EXPECT_NE(std::memchr(record.path, '\0', sizeof(record.path)), nullptr);
    return record;
  }

  WatchRecord Expect(Kind kind) {
    const WatchRecord record = Next();
    EXPECT_EQ(static_cast<int>(record.kind), static_cast<int>(kind))
        << record.path;
    return record;
  }

  // The next kChanged, with the kNoticed that must stand before it.
  WatchRecord ExpectChange() {
    Expect(Kind::kNoticed);
    return Expect(Kind::kChanged);
  }

  // Nothing is on its way: what is made now is the very next thing reported.
  void ExpectNothingBut(const WatchedFolder& folder, const char* marker) {
    folder.Write(marker, "");
    const WatchRecord record = ExpectChange();
    EXPECT_EQ(record.count, 1U);
    EXPECT_EQ(record.path, folder.Path(marker));
    EXPECT_NE(record.names[0], 0U);
  }

  int Exit() {
    ours_.reset();
    return exit_.get();
  }

  bool poll_ = GetParam();
  std::vector<std::string> extensions_;
  std::optional<timespec> since_;
  bool adapts_ = false;
  // However long the first scan takes here, nothing is said of it.
  FirstScanLimits limits_ = {.progress_every = absl::InfiniteDuration()};
  UniqueFd ours_;
  std::future<int> exit_;
  std::vector<std::string> paths_;
};

TEST_P(WatchHelperTest, ReportsAChangeOnce) {
  const WatchedFolder folder;
  folder.Write("a", "1");
  Start({folder.path()});
  const WatchRecord ready = Expect(Kind::kReady);
  EXPECT_EQ(ready.count, 1U);
  folder.Append("a", "2");
  const WatchRecord changed = ExpectChange();
  EXPECT_EQ(changed.count, 1U);
  EXPECT_EQ(changed.path, folder.Path("a"));
  EXPECT_GE(changed.settled_ms, 20U);
  EXPECT_GE(changed.quiet_ms, 20U);
  EXPECT_LE(changed.quiet_ms, changed.settled_ms);
  EXPECT_NE(changed.digest, ready.digest);
  ExpectNothingBut(folder, "marker");
}

TEST_P(WatchHelperTest, ManyFilesAtOnceAreOneRecord) {
  const WatchedFolder folder;
  // Made outside and moved in at once, so that no look can fall in between.
  Start({folder.Path("root")});
  Expect(Kind::kReady);
  Expect(Kind::kGone);
  folder.MakeDirectory("new");
  for (int i = 0; i < 16; ++i) folder.Write(absl::StrCat("new/", i), "");
  folder.Rename("new", "root");
  Expect(Kind::kBack);
  EXPECT_EQ(ExpectChange().count, 16U);
  std::vector<std::string> all;
  all.reserve(16);
  for (int i = 0; i < 16; ++i) {
    all.push_back(folder.Path(absl::StrCat("root/", i)));
  }
  EXPECT_THAT(paths_, testing::UnorderedElementsAreArray(all));
}

// However many, and however long: PID 1 keeps them.
TEST_P(WatchHelperTest, ThePathsOfAChangeAreBounded) {
  const WatchedFolder folder;
  Start({folder.Path("root")}, std::nullopt, absl::Milliseconds(300));
  Expect(Kind::kReady);
  Expect(Kind::kGone);
  folder.MakeDirectory("new");
  for (int i = 0; i < 300; ++i) {
    folder.Write(absl::StrCat("new/", std::string(200, 'x'), i), "");
  }
  folder.Rename("new", "root");
  Expect(Kind::kBack);
  EXPECT_EQ(ExpectChange().count, 300U);
  size_t bytes = 0;
  for (const std::string& path : paths_) bytes += path.size() + 1;
  EXPECT_LE(bytes, WatchRecord::kMaxPathBytes);
  EXPECT_GT(bytes, WatchRecord::kMaxPathBytes - 1000);
  paths_.clear();
  ExpectNothingBut(folder, "root/marker");
  EXPECT_EQ(paths_, std::vector<std::string>());
}

// Written one after the other, with looks in between: the records together
// hold each file exactly once, and settle to fewer records than files.
TEST_P(WatchHelperTest, ABurstIsGathered) {
  const WatchedFolder folder;
  Start({folder.path()}, std::nullopt, absl::Milliseconds(300));
  Expect(Kind::kReady);
  for (int i = 0; i < 100; ++i) folder.Write(absl::StrCat("f", i), "");
  uint32_t count = 0;
  while (count < 100) count += ExpectChange().count;
  EXPECT_EQ(count, 100U);
}

// While something settles, only that is looked at; what changed elsewhere
// meanwhile belongs to the same report all the same.
TEST_P(WatchHelperTest, ChangesElsewhereWhileSettlingBelongToTheSameReport) {
  const WatchedFolder folder;
  folder.MakeDirectory("one");
  folder.MakeDirectory("two");
  Start({folder.path()}, std::nullopt, absl::Milliseconds(300));
  Expect(Kind::kReady);
  // A machine that stops this thread for 300 ms gives two reports.
  for (int attempt = 0; attempt < 10; ++attempt) {
    folder.Append("one/a", "1");
    Expect(Kind::kNoticed);
    folder.Append("two/b", "1");
    if (Expect(Kind::kChanged).count == 2) return;
    EXPECT_EQ(ExpectChange().count, 1U);
  }
  ADD_FAILURE() << "never in one report";
}

// However long the settle time: what is announced shows that it is finished.
// Where nothing is announced it is waited for.
TEST_P(WatchHelperTest, ASavedFileIsReportedBeforeTheSettleTime) {
  const WatchedFolder folder;
  folder.Write("a", "1");
  folder.Write("b", "1");
  adapts_ = true;
  constexpr uint64_t kSettle = 2'000;
  Start({folder.path()}, std::nullopt, absl::Milliseconds(kSettle));
  Expect(Kind::kReady);
  folder.Write("a", "22");
  if (poll_) {
    EXPECT_GE(ExpectChange().quiet_ms, kSettle);
    return;
  }
  const WatchRecord saved = ExpectChange();
  EXPECT_GE(saved.quiet_ms, 10U);
  EXPECT_LT(saved.quiet_ms, kSettle);
  // No second has been calm since.
  folder.Write("b", "22");
  EXPECT_GE(ExpectChange().quiet_ms, kSettle);
}

// Of the same size, and each right after the report of the one before: within a
// tick of a coarse clock, where the helper has to wait for it.
TEST_P(WatchHelperTest, NoneOfManyWritesInARowIsLost) {
  if (poll_) GTEST_SKIP() << "a sweep every 20 ms would make it long";
  const WatchedFolder folder;
  folder.Write("a", "0");
  Start({folder.path()}, std::nullopt, absl::ZeroDuration());
  Expect(Kind::kReady);
  const UniqueFd file(::open(folder.Path("a").c_str(), O_WRONLY | O_CLOEXEC));
  for (int i = 0; i < 2 * 2'000; ++i) {
    ASSERT_EQ(::pwrite(file.get(), i % 2 == 0 ? "1" : "0", 1, 0), 1);
    ASSERT_EQ(ExpectChange().count, 1U) << i;
  }
}

TEST_P(WatchHelperTest, WhatIsMoreThanASaveHasTheWholeSettleTime) {
  if (poll_) GTEST_SKIP() << "nothing is announced, so nothing is quick";
  constexpr uint64_t kSettle = 1'100;  // longer than a calm second
  const WatchedFolder folder;
  folder.Write("a", "1");
  folder.Write("b", "1");
  adapts_ = true;
  Start({folder.path()}, std::nullopt, absl::Milliseconds(kSettle));
  Expect(Kind::kReady);
  const auto whole = [&](const char* what) {
    EXPECT_GE(ExpectChange().quiet_ms, kSettle) << what;
  };
  folder.Write("new", "1");
  whole("a new file");
  folder.Write("a", "");
  whole("an empty file");
  folder.Remove("new");
  whole("a removed file");
  {
    const UniqueFd writer(::open(folder.Path("a").c_str(), O_WRONLY));
    ASSERT_EQ(::write(writer.get(), "333", 3), 3);
    whole("a file that is open for writing");
  }
  folder.Write("4913", "");
  folder.Remove("4913");
  folder.Write("a", "4444");
  whole("a file beside it, though left out");
}

TEST_P(WatchHelperTest, ChangesAfterAReportAreNewOnes) {
  const WatchedFolder folder;
  folder.Write("a", "1");
  Start({folder.path()});
  Expect(Kind::kReady);
  for (int i = 0; i < 3; ++i) {
    folder.Write("a~", "x");
    folder.Rename("a~", "a");
    EXPECT_EQ(ExpectChange().count, 1U);
  }
}

TEST_P(WatchHelperTest, ExcludedNamesAndOtherExtensionsAreSilent) {
  const WatchedFolder folder;
  folder.Write("a.py", "");  // a folder without any would be said
  extensions_ = {"py"};
  Start({folder.path()});
  Expect(Kind::kReady);
  folder.Write("notes.txt", "");
  folder.Write(".a.py.swp", "");
  folder.Write("a.py~", "");
  folder.MakeDirectory("__pycache__");
  folder.Write("__pycache__/a.py", "");
  ExpectNothingBut(folder, "marker.py");
}

TEST_P(WatchHelperTest, AFolderWithoutAMatchingFileIsSaidOnce) {
  const WatchedFolder folder;
  folder.MakeDirectory("some");
  folder.MakeDirectory("none");
  folder.Write("some/a.py", "1");
  folder.Write("none/a.txt", "1");
  extensions_ = {"py"};
  Start({folder.Path("some"), folder.Path("none")});
  Expect(Kind::kReady);
  EXPECT_THAT(std::string(Expect(Kind::kWarning).path),
              AllOf(StartsWith(folder.Path("none")), HasSubstr("--watch-ext")));
  folder.Write("none/b.py", "1");
  ExpectChange();
}

// Else what they are on could not be unmounted.
TEST_P(WatchHelperTest, AtIdleNoDirectoryIsOpen) {
  if (poll_) GTEST_SKIP() << "looks all the time";
  const WatchedFolder folder;
  folder.MakeDirectory("a/b");
  folder.Write("a/b/c", "1");
  Start({folder.path()});
  Expect(Kind::kReady);
  folder.Write("a/b/c", "12");
  ExpectChange();
  const auto below = [&folder] {
    int count = 0;
    for (const auto& one :
         std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      const std::string path =
          std::filesystem::read_symlink(one.path(), error).string();
      if (StartsWithPath(path, folder.path())) ++count;
    }
    return count;
  };
  EXPECT_EQ(below(), 0);
}

TEST_P(WatchHelperTest, RootGoneAndBack) {
  const WatchedFolder folder;
  folder.MakeDirectory("root");
  folder.Write("root/a", "1");
  Start({folder.Path("root")});
  Expect(Kind::kReady);
  folder.Rename("root", "away");
  EXPECT_EQ(Expect(Kind::kGone).path, folder.Path("root"));
  folder.Rename("away", "root");
  EXPECT_EQ(Expect(Kind::kBack).path, folder.Path("root"));
  const WatchRecord changed = ExpectChange();
  EXPECT_EQ(changed.count, 1U);
  EXPECT_EQ(changed.path, folder.Path("root/a"));
}

TEST_P(WatchHelperTest, KilledHelperMissesNothing) {
  const WatchedFolder folder;
  folder.Write("a", "1");
  Start({folder.path()});
  Expect(Kind::kReady);
  folder.Append("a", "2");
  const uint64_t known = ExpectChange().digest;
  EXPECT_EQ(Exit(), 0);
  folder.Append("a", "3");
  Start({folder.path()}, known);
  EXPECT_EQ(Expect(Kind::kReady).digest, known) << "until the change is told";
  const WatchRecord changed = Expect(Kind::kChanged);
  EXPECT_EQ(changed.count, 0U);
  EXPECT_NE(changed.digest, known);
  ExpectNothingBut(folder, "marker");
}

TEST_P(WatchHelperTest, KilledHelperReportsNothingIfNothingChanged) {
  const WatchedFolder folder;
  folder.Write("a", "1");
  Start({folder.path()});
  const uint64_t known = Expect(Kind::kReady).digest;
  EXPECT_EQ(Exit(), 0);
  Start({folder.path()}, known);
  EXPECT_EQ(Expect(Kind::kReady).digest, known);
  ExpectNothingBut(folder, "marker");
}

// PID 1 stops reading until the socket is full, then reads again.
TEST_P(WatchHelperTest, NothingIsLostWhenPid1DoesNotRead) {
  const WatchedFolder folder;
  std::vector<std::string> roots = {folder.path()};
  // As many records at once as do not fit: each missing root is one.
  for (int i = 0; i < 2000; ++i) roots.push_back(folder.Path(absl::StrCat(i)));
  Start(roots);
  Expect(Kind::kReady);
  folder.Write("a", "1");
  int gone = 0;
  uint32_t changed = 0;
  while (gone < 2000 || changed == 0) {
    const WatchRecord record = Next();
    gone += record.kind == Kind::kGone ? 1 : 0;
    if (record.kind == Kind::kChanged) changed += record.count;
  }
  EXPECT_EQ(gone, 2000);
  EXPECT_EQ(changed, 1U);
}

TEST_P(WatchHelperTest, LongPathKeepsItsEnd) {
  const WatchedFolder folder;
  const std::string part(200, 'p');
  const std::string directory = absl::StrCat(part, "/", part, "/", part);
  folder.MakeDirectory(directory);
  Start({folder.path()});
  Expect(Kind::kReady);
  folder.Write(absl::StrCat(directory, "/end.py"), "");
  const std::string path = ExpectChange().path;
  EXPECT_EQ(path.size(), sizeof(WatchRecord::path) - 1);
  EXPECT_THAT(path, StartsWith("...p"));
  EXPECT_THAT(path, EndsWith("/end.py"));
}

// Each time that the scan gives the word is then late enough.
TEST_P(WatchHelperTest, AFirstScanThatTakesLongTellsHowFarItIs) {
  const WatchedFolder folder;
  for (int i = 0; i < 200; ++i) folder.MakeDirectory(absl::StrCat("d", i));
  limits_.progress_every = absl::ZeroDuration();
  Start({folder.path()});
  uint32_t last = 0;
  int told = 0;
  WatchRecord record = Next();
  for (; record.kind == Kind::kProgress; record = Next(), ++told) {
    EXPECT_GE(record.count, last);
    last = record.count;
  }
  EXPECT_EQ(record.kind, Kind::kReady);
  EXPECT_GT(told, 1);
  EXPECT_EQ(last, 201U);
  ExpectNothingBut(folder, "marker");  // and never again
}

TEST_P(WatchHelperTest, ManyFilesAreSaidWithTheFolderThatHasMost) {
  const WatchedFolder folder;
  folder.MakeDirectory("few");
  folder.MakeDirectory("most");
  for (int i = 0; i < 3; ++i) folder.Write(absl::StrCat("few/", i), "");
  for (int i = 0; i < 7; ++i) folder.Write(absl::StrCat("most/", i), "");
  limits_.many_files = 10;
  Start({folder.path()});
  EXPECT_EQ(Expect(Kind::kReady).count, 10U);
  EXPECT_EQ(
      Expect(Kind::kWarning).path,
      absl::StrCat("watching 10 files, most of them in ", folder.Path("most"),
                   ": leave out what does not matter"));
  ExpectNothingBut(folder, "marker");  // the watcher goes on, and says it once
}

TEST_P(WatchHelperTest, OneFileLessIsNotMany) {
  const WatchedFolder folder;
  for (int i = 0; i < 9; ++i) folder.Write(absl::StrCat(i), "");
  limits_.many_files = 10;
  Start({folder.path()});
  Expect(Kind::kReady);
  ExpectNothingBut(folder, "marker");
}

// No path leads there: what is in it is reached from folder to folder.
TEST_P(WatchHelperTest, DeeperThanAnyPathMayBe) {
  const WatchedFolder folder;
  const std::string name(250, 'd');
  UniqueFd at(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY));
  for (int depth = 0; depth < 20; ++depth) {  // 5,000 bytes
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at.reset(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(at.valid());
  }
  Start({folder.path()});
  Expect(Kind::kReady);
  for (const char* const file : {"made.py", "second.py"}) {
    const UniqueFd made(::openat(at.get(), file, O_CREAT | O_WRONLY, 0644));
    ASSERT_TRUE(made.valid());
    const WatchRecord record = ExpectChange();
    EXPECT_EQ(record.count, 1U);
    EXPECT_THAT(record.path, EndsWith(absl::StrCat("dd/", file)));
  }
  // A folder made down there is watched as well.
  ASSERT_EQ(::mkdirat(at.get(), "new", 0755), 0);
  at.reset(::openat(at.get(), "new", O_RDONLY | O_DIRECTORY));
  const UniqueFd made(::openat(at.get(), "in_it.py", O_CREAT | O_WRONLY, 0644));
  ASSERT_TRUE(made.valid());
  EXPECT_THAT(ExpectChange().path, EndsWith("dd/new/in_it.py"));
  EXPECT_EQ(::unlinkat(at.get(), "in_it.py", 0), 0);
  EXPECT_THAT(ExpectChange().path, EndsWith("dd/new/in_it.py"));
}

TEST_P(WatchHelperTest, SaysThatItLooksLessOftenAndOnce) {
  poll_ = true;
  const WatchedFolder folder;
  // More than half a millisecond of work every ten.
  for (int d = 0; d < 20; ++d) {
    folder.MakeDirectory(absl::StrCat("d", d));
    for (int i = 0; i < 100; ++i)
      folder.Write(absl::StrCat("d", d, "/", i), "");
  }
  Start({folder.path()});
  Expect(Kind::kReady);
  const WatchRecord warning = NextOfAll();
  EXPECT_EQ(warning.kind, Kind::kWarning);
  EXPECT_THAT(warning.path, StartsWith("looking at 2000 files takes "));
  EXPECT_THAT(warning.path, EndsWith(kStretched));
  folder.Write("marker", "");
  EXPECT_EQ(NextOfAll().kind, Kind::kNoticed);
  EXPECT_EQ(NextOfAll().kind, Kind::kChanged);
}

INSTANTIATE_TEST_SUITE_P(Modes, WatchHelperTest, ::testing::Bool(),
                         [](const auto& test) {
                           return test.param ? "Poll" : "Inotify";
                         });

timespec RealTime() {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

TEST_P(WatchHelperTest, WhatIsYoungerThanPid1IsAChangeInTheFirstScan) {
  const WatchedFolder folder;
  folder.Write("old", "1");
  since_ = RealTime();
  folder.NextTick();
  folder.Write("young", "1");
  Start({folder.path()});
  Expect(Kind::kReady);
  const WatchRecord record = ExpectChange();
  EXPECT_EQ(record.count, 1u);
  EXPECT_THAT(record.path, EndsWith("/young"));
}

TEST_P(WatchHelperTest, WhatIsOlderThanPid1IsNot) {
  const WatchedFolder folder;
  folder.Write("old", "1");
  since_ = RealTime();
  Start({folder.path()});
  Expect(Kind::kReady);
  folder.Write("marker", "1");
  EXPECT_THAT(ExpectChange().path, EndsWith("/marker"));
}

TEST_P(WatchHelperTest, EndsWithTheOtherSide) {
  const WatchedFolder folder;
  Start({folder.path()});
  EXPECT_EQ(Exit(), 0);
}

}  // namespace
}  // namespace reinit
