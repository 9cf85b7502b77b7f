#include "supervisor/watch/filter/glob.h"

#include <optional>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace reinit {
namespace {

bool Matches(std::string_view pattern, std::string_view path,
             bool is_directory = false) {
  const auto globs = Glob::Compile(pattern);
  EXPECT_TRUE(globs.ok()) << pattern;
  for (const Glob& glob : *globs) {
    if (glob.Matches(path, is_directory)) return true;
  }
  return false;
}

TEST(GlobTest, Table) {
  const struct {
    const char* pattern;
    const char* path;
    bool matches;
  } kCases[] = {
      {"a", "a", true},
      {"a", "x/y/a", true},
      {"a", "ab", false},
      {"*.py", "x/a.py", true},
      {"*.py", "a.pyc", false},
      {"/a", "a", true},
      {"/a", "x/a", false},
      {"x/a", "x/a", true},
      {"x/a", "y/x/a", false},
      {"x/*", "x/a", true},
      {"x/*", "x/y/a", false},
      {"x/**", "x/y/a", true},
      {"x/**", "x", false},
      {"**/a", "a", true},
      {"**/a", "x/y/a", true},
      {"x/**/a", "x/a", true},
      {"x/**/a", "x/y/z/a", true},
      {"x/**/a", "y/a", false},
      {"x/**/y/**/a", "x/1/y/2/y/a", true},
      {"a**c", "abbc", true},
      {"a**c", "a/c", false},
      {"a?c", "abc", true},
      {"a?c", "a/c", false},
      {"[a-c]x", "bx", true},
      {"[!a-c]x", "bx", false},
      {"[^a-c]x", "dx", true},
      {"[]a]", "]", true},
      {"[z-a]", "z", true},
      {"[[:a]", "[", true},
      {"[[:a]", ":", true},
      {"[z-a]", "b", false},
      {"[a-]", "-", true},
      {"[[:digit:]]*", "7x", true},
      {"[[:digit:]]*", "x7", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"*.{py,html}", "x/a.html", true},
      {"*.{py,html}", "a.css", false},
      {"{a,b{c,d}}", "bd", true},
      {"{a,b{c,d}}", "b", false},
      {"a{,b}", "a", true},
      {"{src,lib}/**/*.c", "lib/x/y.c", true},
      {"\\{a,b}", "{a,b}", true},
      {"*", ".hidden", true},
      {"x\xff*", "x\xff\n", true},
      {"[{]", "{", true},
      {"a{[,}],b}", "a}", true},
      {"a{[,}],b}", "ab", true},
      {"{a}{}", "a", true},
      {"a}", "a}", true},
      {"[a/]b", "ab", true},
      {"[a/]b", "x/ab", false},
      {"x\\/a", "x/a", true},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Matches(c.pattern, c.path), c.matches)
        << c.pattern << " on " << c.path;
  }
}

TEST(GlobTest, ASlashAtTheEndMeansDirectories) {
  EXPECT_TRUE(Matches("build/", "x/build", true));
  EXPECT_FALSE(Matches("build/", "x/build", false));
}

