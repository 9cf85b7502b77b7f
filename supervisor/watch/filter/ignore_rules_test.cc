// Our reading of .gitignore files beside git's own.
#include "supervisor/watch/filter/ignore_rules.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

TEST(IgnoreRulesTest, TheNearestFileAndTheLastLineDecide) {
  const auto top =
      std::make_shared<const IgnoreRules>("", "*.log\n!keep.log\n", nullptr);
  EXPECT_TRUE(top->Ignores("a.log", false));
  EXPECT_FALSE(top->Ignores("x/keep.log", false));
  const IgnoreRules below("x/", "/a\n!b.log\nkeep.log\n", top);
  EXPECT_TRUE(below.Ignores("x/a", false));
  EXPECT_FALSE(below.Ignores("x/y/a", false));
  EXPECT_FALSE(below.Ignores("x/b.log", false));
  EXPECT_TRUE(below.Ignores("x/c.log", false));
  EXPECT_TRUE(below.Ignores("x/keep.log", false));
}

using Random = std::mt19937;

size_t Below(Random& random, size_t count) {
  return std::uniform_int_distribution<size_t>(0, count - 1)(random);
}

template <size_t N>
std::string Pick(Random& random, const std::array<std::string_view, N>& from) {
  return std::string(from[Below(random, N)]);
}

constexpr std::array<std::string_view, 9> kNames = {
    "a", "b", "ab", "a.c", "b.c", "a b", "#a", "!b", "[a]"};
constexpr std::array<std::string_view, 26> kParts = {
    "a",     "b",   "ab",   "a.c",  "*",           "*.c",   "a*",
    "?",     "**",  "[ab]", "[!a]", "[a-c]",       "*b*",   "\\a",
    "a\\ b", "**b", "[]a]", "a b ", "[[:alpha:]]", "\\[a]", "[^[:digit:]b]*",
    "?*",    "#a",  "!b",   "\\#a", "\\!b"};

// Whatever comes: most of it is broken in some way.
std::string HostileLine(Random& random) {
  constexpr std::string_view kBytes = "aab**?[[]]!^-\\\\/.c #::";
  std::string line;
  for (size_t i = 1 + Below(random, 9); i > 0; --i) {
    line += Below(random, 12) == 0
                ? "[:alpha:]"
                : kBytes.substr(Below(random, kBytes.size()), 1);
  }
  return line;
}

std::string RandomLine(Random& random) {
  if (Below(random, 3) == 0) return HostileLine(random);
  if (Below(random, 20) == 0) return Pick<4>(random, {"", "# a", "[a", "a\\"});
  std::string line = Below(random, 4) == 0 ? "!" : "";
  if (Below(random, 4) == 0) line += "/";
  const size_t parts = 1 + Below(random, 3);
  for (size_t i = 0; i < parts; ++i) {
    absl::StrAppend(&line, i > 0 ? "/" : "", Pick(random, kParts));
  }
  if (Below(random, 4) == 0) line += "/";
  if (Below(random, 8) == 0) line += Pick<4>(random, {" ", "\\ ", "  ", "\r"});
  return line;
}

// Paths of a tree three deep; directories end in a slash.
std::vector<std::string> RandomPaths(Random& random) {
  std::set<std::string> paths;
  std::set<std::string> directories = {""};
  for (int i = 0; i < 30; ++i) {
    auto parent = directories.begin();
    std::advance(parent,
                 static_cast<ptrdiff_t>(Below(random, directories.size())));
    const std::string path = absl::StrCat(*parent, Pick(random, kNames));
    if (paths.count(path) != 0 || paths.count(path + "/") != 0) continue;
    const bool directory =
        Below(random, 2) == 0 && std::count(path.begin(), path.end(), '/') < 2;
    paths.insert(directory ? path + "/" : path);
    if (directory) directories.insert(path + "/");
  }
  return {paths.begin(), paths.end()};
}

