#include "supervisor/action/find_targets.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr pid_t kSelf = 10;
constexpr pid_t kHelper = 11;

class FindTargetsTest : public ::testing::Test {
 protected:
  // A pod with the pause container, ourselves with a helper, and nginx.
  FindTargetsTest() {
    Add(1, 0, "pause", "/pause");
    Add(kSelf, 0, "reinit", "reinit --target-cmdline=*nginx*");
    Add(kHelper, kSelf, "reinit", "reinit: watch --path=/etc/nginx");
    Add(20, 0, "nginx", "nginx: master process nginx -g daemon off;");
    Add(21, 20, "nginx", "nginx: worker process");
    Add(22, 20, "nginx", "nginx: worker process");
  }

  ProcessInfo& Add(pid_t pid, pid_t parent, std::string name,
                   std::string cmdline) {
    cmdlines_[pid] = std::move(cmdline);
    ProcessInfo& info = processes_.emplace_back();
    info.pid = pid;
    info.parent = parent;
    info.name = std::move(name);
    info.state = 'S';
    return info;
  }
  std::vector<pid_t> Find(const TargetRule& rule) {
    std::vector<pid_t> pids;
    for (const ProcessInfo& process : FindTargets(
             processes_, kSelf, [](pid_t pid) { return pid == kHelper; }, rule,
             [this](const ProcessInfo& one) { return cmdlines_[one.pid]; })) {
      pids.push_back(process.pid);
    }
    return pids;
  }

  std::vector<ProcessInfo> processes_;
  std::map<pid_t, std::string> cmdlines_;
};

TEST_F(FindTargetsTest, TheMasterNotItsWorkers) {
  EXPECT_THAT(Find({.process = "nginx"}), ElementsAre(20));
}

TEST_F(FindTargetsTest, NeitherOurselvesNorOurHelpers) {
  EXPECT_THAT(Find({.cmdline = "*nginx*"}), ElementsAre(20));
  EXPECT_THAT(Find({.process = "reinit"}), IsEmpty());
  EXPECT_THAT(Find({.pid = kSelf}), IsEmpty());
  EXPECT_THAT(Find({.pid = kHelper}), IsEmpty());
}

TEST_F(FindTargetsTest, NorAProcessOfOneOfOurJobs) {
  Add(12, kHelper, "nginx", "nginx -t");
  Add(13, 12, "sh", "sh nginx.sh");
  EXPECT_THAT(Find({.process = "nginx"}), ElementsAre(20));
  EXPECT_THAT(Find({.cmdline = "*nginx*"}), ElementsAre(20));
  EXPECT_THAT(Find({.pid = 12}), IsEmpty());
}

// `nginx; exec reinit --target-process=nginx` makes the daemon our child.
TEST_F(FindTargetsTest, ADaemonThatWasLeftToUsIsATarget) {
  processes_.erase(processes_.begin() + 3, processes_.end());
  Add(30, kSelf, "nginx", "nginx: master process nginx");
  Add(31, 30, "nginx", "nginx: worker process");
  EXPECT_THAT(Find({.process = "nginx"}), ElementsAre(30));
  EXPECT_THAT(Find({.cmdline = "nginx: master*"}), ElementsAre(30));
  EXPECT_THAT(Find({.pid = 30}), ElementsAre(30));
}

TEST_F(FindTargetsTest, AProcessBelowAnAdoptedShellIsATarget) {
  processes_.erase(processes_.begin() + 3, processes_.end());
  Add(30, kSelf, "sh", "sh run.sh");
  Add(31, 30, "nginx", "nginx: master process nginx");
  EXPECT_THAT(Find({.process = "nginx"}), ElementsAre(31));
}

TEST_F(FindTargetsTest, NeverWhatKeepsThePod) {
  EXPECT_THAT(Find({.process = "pause"}), IsEmpty());
  EXPECT_THAT(Find({.pid = 1}), IsEmpty());
  EXPECT_THAT(Find({.cmdline = "*"}), ElementsAre(20));
  processes_[0].name = "catatonit";
  cmdlines_[1] = "/catatonit -P";
  EXPECT_THAT(Find({.pid = 1}), IsEmpty());
  cmdlines_[1] = "catatonit -- nginx";  // an init with something to do
  EXPECT_THAT(Find({.pid = 1}), ElementsAre(1));
}

TEST_F(FindTargetsTest, NoThreadsOfTheKernelAndNoZombies) {
  Add(30, 2, "nginx", "").kernel_thread = true;
  Add(31, 0, "nginx", "").state = 'Z';
  EXPECT_THAT(Find({.process = "nginx"}), ElementsAre(20));
}

TEST_F(FindTargetsTest, TwoTrees) {
  Add(30, 0, "nginx", "nginx: master process other");
  EXPECT_THAT(Find({.process = "nginx"}), ElementsAre(20, 30));
  EXPECT_THAT(Find({.process = "nginx", .cmdline = "*other"}), ElementsAre(30));
  EXPECT_THAT(Find({.process = "nginx", .pid = 20}), ElementsAre(20));
  EXPECT_THAT(Find({.process = "sh", .pid = 20}), IsEmpty());
}

TEST_F(FindTargetsTest, BelowAnotherWithOneBetween) {
  Add(40, 20, "sh", "sh -c x");
  Add(41, 40, "nginx", "nginx -t");
  EXPECT_THAT(Find({.process = "nginx"}), ElementsAre(20));
}

TEST_F(FindTargetsTest, NamesAreCutAsTheKernelDoes) {
  Add(50, 0, "prometheus-conf", "x");
  EXPECT_THAT(Find({.process = "prometheus-config-reloader"}), ElementsAre(50));
  EXPECT_THAT(Find({.process = "prometheus"}), IsEmpty());
}

// Reading its arguments could hang.
TEST_F(FindTargetsTest, NotAskedWhileItHangsInTheKernel) {
  processes_[3].state = 'D';
  cmdlines_[20] = "read";
  EXPECT_THAT(Find({.cmdline = "read"}), IsEmpty());
}

// Which it is when processes come and go while /proc is read.
TEST_F(FindTargetsTest, ALoopOfParentsEnds) {
  Add(60, 61, "a", "a");
  Add(61, 60, "b", "b");
  EXPECT_THAT(Find({.process = "b"}), IsEmpty());
}

TEST_F(FindTargetsTest, APatternIsAboutAllOfTheArguments) {
  Add(70, 0, "app", "");
  const struct {
    const char* pattern;
    const char* text;
    bool matches;
  } kRows[] = {
      {"*", "a/b c", true},
      {"a*c", "abbc", true},
      {"a*c", "abbcd", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"*a*b*", "xxaxxb", true},
      {"*a*b", "ab ab", true},
      {"**", "x", true},
      {"*.py", ".app.py", true},
      {"*.py", "app.pyc", false},
      {"*/?.py", "a/b/c.py", true},
      {"a\\*", "a\\b", true},
      {"a?c",
       "a\xff"
       "c",
       true},
  };
  for (const auto& row : kRows) {
    cmdlines_[70] = row.text;
    EXPECT_EQ(Find({.cmdline = row.pattern, .pid = 70}).size(),
              row.matches ? 1U : 0U)
        << row.pattern << " " << row.text;
  }
}

// What would take a naive matcher for ever.
TEST_F(FindTargetsTest, ManyStarsTakeNoTime) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "*a";
  Add(70, 0, "app", std::string(4096, 'a'));
  EXPECT_THAT(Find({.cmdline = pattern + "b", .pid = 70}), IsEmpty());
}

}  // namespace
}  // namespace reinit
