#include "supervisor/environment.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

TEST(EnvironmentTest, NamesAreWholeNames) {
  EXPECT_THAT(*MakeEnvironment({"PATH=1", "PATH2=2"}, {}, {"PATH=3"}),
              ElementsAre("PATH=3", "PATH2=2"));
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
