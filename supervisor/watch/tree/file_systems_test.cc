#include "supervisor/watch/tree/file_systems.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

TEST(TypeOfMountTest, IsFoundByItsNumber) {
  const std::string mountinfo =
      "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
      "23 22 0:21 / /proc rw shared:5 master:1 - proc proc rw\n"
      "230 22 0:50 / /a\\040- rw shared:7 - btrfs /dev/vdb rw\n"
      "24 22 0:22 / /broken rw\n"
      "25 22 0:22 / /half rw -\n";
  EXPECT_EQ(TypeOfMount(mountinfo, 22), "ext4");
  EXPECT_EQ(TypeOfMount(mountinfo, 23), "proc");
  EXPECT_EQ(TypeOfMount(mountinfo, 230), "btrfs");
  for (const uint64_t not_there : {0, 2, 24, 25, 2300}) {
    EXPECT_EQ(TypeOfMount(mountinfo, not_there), "") << not_there;
  }
  EXPECT_EQ(TypeOfMount("", 22), "");
}

UniqueFd Opened(const std::string& path, struct stat* st) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  EXPECT_EQ(::fstat(fd.get(), st), 0) << path;
  return fd;
}

TEST(FileSystemsTest, ProcAnnouncesLessThanAll) {
  FileSystems met;
  EXPECT_TRUE(met.AnnounceAll()) << "none was met";
  struct stat st;
  const UniqueFd proc = Opened("/proc", &st);
  met.Meet(st.st_dev, proc.get());
  EXPECT_TRUE(met.Announces(st.st_dev, proc.get()));
  EXPECT_FALSE(met.AnnounceAll());
  EXPECT_EQ(met.Coarse({"6.13.0", true}), "proc");
}

TEST(FileSystemsTest, WhatWasSilentOnceIsNotTrusted) {
  const WatchedFolder folder;
  struct stat st;
  const UniqueFd fd = Opened(folder.path(), &st);
  FileSystems met;
  EXPECT_TRUE(met.Announces(st.st_dev, fd.get()));
  EXPECT_FALSE(met.IsSilent(st.st_dev));
  const bool all = met.AnnounceAll();
  EXPECT_EQ(all, FileSystems::AnnouncesAll(fd.get()));
  met.SetSilent(st.st_dev);
  EXPECT_TRUE(met.IsSilent(st.st_dev));
  EXPECT_FALSE(met.Announces(st.st_dev, fd.get()));
  EXPECT_FALSE(met.AnnounceAll());
}

TEST(FileSystemsTest, AFileMountedByItselfIsNeitherAnnouncedNorFine) {
  FileSystems met;
  met.MeetStray(4711);
  EXPECT_FALSE(met.AnnounceAll());
  EXPECT_EQ(met.Coarse({"6.13.0", true}), "");
}

TEST(FileSystemsTest, ItsStampsAreFineIfAllHaveThem) {
  const WatchedFolder folder;
  struct stat st;
  const UniqueFd fd = Opened(folder.path(), &st);
  FileSystems met;
  met.Meet(st.st_dev, fd.get());
  EXPECT_NE(met.Coarse({"6.12.0", true}), std::nullopt);
  EXPECT_NE(met.Coarse({"6.13.0", false}), std::nullopt);
  const std::optional<std::string> coarse = met.Coarse({"6.13.0", true});
  if (coarse.has_value()) {
    GTEST_SKIP() << folder.path() << " is on " << *coarse;
  }
  const UniqueFd proc = Opened("/proc", &st);
  met.Meet(st.st_dev, proc.get());
  EXPECT_EQ(met.Coarse({"6.13.0", true}), "proc");
}

}  // namespace
}  // namespace reinit
