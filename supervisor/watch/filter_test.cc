#include "supervisor/watch/filter.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(FilterTest, EditorLitterAndCachesAreLeftOut) {
  const Filter filter(FilterOptions{});
  for (const char* name :
       {"a.pyc", "a.pyo", "a.py~", "~", ".a.py.swp", ".a.swo", ".a.swx", ".#a",
        "#a#", "4913", "a.py___jb_tmp___", "a.py___jb_old___", ".DS_Store",
        ".nfs0000001", ".git", ".hg"}) {
    EXPECT_FALSE(filter.WatchesFile({}, name)) << name;
  }
}

TEST(FilterTest, OrdinaryFilesAreWatched) {
  const Filter filter(FilterOptions{});
  for (const char* name :
       {"a.py", "a", "pyc", ".env", "..data", "a.swp", "#", "#a", "a#", "49130",
        ".gitignore", "a~b", ".sw", "..", "x\n\xff"}) {
    EXPECT_TRUE(filter.WatchesFile({}, name)) << name;
  }
}

TEST(FilterTest, Directories) {
  const Filter filter(FilterOptions{.extensions = {"py"}});
  for (const char* name :
       {".git", ".hg", ".svn", ".bzr", "_darcs", "CVS", "__pycache__",
        "node_modules", ".venv", ".tox", ".mypy_cache", ".pytest_cache",
        ".ruff_cache", ".hypothesis", ".idea"}) {
    EXPECT_FALSE(filter.EntersDirectory({}, name)) << name;
  }
  for (const char* name : {"src", ".github", "venv", "..2024_01_01", "a.pyc"}) {
    EXPECT_TRUE(filter.EntersDirectory({}, name)) << name;
  }
}

TEST(FilterTest, Extensions) {
  const Filter filter(FilterOptions{.extensions = {"py", "tar.gz"}});
  EXPECT_TRUE(filter.WatchesFile({}, "a.py"));
  EXPECT_TRUE(filter.WatchesFile({}, "a.tar.gz"));
  for (const char* name :
       {"a.gz", "a.pyx", "apy", "py", "a.PY", ".#a.py", "a.py~", ""}) {
    EXPECT_FALSE(filter.WatchesFile({}, name)) << name;
  }
}

// One place where the whole order of precedence is seen.
TEST(FilterTest, ExcludeThenIncludeThenTheRest) {
  const auto rules = std::make_shared<const IgnoreRules>(
      "", "ignored.py\nout/\n*.log\n", nullptr);
  const Filter filter({.extensions = {"py"},
                       .include = {".env", "out/keep/*.txt", "x~", "*.log"},
                       .exclude = {"secret*", "/top.py"},
                       .ignore_files = true});
  const auto file = [&](std::string place, std::string_view name) {
    return filter.WatchesFile({std::move(place), rules}, name);
  };
  const auto directory = [&](std::string place, std::string_view name) {
    return filter.EntersDirectory({std::move(place), rules}, name);
  };
  EXPECT_TRUE(file("src/", "a.py"));
  EXPECT_FALSE(file("src/", "a.txt")) << "no such extension, not included";
  EXPECT_TRUE(file("src/", ".env")) << "included";
  EXPECT_TRUE(file("", "x~")) << "included, though litter";
  EXPECT_TRUE(file("", "a.log")) << "included, though ignored";
  EXPECT_FALSE(file("", "ignored.py"));
  EXPECT_FALSE(file("", "secret.log")) << "exclude is stronger";
  EXPECT_FALSE(file("", "top.py"));
  EXPECT_TRUE(file("src/", "top.py")) << "the pattern is anchored";
  EXPECT_TRUE(directory("", "out")) << "the way to what is included";
  EXPECT_TRUE(directory("out/", "keep"));
  EXPECT_FALSE(directory("src/", "out")) << "ignored";
  EXPECT_FALSE(directory("", "secrets"));
  EXPECT_FALSE(directory("", "node_modules"));
}

TEST(FilterTest, IncludeAloneRestricts) {
  const Filter filter(FilterOptions{.include = {"src/**"}});
  EXPECT_TRUE(filter.WatchesFile({"src/deep/", nullptr}, "a"));
  EXPECT_FALSE(filter.WatchesFile({"", nullptr}, "a"));
  EXPECT_TRUE(filter.EntersDirectory({"", nullptr}, "src"));
}

TEST(FilterTest, DefaultsCanBeTurnedOff) {
  const Filter filter(FilterOptions{.defaults = false});
  for (const char* name : {".a.swp", "a~", "4913", ".git", "a.pyc"}) {
    EXPECT_TRUE(filter.WatchesFile({}, name)) << name;
  }
  EXPECT_TRUE(filter.EntersDirectory({}, ".git"));
}

}  // namespace
}  // namespace reinit
