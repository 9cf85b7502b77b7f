#include "supervisor/watch/filter.h"

#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(FilterTest, EditorLitterAndCachesAreLeftOut) {
  const Filter filter({});
  for (const char* name :
       {"a.pyc", "a.pyo", "a.py~", "~", ".a.py.swp", ".a.swo", ".a.swx", ".#a",
        "#a#", "4913", "a.py___jb_tmp___", "a.py___jb_old___", ".DS_Store",
        ".nfs0000001", ".git", ".hg"}) {
    EXPECT_FALSE(filter.WatchesFile(name)) << name;
  }
}

TEST(FilterTest, OrdinaryFilesAreWatched) {
  const Filter filter({});
  for (const char* name :
       {"a.py", "a", "pyc", ".env", "..data", "a.swp", "#", "#a", "a#", "49130",
        ".gitignore", "a~b", ".sw", "..", "x\n\xff"}) {
    EXPECT_TRUE(filter.WatchesFile(name)) << name;
  }
}

TEST(FilterTest, Directories) {
  const Filter filter({"py"});
  for (const char* name :
       {".git", ".hg", ".svn", ".bzr", "_darcs", "CVS", "__pycache__",
        "node_modules", ".venv", ".tox", ".mypy_cache", ".pytest_cache",
        ".ruff_cache", ".hypothesis", ".idea"}) {
    EXPECT_FALSE(filter.EntersDirectory(name)) << name;
  }
  for (const char* name : {"src", ".github", "venv", "..2024_01_01", "a.pyc"}) {
    EXPECT_TRUE(filter.EntersDirectory(name)) << name;
  }
}

TEST(FilterTest, Extensions) {
  const Filter filter({"py", "tar.gz"});
  EXPECT_TRUE(filter.WatchesFile("a.py"));
  EXPECT_TRUE(filter.WatchesFile("a.tar.gz"));
  for (const char* name :
       {"a.gz", "a.pyx", "apy", "py", "a.PY", ".#a.py", "a.py~", ""}) {
    EXPECT_FALSE(filter.WatchesFile(name)) << name;
  }
}

}  // namespace
}  // namespace reinit
