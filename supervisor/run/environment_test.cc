#include "supervisor/run/environment.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string WriteFile(const std::string& content) {
  static int number = 0;
  std::string path = absl::StrCat(::testing::TempDir(), "/env", ++number);
  std::ofstream(path) << content;
  return path;
}

TEST(EnvironmentTest, LaterEntriesReplaceEarlierOnesInPlace) {
  const std::string file = WriteFile("B=file\nNEW=1\n");
  EXPECT_THAT(*MakeEnvironment({"A=base", "B=base", "C=base"}, {file},
                               {"C=flag", "D=flag"}),
              ElementsAre("A=base", "B=file", "C=flag", "NEW=1", "D=flag"));
}

TEST(EnvironmentTest, AFileIsTakenLiterally) {
  const std::string file = WriteFile(
      "# a comment\n\nA=\"quoted\" $HOME # no comment\r\nEMPTY=\nLAST=x");
  EXPECT_THAT(
      *MakeEnvironment({}, {file}, {}),
      ElementsAre("A=\"quoted\" $HOME # no comment", "EMPTY=", "LAST=x"));
}

// The exec would cut it off there, and the name may have no = left.
TEST(EnvironmentTest, ANulByteIsAnErrorThatNamesTheLine) {
  for (const std::string_view line :
       {std::string_view("PASS=abc\0def", 12), std::string_view("A\0=2", 4),
        std::string_view("A\0", 2)}) {
    const std::string file = WriteFile(absl::StrCat("OK=1\n", line, "\n"));
    const auto made = MakeEnvironment({}, {file}, {});
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.status().message(),
                HasSubstr(absl::StrCat(file, ":2: has a NUL byte")));
    EXPECT_THAT(made.status().message(), Not(HasSubstr("abc")));
  }
}

TEST(EnvironmentTest, NamesAreWholeNames) {
  EXPECT_THAT(*MakeEnvironment({"PATH=1", "PATH2=2"}, {}, {"PATH=3"}),
              ElementsAre("PATH=3", "PATH2=2"));
}

TEST(EnvironmentTest, OfOneNameTheLastStays) {
  const std::string file = WriteFile("A=1\nB=1\nA=2\n");
  EXPECT_THAT(*MakeEnvironment({"B=base", "B=again", "C", "C=x", "C=y"}, {file},
                               {"B=flag"}),
              ElementsAre("B=flag", "C", "C=x", "C=y", "A=2"));
}

// A step for each line that grows with the lines before it: two minutes.
TEST(EnvironmentTest, AFileMayHaveManyLines) {
  std::string text;
  constexpr int kLines = 130'000;
  for (int i = 0; i < kLines; ++i) absl::StrAppend(&text, "NAME_", i, "=v\n");
  const auto made = MakeEnvironment({"PATH=1"}, {WriteFile(text)}, {});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->size(), kLines + 1U);
  EXPECT_EQ(made->back(), absl::StrCat("NAME_", kLines - 1, "=v"));
}

TEST(EnvironmentTest, AFileForAShellMayBeGiven) {
  const std::string file = WriteFile(
      "export A=1\n\texport\t B=2\n  C=3\n   # a comment\n \t\n"
      "export=4\nexportD=5\n");
  EXPECT_THAT(*MakeEnvironment({}, {file}, {}),
              ElementsAre("A=1", "B=2", "C=3", "export=4", "exportD=5"));
}

TEST(EnvironmentTest, ANameHasNoBlank) {
  for (const char* line : {"A B=1", "A =1", "export A B=1", "set A=1"}) {
    EXPECT_THAT(MakeEnvironment({}, {WriteFile(line)}, {}).status().message(),
                AllOf(HasSubstr(":1: the name '"), HasSubstr("has a blank")))
        << line;
  }
  for (const char* line : {"export A", "export =1", "export "}) {
    EXPECT_THAT(MakeEnvironment({}, {WriteFile(line)}, {}).status().message(),
                HasSubstr("not KEY=value"))
        << line;
  }
  EXPECT_TRUE(MakeEnvironment({}, {WriteFile("A=1 2 = 3")}, {}).ok());
}

TEST(EnvironmentTest, ErrorsNameFileAndLine) {
  const std::string file = WriteFile("A=1\nnonsense\n");
  EXPECT_THAT(MakeEnvironment({}, {file}, {}).status().message(),
              HasSubstr(absl::StrCat(file, ":2")));
  EXPECT_THAT(MakeEnvironment({}, {WriteFile("=x")}, {}).status().message(),
              HasSubstr(":1"));
  EXPECT_THAT(MakeEnvironment({}, {"/no/such"}, {}).status().message(),
              HasSubstr("/no/such"));
  EXPECT_FALSE(MakeEnvironment({}, {"/dev/zero"}, {}).ok());
}

// It is read again at each start, and would be empty, or never end, then.
TEST(EnvironmentTest, APipeIsRefusedInWords) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(MakeEnvironment({}, {path}, {}).status().message(),
              HasSubstr("a pipe"));
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_THAT(MakeEnvironment({}, {absl::StrCat("/dev/fd/", ends[0])}, {})
                  .status()
                  .message(),
              HasSubstr("a pipe"));
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_TRUE(MakeEnvironment({}, {"/dev/null"}, {}).ok());
}

TEST(EnvironmentTest, EntriesArePackedAndUnpacked) {
  const std::vector<std::string> entries = {"A=1", "", "B=x y\n"};
  EXPECT_EQ(UnpackEntries(PackEntries(entries)), entries);
  EXPECT_THAT(UnpackEntries(PackEntries({})), ElementsAre());
  EXPECT_THAT(UnpackEntries(PackEntries({std::string("A=1\0B=2", 7), "C=3"})),
              ElementsAre("A=1", "C=3"));
}

TEST(EnvironmentTest, AByteOrderMarkIsNoPartOfAName) {
  EXPECT_THAT(*MakeEnvironment({},
                               {WriteFile("\xef\xbb\xbf"
                                          "A=1\nB=2")},
                               {}),
              ElementsAre("A=1", "B=2"));
}

}  // namespace
}  // namespace reinit
