#include "supervisor/watch/tree/stamp_clock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/settle.h"
#include "supervisor/watch/tree/file_systems.h"
#include "supervisor/watch/tree/stamp.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

constexpr int kPairs = 2'000;

TEST(FineStampsTest, NeedAKernelAndATypeThatHaveThem) {
  const KernelStamps kernel = {"6.18.44-generic", true};
  for (const std::string_view type : {"ext4", "xfs", "btrfs", "tmpfs"}) {
    EXPECT_TRUE(FineStamps(kernel, type, false)) << type;
    EXPECT_FALSE(FineStamps(kernel, type, true)) << type << ", of seconds";
  }
  for (const std::string_view type :
       {"", "ext2", "ext3", "overlay", "nfs", "nfs4", "fuse", "fuse.sshfs",
        "9p", "virtiofs", "devtmpfs", "ext", "ext4 ", "f2fs", "zfs"}) {
    EXPECT_FALSE(FineStamps(kernel, type, false)) << type;
  }
  for (const char* const release :
       {"6.13", "6.13.0", "6.14-rc1", "7.0.1", "10.1.1", "6.13+"}) {
    EXPECT_TRUE(FineStamps({release, true}, "ext4", false)) << release;
    EXPECT_FALSE(FineStamps({release, false}, "ext4", false)) << release;
  }
  for (const char* const release :
       {"", "6", "6.12.99", "5.14.0-503.el9", "4.4.0", "x.y", "6.x"}) {
    EXPECT_FALSE(FineStamps({release, true}, "ext4", false)) << release;
  }
}

// A file, its file system and the time: each call takes 10 us.
class FakeFile {
 public:
  explicit FakeFile(bool fine) : fine_(fine) {}

  bool Write() {
    Pass(absl::Microseconds(10));
    const absl::Time tick =
        now_ - (now_ - absl::UnixEpoch()) % absl::Milliseconds(4);
    const bool same_tick = stamp_ >= tick;
    stamp_ = fine_ && marked_ && same_tick ? now_ : std::max(stamp_, tick);
    marked_ = false;
    return true;
  }
  bool Look(struct stat* st) {
    Pass(absl::Microseconds(10));
    *st = {};
    st->st_mode = S_IFREG;
    st->st_mtim = st->st_ctim = absl::ToTimespec(stamp_);
    marked_ = true;
    return true;
  }
  void Pass(absl::Duration time) { now_ += time; }
  absl::Time now() const { return now_; }

 private:
  const bool fine_;
  bool marked_ = false;  // looked at since it was stamped
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  absl::Time stamp_ = absl::UnixEpoch();
};

bool Differ(FakeFile file) {
  return StampsDiffer([&] { return file.Write(); },
                      [&](struct stat* st) { return file.Look(st); });
}

TEST(StampsDifferTest, TellsACoarseClockFromAFineOne) {
  EXPECT_TRUE(Differ(FakeFile(true)));
  EXPECT_FALSE(Differ(FakeFile(false)));
}

TEST(StampsDifferTest, WhatFailsIsTakenForCoarse) {
  const auto works = [](struct stat* st) {
    *st = {};
    return true;
  };
  EXPECT_FALSE(StampsDiffer([] { return false; }, works));
  EXPECT_FALSE(StampsDiffer([] { return true; }, [](auto*) { return false; }));
}

// Writes twice, the second time as soon as the first is reported, and counts
// how often no look would find the second.
int Lost(FakeFile file, bool waits_for_no_tick) {
  int lost = 0;
  struct stat st;
  Settle settle(absl::ZeroDuration());
  settle.SetFineStamps(waits_for_no_tick);
  file.Look(&st);
  for (int i = 0; i < 2 * kPairs; ++i) {
    const uint64_t known = StampOf(st);
    file.Write();
    file.Look(&st);
    if (StampOf(st) == known) {
      ++lost;
      continue;
    }
    settle.OnChange(file.now());
    while (!settle.Over(file.now())) {
      file.Pass(settle.next() - file.now());
      const uint64_t before = StampOf(st);
      file.Look(&st);
      if (StampOf(st) != before) settle.OnChange(file.now());
    }
    settle.Finish(file.now());
  }
  return lost;
}

TEST(StampPairsTest, NoSecondWriteIsLostWhereStampsAreFine) {
  EXPECT_EQ(Lost(FakeFile(true), true), 0);
}

TEST(StampPairsTest, NoSecondWriteIsLostWhereATickIsWaitedFor) {
  EXPECT_EQ(Lost(FakeFile(false), false), 0);
}

// The twin: this is why a coarse clock needs the tick.
TEST(StampPairsTest, OnACoarseClockWithoutATickWritesAreLost) {
  EXPECT_GT(Lost(FakeFile(false), true), kPairs / 2);
}

// The kernel itself, on the file system of the test and on that in memory.
TEST(StampPairsTest, WhatIsTakenForFineIsFine) {
  const KernelStamps kernel = KernelStamps::Ask();
  const WatchedFolder here;
  int tried = 0;
  for (const std::string_view base :
       {std::string_view(here.path()), std::string_view("/dev/shm")}) {
    std::string path = absl::StrCat(base, "/reinit-pairs.XXXXXX");
    const UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
    if (!fd.valid()) continue;
    EXPECT_EQ(::unlink(path.c_str()), 0);
    struct stat st;
    ASSERT_EQ(::fstat(fd.get(), &st), 0);
    FileSystems met;
    met.Meet(st.st_dev, fd.get());
    if (const auto type = met.Coarse(kernel); type.has_value()) {
      std::cout << base << ": coarse on Linux " << kernel.release << ": "
                << *type << '\n';
      continue;
    }
    ++tried;
    int same = 0;
    for (int i = 0; i < 2 * kPairs; ++i) {
      const uint64_t before = StampOf(st);
      ASSERT_EQ(::pwrite(fd.get(), "x", 1, 0), 1);
      ASSERT_EQ(::fstat(fd.get(), &st), 0);
      same += i > 0 && StampOf(st) == before ? 1 : 0;
    }
    EXPECT_EQ(same, 0) << base;
  }
  if (tried == 0) {
    GTEST_SKIP() << "no file system with fine stamps here, or an older kernel";
  }
}

}  // namespace
}  // namespace reinit