// What git says of each path; it looks at the disk for what is a directory.
std::set<std::string> IgnoredByGit(const WatchedFolder& repository,
                                   const WatchedFolder& folder,
                                   const std::vector<std::string>& paths) {
  std::ofstream list(folder.Path("list"), std::ios::binary);
  for (const std::string& path : paths) {
    list << absl::StripSuffix(path, "/") << '\0';
  }
  list.close();
  const std::string command = absl::StrCat(
      "cd ", folder.Path("tree"),
      " && GIT_CONFIG_NOSYSTEM=1 HOME=/nonexistent git -c core.excludesFile= "
      "--git-dir=",
      repository.Path(".git"),
      " --work-tree=. check-ignore --no-index -z --stdin < ../list");
  FILE* const pipe = ::popen(command.c_str(), "r");
  std::string out;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    out.push_back(static_cast<char>(c));
  }
  const int status = ::pclose(pipe);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1) << command;
  const std::vector<std::string> lines =
      absl::StrSplit(out, '\0', absl::SkipEmpty());
  return {lines.begin(), lines.end()};
}

// What we say: rules are read on the way down, and nothing in an ignored
// directory is looked at.
std::set<std::string> IgnoredByUs(const WatchedFolder& folder,
                                  const std::vector<std::string>& paths) {
  std::map<std::string, std::shared_ptr<const IgnoreRules>> rules;
  std::set<std::string> ignored;
  const auto rules_at = [&](const std::string& place,
                            std::shared_ptr<const IgnoreRules> above) {
    const UniqueFd fd(::open(folder.Path("tree/" + place).c_str(),
                             O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return ReadIgnoreRules(fd.get(), place, std::move(above));
  };
  rules[""] = rules_at("", nullptr);
  for (const std::string& path : paths) {  // those above come first
    const bool directory = absl::EndsWith(path, "/");
    const std::string name(absl::StripSuffix(path, "/"));
    const size_t slash = name.rfind('/');
    const std::string place =
        slash == std::string::npos ? "" : name.substr(0, slash + 1);
    const bool in_ignored =
        !place.empty() && ignored.count(place.substr(0, slash)) != 0;
    const auto& here = rules[place];
    if (in_ignored || (here != nullptr && here->Ignores(name, directory))) {
      ignored.insert(name);
    } else if (directory) {
      rules[path] = rules_at(path, here);
    }
  }
  return ignored;
}

void MakeTree(const WatchedFolder& folder, Random& random,
              const std::vector<std::string>& paths) {
  std::vector<std::string> places = {""};
  for (const std::string& path : paths) {
    if (absl::EndsWith(path, "/")) {
      folder.MakeDirectory("tree/" + path);
      places.push_back(path);
    } else {
      folder.Write("tree/" + path, "");
    }
  }
  for (const std::string& place : places) {
    if (!place.empty() && Below(random, 2) == 0) continue;
    std::vector<std::string> lines;
    for (size_t i = Below(random, 5) + 1; i > 0; --i) {
      lines.push_back(RandomLine(random));
    }
    folder.Write(absl::StrCat("tree/", place, kIgnoreFile),
                 absl::StrJoin(lines, "\n") + "\n");
  }
}

TEST(IgnoreRulesTest, AsGitHasItInGeneratedTrees) {
  if (std::system("git --version > /dev/null") != 0) {
    GTEST_SKIP() << "git is not installed";
  }
  const WatchedFolder repository;
  const std::string make = absl::StrCat("git init -q ", repository.path());
  ASSERT_EQ(std::system(make.c_str()), 0);
  Random random(20261125);  // NOLINT: the same cases each time
  size_t cases = 0;
  size_t ignored = 0;
  for (int round = 0; round < 400; ++round) {
    const WatchedFolder folder;
    folder.MakeDirectory("tree");
    const std::vector<std::string> paths = RandomPaths(random);
    MakeTree(folder, random, paths);
    const std::set<std::string> git = IgnoredByGit(repository, folder, paths);
    const std::set<std::string> ours = IgnoredByUs(folder, paths);
    cases += paths.size();
    ignored += git.size();
    if (ours == git) continue;
    std::system(absl::StrCat("cd ", folder.Path("tree"),
                             " && find . -name .gitignore | "
                             "xargs grep -n '' /dev/null")
                    .c_str());
    FAIL() << "round " << round << "\ngit:  " << absl::StrJoin(git, ", ")
           << "\nours: " << absl::StrJoin(ours, ", ");
  }
  // Else the generator is no good.
  EXPECT_GT(cases, 6000U);
  EXPECT_GT(ignored, cases / 5);
  EXPECT_LT(ignored, cases * 4 / 5);
}

}  // namespace
}  // namespace reinit
