#include "supervisor/watch/stale_mounts.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ParseMountInfo, TakesWhatTheKernelWrites) {
  const auto mounts = ParseMountInfo(
      "36 35 98:0 / / rw,noatime master:1 - ext3 /dev/root rw\n"
      "37 36 8:1 /vol/..2026_01_31_12_00_00.42/a\\040b /etc/a\\134b rw - ext4 "
      "x rw\n"
      "nonsense\n"
      "38 36 0:5");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[1].path, "/etc/a\\b");
  EXPECT_EQ(mounts[1].source, "/vol/..2026_01_31_12_00_00.42/a b");
}

TEST(StaleMounts, FilesAndPartsOfVolumes) {
  const WatchedFolder folder;
  folder.MakeDirectory("conf");
  folder.Write("conf/file", "x");
  folder.MakeDirectory("conf/part");
  folder.MakeDirectory("conf/whole");
  folder.Write("other", "x");
  const std::string version = "/pods/1/..2026_01_31_12_00_00.42";
  const StaleMounts mounts(
      {folder.Path("conf"), folder.Path("conf/file"), "/no/such"},
      {{folder.Path("conf/file"), "/x/file"},
       {folder.Path("conf/part"), version + "/part"},
       {folder.Path("conf/whole"), "/pods/1/config"},
       {folder.Path("other"), "/x/other"},
       {folder.Path("conf/gone"), "/x/gone"},
       {"/etc/hosts", "/x/hosts"}});
  EXPECT_THAT(mounts.paths(),
              ElementsAre(folder.Path("conf/file"), folder.Path("conf/part")));
  EXPECT_THAT(mounts.volume_parts(), ElementsAre(folder.Path("conf/part")));
}

TEST(StaleMounts, WhatTheRuntimeMountsDoesNotCount) {
  const StaleMounts mounts({"/etc"}, {{"/etc/hosts", "/x"},
                                      {"/etc/hostname", "/x"},
                                      {"/etc/resolv.conf", "/x"}});
  EXPECT_THAT(mounts.paths(), IsEmpty());
}

TEST(StaleMounts, NoneHere) {
  const WatchedFolder folder;
  StaleMounts mounts({folder.path()}, OwnMounts());
  EXPECT_THAT(mounts.paths(), IsEmpty());
  EXPECT_THAT(mounts.Check(), IsEmpty());
}

}  // namespace
}  // namespace reinit
