#include "reaper/self/cpu_count.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

constexpr double kNone = std::numeric_limits<double>::infinity();

constexpr std::string_view kMountV2 =
    "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw\n";

// A tree of files that takes the place of /.
class CpuQuotaTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(root_); }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, std::string_view text) const {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void MakeFolder(const std::string& path) const {
    std::filesystem::create_directories(root_ + path);
  }
  void Member(std::string_view cgroup, std::string_view mounts) const {
    Write("/proc/self/cgroup", cgroup);
    Write("/proc/self/mountinfo",
          absl::StrCat("21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                       "23 21 0:22 / /proc rw - proc proc rw\n",
                       mounts));
  }
  absl::StatusOr<double> Read() const { return ReadCpuQuota(root_); }
  std::string Error() const {
    const auto quota = Read();
    EXPECT_FALSE(quota.ok()) << *quota;
    return std::string(quota.status().message());
  }

  const std::string root_ = testing::TempDir() + "/cpu_count";
};

TEST_F(CpuQuotaTest, OfAContainerWithItsOwnNamespace) {
  Member("0::/\n", kMountV2);
  Write("/sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(*Read(), 1.5);
  Write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(*Read(), kNone);
}

TEST_F(CpuQuotaTest, TheSmallestUpTheHierarchyCounts) {
  Member("0::/kubepods/pod1/box\n", kMountV2);
  Write("/sys/fs/cgroup/kubepods/cpu.max", "400000 100000\n");
  Write("/sys/fs/cgroup/kubepods/pod1/cpu.max", "200000 100000\n");
  Write("/sys/fs/cgroup/kubepods/pod1/box/cpu.max", "300000 100000\n");
  EXPECT_EQ(*Read(), 2);
  Write("/sys/fs/cgroup/kubepods/pod1/cpu.max", "max 100000\n");
  EXPECT_EQ(*Read(), 3);
  Write("/sys/fs/cgroup/kubepods/cpu.max", "50000 100000\n");
  EXPECT_EQ(*Read(), 0.5);
}

TEST_F(CpuQuotaTest, ACgroupWithoutTheControllerHasNone) {
  Member("0::/user.slice/a\n", kMountV2);
  MakeFolder("/sys/fs/cgroup/user.slice/a");
  EXPECT_EQ(*Read(), kNone);
}

TEST_F(CpuQuotaTest, OnlyWhatIsMountedIsVisible) {
  // Docker without a cgroup namespace mounts the container's cgroup alone.
  Member("4:cpu,cpuacct:/docker/abc\n2:pids:/docker/abc\n",
         "30 29 0:27 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup "
         "rw,cpu,cpuacct\n"
         "31 29 0:28 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup "
         "rw,pids\n");
  Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
  Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(*Read(), 2.5);
  Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(*Read(), kNone);
}

TEST_F(CpuQuotaTest, TheFirstVersionIsNestedToo) {
  Member("3:cpu:/a/b\n0::/c\n",
         absl::StrCat(kMountV2,
                      "30 29 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup "
                      "rw,cpu\n"));
  Write("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n");
  Write("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  Write("/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "800000\n");
  Write("/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n");
  // Has no controller for CPUs here.
  Write("/sys/fs/cgroup/c/cpu.max", "10000 100000\n");
  EXPECT_EQ(*Read(), 1);
}

TEST_F(CpuQuotaTest, TheWidestViewOfSeveralMountsCounts) {
  Member("0::/a/b\n",
         "29 23 0:26 /a/b /mine rw - cgroup2 cgroup rw\n"
         "30 23 0:26 / /with\\040blank rw shared:3 - cgroup2 cgroup rw\n"
         "31 23 0:26 /a/bc /other rw - cgroup2 cgroup rw\n");
  Write("/mine/cpu.max", "300000 100000\n");
  Write("/with blank/a/cpu.max", "200000 100000\n");
  Write("/with blank/a/b/cpu.max", "300000 100000\n");
  Write("/other/cpu.max", "10000 100000\n");
  EXPECT_EQ(*Read(), 2);
}

TEST_F(CpuQuotaTest, ACgroupOutOfSightIsAnError) {
  Member("0::/../x\n", kMountV2);
  Write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(Error(), "cgroup /../x is not mounted here");
  Member("0::/\n", "29 23 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup rw\n");
  EXPECT_EQ(Error(), "cgroup / is not mounted here");
  Member("0::/\n", "");
  EXPECT_EQ(Error(), "cgroup / is not mounted here");
}

TEST_F(CpuQuotaTest, BrokenFilesAreErrors) {
  EXPECT_TRUE(absl::StrContains(Error(), "/proc/self/cgroup"));
  Write("/proc/self/cgroup", "0::/\n");
  EXPECT_TRUE(absl::StrContains(Error(), "/proc/self/mountinfo"));
  for (const std::string_view cgroup :
       {"", "\n", "0::", "4:pids:/x\n", "junk", "a:b", "4:cpu:relative\n"}) {
    Member(cgroup, kMountV2);
    EXPECT_EQ(Error(), "/proc/self/cgroup: names no cgroup for CPUs") << cgroup;
  }
  Member("0::/gone\n", kMountV2);
  EXPECT_TRUE(absl::StrContains(Error(), "/sys/fs/cgroup/gone"));
  Member("0::/\n", kMountV2);
  for (const std::string_view text :
       {"", "max", "100000", "x 100000", "100000 0", "-5 100000", "0 100000",
        "99999999999999999999 100000", "1 2 3"}) {
    Write("/sys/fs/cgroup/cpu.max", text);
    EXPECT_TRUE(absl::StrContains(Error(), "cpu.max")) << text;
  }
  for (const std::string_view mounts :
       {"29 23 0:26 /", "- cgroup2 x", "29 23 0:26 / /x rw - cgroup2", "\n\n",
        "29 23 0:26 / /x rw cgroup2 cgroup rw"}) {
    Member("0::/\n", mounts);
    EXPECT_EQ(Error(), "cgroup / is not mounted here") << mounts;
  }
}

TEST_F(CpuQuotaTest, AFileThatCannotBeReadIsAnError) {
  if (::geteuid() == 0) {
    // A folder cannot be read by anybody.
    Member("0::/\n", kMountV2);
    MakeFolder("/sys/fs/cgroup/cpu.max");
  } else {
    Member("0::/\n", kMountV2);
    Write("/sys/fs/cgroup/cpu.max", "max 100000\n");
    ::chmod((root_ + "/sys/fs/cgroup/cpu.max").c_str(), 0);
  }
  EXPECT_TRUE(absl::StrContains(Error(), "cpu.max"));
}

TEST(CpuCountTest, IsTheSmallerOfBoth) {
  const CpuCount part = CountCpus(1.5, 8);
  EXPECT_EQ(part.count, 2);
  EXPECT_EQ(part.reason, "1.5 CPUs by cgroup quota, 8 by affinity");
  EXPECT_EQ(part.warning, "");
  EXPECT_EQ(CountCpus(2.0, 8).count, 2);
  EXPECT_EQ(CountCpus(0.01, 8).count, 1);
  EXPECT_EQ(CountCpus(1e300, 8).count, 8);
  const CpuCount few = CountCpus(4.0, 1);
  EXPECT_EQ(few.count, 1);
  EXPECT_EQ(few.reason, "4 CPUs by cgroup quota, 1 by affinity");
  const CpuCount none = CountCpus(kNone, 3);
  EXPECT_EQ(none.count, 3);
  EXPECT_EQ(none.reason, "3 CPUs by affinity, no cgroup quota");
}

TEST(CpuCountTest, WithoutAQuotaTheAffinityCounts) {
  const CpuCount count = CountCpus(absl::NotFoundError("x is gone"), 1);
  EXPECT_EQ(count.count, 1);
  EXPECT_EQ(count.reason, "1 CPU by affinity");
  EXPECT_EQ(count.warning,
            "cannot read the CPU quota of the cgroup (x is gone); it counts 1 "
            "CPU by affinity");
}

TEST(CpuCountTest, TheAffinityIsThisProcesss) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_EQ(CpusByAffinity(), CPU_COUNT(&before));
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(CpusByAffinity(), 1);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(before), &before), 0);
}

}  // namespace
}  // namespace reinit
