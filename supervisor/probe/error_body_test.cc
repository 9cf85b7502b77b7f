#include "supervisor/probe/error_body.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

std::string Shown(std::string_view bytes, bool chunked = false,
                  std::string_view headers = "", std::string_view path = "/") {
  ErrorBody body;
  for (const char c : bytes) body.Feed(std::string_view(&c, 1));
  return body.Text(chunked, headers, path);
}

TEST(ErrorBodyTest, OnePrintableLineOfBoundedLength) {
  EXPECT_EQ(Shown(""), "");
  EXPECT_EQ(Shown(" no \n"), "no");
  EXPECT_EQ(Shown("a\r\nb\t c\x1b\xff"), "a b c\\x1b\\xff");
  EXPECT_EQ(Shown(std::string(300, 'x')), std::string(300, 'x'));
  EXPECT_EQ(Shown(std::string(9000, 'x')), std::string(300, 'x') + "...");
}

TEST(ErrorBodyTest, TakesNoMoreThanItNeeds) {
  ErrorBody body;
  EXPECT_TRUE(body.Feed(std::string(4000, 'x')));
  EXPECT_FALSE(body.Feed(std::string(4000, 'x')));
  EXPECT_FALSE(body.Feed("y"));
}

TEST(ErrorBodyTest, Chunks) {
  EXPECT_EQ(Shown("3\r\nabc\r\n2;a=b\r\nde\r\n0\r\n\r\n", true), "abcde");
  for (const std::string_view cut :
       {"3\r\nabc\r\n2\r\nd", "3\r\nabcxx", "3\nabc\n", "3\r\nabc\r\nzz\r\nq",
        "3\r\nabc\r", "3\r\nabc"}) {
    EXPECT_EQ(Shown(cut, true).substr(0, 3), "abc") << cut;
  }
  EXPECT_EQ(Shown("ffffffff\r\nabc", true), "abc");
  EXPECT_EQ(Shown("fffffffff\r\nabc", true), "");
  EXPECT_EQ(Shown("no chunks at all", true), "");
}

TEST(ErrorBodyTest, SecretsThatComeBackAreHidden) {
  const std::string_view headers =
      "X-Token: s3cret\r\nAuthorization: Basic dXNlcjpwYXNzd29yZA==\r\nA: "
      "b\r\n";
  EXPECT_EQ(Shown("s3cret, s3cret: no", false, headers), "***, ***: no");
  EXPECT_EQ(Shown("got Basic dXNlcjpwYXNzd29yZA==", false, headers), "got ***");
  EXPECT_EQ(Shown("dXNlcjpwYXNzd29yZA==", false, headers), "***");
  EXPECT_EQ(Shown("user has another password", false, headers),
            "user has another ***");
  EXPECT_EQ(Shown("bad body", false, headers), "bad body");
  // Also where it would be cut in the middle.
  EXPECT_EQ(
      Shown(absl::StrCat(std::string(297, 'x'), "s3cret"), false, headers),
      absl::StrCat(std::string(297, 'x'), "***"));
}

TEST(ErrorBodyTest, ValuesOfTheQueryThatComeBackAreHidden) {
  const auto shown = [](std::string_view bytes, std::string_view path) {
    return Shown(bytes, false, "", path);
  };
  EXPECT_EQ(
      shown("Cannot POST /-/reload?token=SECRET9", "/-/reload?token=SECRET9"),
      "Cannot POST /-/reload?token=***");
  EXPECT_EQ(shown("a=SECRET1&b=SECRET2", "/?a=SECRET1&b=SECRET2"),
            "a=***&b=***");
  EXPECT_EQ(shown("no SECRET3 here", "/?SECRET3"), "no *** here");
  EXPECT_EQ(shown("a/b c, or a%2Fb+c", "/?t=a%2Fb+c"), "***, or ***");
  EXPECT_EQ(shown("bad path /reload", "/reload?x=bad"), "bad path /reload");
}

}  // namespace
}  // namespace reinit