TEST(GlobTest, BracesAreBounded) {
  EXPECT_EQ(Glob::Compile("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}")->size(),
            256U);
  const std::string open(20'000, '{');
  EXPECT_FALSE(Glob::Compile(open).ok());
  EXPECT_FALSE(Glob::Compile(open + "a,").ok());
  std::string commas = "{";
  for (int i = 0; i < 300; ++i) commas += "a,";
  EXPECT_FALSE(Glob::Compile(commas + "}").ok());
}

TEST(GlobTest, RefusesWhatCanNeverMatch) {
  for (const char* pattern :
       {"", "/", "./", "!a", "*.py,*.html", "{a,b},c", "../a", "a/./b", "[a",
        "a\\", "{a", "a/[[:nosuch:]]", "[a-",
        "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"}) {
    EXPECT_FALSE(Glob::Compile(pattern).ok()) << pattern;
  }
}

TEST(GlobTest, WhatPathsBelowARootNeverHaveDoesNotCount) {
  EXPECT_TRUE(Matches("./src/*.py", "src/a.py"));
  EXPECT_TRUE(Matches("src//a.py", "src/a.py"));
  EXPECT_TRUE(Matches(".//src///**//", "src/a/b", true));
  EXPECT_FALSE(Matches("src//a.py", "x/src/a.py"));
  EXPECT_FALSE(Matches("./src/*.py", "x/src/a.py"));
  EXPECT_TRUE(Matches("././a", "a"));
  EXPECT_TRUE(Matches("{./src/a,b}", "src/a"));
  EXPECT_TRUE(Matches("a\\,b", "a,b"));
  EXPECT_TRUE(Matches("a[,]b", "a,b"));
  EXPECT_TRUE(Matches("\\!a", "!a"));
  const auto glob = Glob::Compile("/app/{x,y}/*.py", "/app");
  ASSERT_TRUE(glob.ok());
  EXPECT_TRUE((*glob)[1].Matches("y/a.py", false));
  EXPECT_FALSE((*glob)[1].Matches("b/y/a.py", false));
  EXPECT_FALSE((*Glob::Compile("/apple/a", "/app"))[0].Matches("le/a", false));
}

// Would take longer than the age of the universe by plain backtracking.
TEST(GlobTest, HostilePatternsTakeNoTime) {
  std::string stars;
  for (int i = 0; i < 500; ++i) stars += "*a";
  EXPECT_FALSE(Matches(stars + "b", std::string(5000, 'a')));
  std::string deep;
  std::string path;
  for (int i = 0; i < 200; ++i) deep += "**/a/";
  for (int i = 0; i < 1000; ++i) path += "a/";
  EXPECT_FALSE(Matches(deep + "b", path + "a"));
}

TEST(GlobTest, Names) {
  const struct {
    const char* pattern;
    const char* path;
    bool is_directory;
    bool named;
  } kCases[] = {
      {".env", ".env", false, true},
      {".env", "x/.env", false, true},
      {"/.env", "x/.env", false, false},
      {".venv/", ".venv", true, true},
      {".venv/", ".venv", false, false},
      {".venv/lib/*.py", ".venv", true, true},
      {".venv/lib/*.py", ".venv/lib", true, true},
      {".venv/lib/*.py", "x/.venv", true, false},
      {".venv/lib/*.py", ".venv/lib/x", true, false},
      {".venv/lib/*.py", ".venv/lib/x.py", false, false},
      {".venv/**", ".venv", true, true},
      {".venv/**", ".venv/.git", true, false},
      {"**/.venv/**", "x/.venv", true, true},
      {"**/a", ".venv", true, false},
      {"**/a", "x/a", false, true},
      {"*/a", ".venv", true, false},
      {"src/**", "src/.git", true, false},
      {"*.py", ".#a.py", false, false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ((*Glob::Compile(c.pattern))[0].Names(c.path, c.is_directory),
              c.named)
        << c.pattern << " on " << c.path;
  }
}

TEST(GlobTest, IgnoreLines) {
  bool negated = false;
  for (const char* nothing : {"", "# a", "  ", "/", "[a", "!"}) {
    EXPECT_FALSE(Glob::FromIgnoreLine(nothing, &negated).has_value())
        << nothing;
  }
  const auto line = [&negated](std::string_view text) {
    return *Glob::FromIgnoreLine(text, &negated);
  };
  EXPECT_TRUE(line("a  ").Matches("a", false));
  EXPECT_TRUE(line("a\\  ").Matches("a ", false));
  EXPECT_TRUE(line("\\#a").Matches("#a", false));
  EXPECT_TRUE(line("a\r").Matches("a", false));
  EXPECT_TRUE(line("{a,b}").Matches("{a,b}", false)) << "no braces here";
  EXPECT_FALSE(negated);
  EXPECT_TRUE(line("!a").Matches("a", false));
  EXPECT_TRUE(negated);
  EXPECT_TRUE(line("\\!a").Matches("!a", false));
  EXPECT_FALSE(negated);
}

}  // namespace
}  // namespace reinit
