#include "reaper/process_tree.h"

#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ProcessInfo Process(pid_t pid, pid_t parent, char state = 'S') {
  ProcessInfo info;
  info.pid = pid;
  info.parent = parent;
  info.state = state;
  return info;
}

std::vector<pid_t> Below(const std::vector<ProcessInfo>& processes,
                         const std::vector<pid_t>& roots,
                         const std::vector<pid_t>& skipped = {}) {
  const auto in = [](const std::vector<pid_t>& pids) {
    return [&pids](const ProcessInfo& process) {
      return std::count(pids.begin(), pids.end(), process.pid) > 0;
    };
  };
  return Descendants(processes, in(roots), in(skipped));
}

TEST(ProcessTree, NothingOfNothing) { EXPECT_THAT(Below({}, {1}), IsEmpty()); }

TEST(ProcessTree, RootsAndWhatIsBelowThem) {
  const std::vector<ProcessInfo> processes = {Process(1, 0),  Process(7, 1),
                                              Process(8, 7),  Process(9, 8),
                                              Process(20, 1), Process(21, 20)};
  EXPECT_THAT(Below(processes, {7}), ElementsAre(7, 8, 9));
  EXPECT_THAT(Below(processes, {9, 20}), ElementsAre(9, 20, 21));
  EXPECT_THAT(Below(processes, {1}), ElementsAre(1, 7, 8, 9, 20, 21));
  EXPECT_THAT(Below(processes, {}), IsEmpty());
  EXPECT_THAT(Below(processes, {4711}), IsEmpty());
}

TEST(ProcessTree, PidsThatWrappedAround) {
  // Each parent has a higher pid than its child, and /proc gives any order.
  std::vector<ProcessInfo> processes = {Process(300, 1), Process(200, 300),
                                        Process(100, 200), Process(400, 100),
                                        Process(50, 400)};
  std::sort(processes.begin(), processes.end(),
            [](const auto& a, const auto& b) { return a.pid < b.pid; });
  do {
    EXPECT_THAT(Below(processes, {300}), ElementsAre(50, 100, 200, 300, 400));
  } while (std::next_permutation(
      processes.begin(), processes.end(),
      [](const auto& a, const auto& b) { return a.pid < b.pid; }));
}

TEST(ProcessTree, SkipsAndWhatIsBelowThem) {
  const std::vector<ProcessInfo> processes = {Process(2, 1), Process(3, 2),
                                              Process(4, 3), Process(5, 2),
                                              Process(6, 5)};
  EXPECT_THAT(Below(processes, {2}, {3}), ElementsAre(2, 5, 6));
  EXPECT_THAT(Below(processes, {2}, {2}), IsEmpty());
  EXPECT_THAT(Below(processes, {2}, {3, 5}), ElementsAre(2));
}

TEST(ProcessTree, ARootBelowASkippedOneCounts) {
  // As with ourselves: init is skipped, and its children are the roots.
  const std::vector<ProcessInfo> processes = {Process(1, 0), Process(2, 1),
                                              Process(3, 2), Process(4, 1)};
  EXPECT_THAT(Below(processes, {2}, {1}), ElementsAre(2, 3));
}

TEST(ProcessTree, SkippedWinsOverRoot) {
  EXPECT_THAT(Below({Process(2, 1), Process(3, 2)}, {2, 3}, {2}),
              ElementsAre(3));
}

TEST(ProcessTree, ZombiesAreLeftOutButNotWhatIsBelowThem) {
  // Between its end and the reparenting of its children, or with a thread left.
  const std::vector<ProcessInfo> processes = {
      Process(2, 1), Process(3, 2, 'Z'), Process(4, 3), Process(5, 2, 'Z')};
  EXPECT_THAT(Below(processes, {2}), ElementsAre(2, 4));
  EXPECT_THAT(Below({Process(2, 1, 'Z')}, {2}), IsEmpty());
}

TEST(ProcessTree, StrangersZombiesAreTheirsUnlessWeArePid1) {
  const std::vector<ProcessInfo> processes = {Process(2, 1), Process(3, 2),
                                              Process(4, 3, 'Z'), Process(7, 1),
                                              Process(8, 7, 'Z')};
  ASSERT_EQ(FindNeglectfulParents(processes, 1).size(), 2U);
  const auto ours = FindNeglectfulParents(processes, 2);
  ASSERT_EQ(ours.size(), 1U);
  EXPECT_EQ(ours[0].pid, 3);
}

TEST(ProcessTree, StoppedAndUninterruptibleOnesCount) {
  EXPECT_THAT(Below({Process(2, 1, 'T'), Process(3, 2, 'D'), Process(4, 3, 't'),
                     Process(5, 4, '?')},
                    {2}),
              ElementsAre(2, 3, 4, 5));
}

TEST(ProcessTree, AMissingParentEndsTheBranch) {
  // It ended while /proc was read.
  EXPECT_THAT(Below({Process(2, 1), Process(4, 3)}, {2}), ElementsAre(2));
}

TEST(ProcessTree, CyclesCannotHang) {
  // Read at different moments, /proc may show what never was.
  const std::vector<ProcessInfo> processes = {Process(2, 3), Process(3, 2),
                                              Process(4, 4), Process(5, 1),
                                              Process(6, 3)};
  EXPECT_THAT(Below(processes, {5}), ElementsAre(5));
  EXPECT_THAT(Below(processes, {2}), ElementsAre(2, 3, 6));
  EXPECT_THAT(Below(processes, {4}), ElementsAre(4));
}

TEST(ProcessTree, DeepAndWide) {
  std::vector<ProcessInfo> chain;
  for (pid_t pid = 2; pid < 50'000; ++pid)
    chain.push_back(Process(pid, pid - 1));
  EXPECT_EQ(Below(chain, {2}).size(), chain.size());

  std::vector<ProcessInfo> star = {Process(2, 1)};
  for (pid_t pid = 3; pid < 50'000; ++pid) star.push_back(Process(pid, 2));
  EXPECT_EQ(Below(star, {2}).size(), star.size());

  // Every parent above its child: no real wrapping is that bad.
  std::vector<ProcessInfo> inverted;
  for (pid_t pid = 2; pid < 1'000; ++pid)
    inverted.push_back(Process(pid, pid + 1));
  EXPECT_EQ(Below(inverted, {999}).size(), inverted.size());
}

}  // namespace
}  // namespace reinit
