#include "supervisor/value/words.h"

#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::HasSubstr;

struct Good {
  std::string_view command;
  std::vector<std::string> words;
};

class SplitWordsTest : public ::testing::TestWithParam<Good> {};

TEST_P(SplitWordsTest, GivesTheWordsThatAShellWould) {
  const auto words = SplitWords(GetParam().command);
  ASSERT_TRUE(words.ok()) << words.status();
  EXPECT_EQ(*words, GetParam().words);
}

INSTANTIATE_TEST_SUITE_P(
    Table, SplitWordsTest,
    ::testing::Values(
        Good{"nginx -t", {"nginx", "-t"}},
        Good{"  a\t b \n c ", {"a", "b", "c"}}, Good{"a ''", {"a", ""}},
        Good{"a \"\" b", {"a", "", "b"}},
        Good{R"(sh -c 'echo "$HOME" | wc')",
             {"sh", "-c", "echo \"$HOME\" | wc"}},
        Good{R"(a"b c"'d e'f\ g)", {"ab cd ef g"}},
        Good{R"('it'\''s')", {"it's"}},
        Good{R"("\$ \` \" \\ \n \a")", {"$ ` \" \\ \\n \\a"}},
        Good{"\"a\\\nb\"", {"ab"}}, Good{"a\\\nb c", {"ab", "c"}},
        Good{"a \\\n b", {"a", "b"}}, Good{"a \\\n", {"a"}},
        Good{"'a\nb'", {"a\nb"}}, Good{R"('\')", {"\\"}},
        Good{R"(\'\"\\)", {"'\"\\"}},
        // No operators, comments or expansion.
        Good{"a;b|c&&d>e $X ~ * #f", {"a;b|c&&d>e", "$X", "~", "*", "#f"}},
        Good{"caf\xc3\xa9 \xff\xfe", {"caf\xc3\xa9", "\xff\xfe"}}));

struct Bad {
  std::string_view command;
  std::string_view why;
};

class SplitWordsErrorTest : public ::testing::TestWithParam<Bad> {};

TEST_P(SplitWordsErrorTest, SaysWhatIsWrong) {
  const auto words = SplitWords(GetParam().command);
  ASSERT_FALSE(words.ok());
  EXPECT_THAT(words.status().message(), HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    Table, SplitWordsErrorTest,
    ::testing::Values(Bad{"", "it is empty"}, Bad{" \t\n", "it is empty"},
                      Bad{"\\\n", "it is empty"}, Bad{"''", "name is empty"},
                      Bad{"'' a", "name is empty"},
                      Bad{"a 'b", "a ' quote is not closed"},
                      Bad{"a \"b", "a \" quote is not closed"},
                      Bad{"a \"b\\\"", "a \" quote is not closed"},
                      Bad{"a \"b\\", "a \" quote is not closed"},
                      Bad{"a b\\", "ends in a backslash"},
                      Bad{"a 'b\\'c'", "a ' quote is not closed"},
                      Bad{std::string_view("a\0b", 3), "NUL"}));

TEST(SplitWordsErrorTest, ShowsControlCharactersInHex) {
  const auto words = SplitWords("a\x1b'");
  ASSERT_FALSE(words.ok());
  EXPECT_THAT(words.status().message(), HasSubstr("a\\x1b"));
}

}  // namespace
}  // namespace reinit
