#include "supervisor/watch/filter/filter.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(FilterTest, EditorLitterAndCachesAreLeftOut) {
  const Filter filter(FilterOptions{});
  for (const char* name : {"a.pyc",
                           "a.pyo",
                           "a.py~",
                           "~",
                           ".a.py.swp",
                           ".a.swo",
                           ".a.swx",
                           ".#a",
                           "#a#",
                           "4913",
                           "a.py___jb_tmp___",
                           "a.py___jb_old___",
                           ".DS_Store",
                           ".nfs0000001",
                           ".git",
                           ".hg",
                           ".a.py.kate-swp",
                           ".goutputstream-X1",
                           "a.db-shm",
                           "a.db-wal",
                           "a.db-journal",
                           "a.sqlite-shm",
                           "a.sqlite-wal",
                           "a.sqlite-journal",
                           "a.sqlite3-shm",
                           "a.sqlite3-wal",
                           "a.sqlite3-journal"}) {
    EXPECT_FALSE(filter.WatchesFile({}, name)) << name;
  }
}

TEST(FilterTest, OrdinaryFilesAreWatched) {
  const Filter filter(FilterOptions{});
  for (const char* name :
       {"a.py", "a", "pyc", ".env", "..data", "a.swp", "#", "#a", "a#", "49130",
        ".gitignore", "a~b", ".sw", "..", "x\n\xff", "a.db", "a.sqlite3",
        "db-wal", "a-journal"}) {
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
TEST(FilterTest, Precedence) {
  const auto rules = std::make_shared<const IgnoreRules>(
      "", "ignored.py\nout/\n*.log\n.env\n", nullptr);
  const Filter filter({.extensions = {"py"},
                       .include = {".env", "out/keep/*.txt", "x~", "*.log",
                                   "*.pyc", "assets/", "/top.py"},
                       .exclude = {"secret*", "/top.py"},
                       .ignore_files = true});
  const struct {
    const char* place;
    const char* name;
    bool is_directory;
    bool counts;
    const char* because;
  } kCases[] = {
      {"", "secret.log", false, false, "excluded, though included"},
      {"", "secrets", true, false, "excluded"},
      {"", "top.py", false, false, "excluded, though named"},
      {"src/", "top.py", false, true, "that pattern is anchored"},
      {"src/", "a.py", false, true, "the extension"},
      {"src/", "a.txt", false, false, "neither extension nor include"},
      {"assets/x/", "a.txt", false, true, "in an included directory"},
      {"assets/x/", "a~", false, false, "litter, also there"},
      {"assets/", ".git", true, false, "version control, also there"},
      {"src/", ".env", false, true, "named, though ignored"},
      {"", "x~", false, true, "named, though litter"},
      {"", "a.log", false, false, "ignored: a wildcard names nothing"},
      {"", "a.pyc", false, false, "litter: a wildcard names nothing"},
      {"", "ignored.py", false, false, "ignored"},
      {"", ".#a.py", false, false, "litter"},
      {"", "out", true, true, "named on the way to what is included"},
      {"out/", "keep", true, true, "the same"},
      {"out/keep/", "a.txt", false, true, "included"},
      {"src/", "out", true, false, "ignored"},
      {"", "node_modules", true, false, "a cache"},
  };
  for (const auto& c : kCases) {
    const Filter::Place place = filter.PlaceOf(c.place, rules);
    EXPECT_EQ(c.is_directory ? filter.EntersDirectory(place, c.name)
                             : filter.WatchesFile(place, c.name),
              c.counts)
        << c.place << c.name << ": " << c.because;
  }
}

TEST(FilterTest, IncludeAloneRestricts) {
  for (const char* glob : {"src/**", "src", "/src/"}) {
    const Filter filter(FilterOptions{.include = {glob}});
    const auto watches = [&filter](const char* place, const char* name) {
      return filter.WatchesFile(filter.PlaceOf(place, nullptr), name);
    };
    EXPECT_TRUE(watches("src/", "a")) << glob;
    EXPECT_TRUE(watches("src/deep/", "a")) << glob;
    EXPECT_FALSE(watches("", "a")) << glob;
    EXPECT_FALSE(watches("src/", ".a.swp")) << glob;
    EXPECT_TRUE(filter.EntersDirectory({}, "src")) << glob;
    EXPECT_FALSE(
        filter.EntersDirectory(filter.PlaceOf("src/", nullptr), ".git"))
        << glob;
  }
}

TEST(FilterTest, WhatIncludeNamesComesBack) {
  const Filter filter(
      FilterOptions{.include = {".venv/lib/**", "env/", "node_modules/mine"}});
  EXPECT_TRUE(filter.EntersDirectory({}, ".venv"));
  EXPECT_TRUE(filter.EntersDirectory({}, "node_modules"));
  const auto place = [&filter](const char* path) {
    return filter.PlaceOf(path, nullptr);
  };
  EXPECT_TRUE(filter.WatchesFile(place(".venv/lib/x/"), "a.py"));
  EXPECT_FALSE(filter.WatchesFile(place(".venv/bin/"), "a.py"));
  EXPECT_TRUE(filter.WatchesFile(place("node_modules/mine/"), "a.js"));
  EXPECT_FALSE(filter.WatchesFile(place("node_modules/other/"), "a.js"));
  EXPECT_TRUE(filter.EntersEnvironment(place("env/")));
  EXPECT_FALSE(filter.EntersEnvironment(place("other/")));
  EXPECT_TRUE(filter.EntersEnvironment(place(""))) << "named by --watch";
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
