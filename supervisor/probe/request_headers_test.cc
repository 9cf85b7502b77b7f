#include "supervisor/probe/request_headers.h"

#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(RequestHeadersTest, OneALine) {
  const auto headers = ParseHeaders(
      "# for the reload\n\nX-Token: abc\r\n  Authorization:\tBearer x:y \n");
  ASSERT_TRUE(headers.ok()) << headers.status();
  EXPECT_THAT(*headers,
              ElementsAre("X-Token: abc", "Authorization:\tBearer x:y"));
  EXPECT_THAT(*ParseHeaders(""), IsEmpty());
}

TEST(RequestHeadersTest, AnErrorNamesTheLineAndShowsNothingOfIt) {
  for (const std::string_view line :
       {"s3cret", ": s3cret", "X s3cret: a", "X: s3cret\x01", "X\x80: s3cret",
        "host: s3cret", "Content-Length: s3cret", "X: a\rs3cret: b",
        "TRANSFER-ENCODING: s3cret", "connection: s3cret"}) {
    const auto headers = ParseHeaders("A: b\n" + std::string(line) + "\n");
    ASSERT_FALSE(headers.ok()) << line;
    EXPECT_TRUE(absl::StartsWith(headers.status().message(), "line 2: "));
    EXPECT_FALSE(absl::StrContains(headers.status().message(), "s3cret"));
  }
  EXPECT_FALSE(ParseHeaders("A: " + std::string(9000, 'x')).ok());
}

TEST(RequestHeadersTest, Login) {
  for (const std::string_view login :
       {"user:pass word", "user:pass word\n", "user:pass word\r\n"}) {
    const auto header = BasicAuthentication(login);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(*header, "Authorization: Basic dXNlcjpwYXNzIHdvcmQ=");
  }
  EXPECT_EQ(*BasicAuthentication("u:"), "Authorization: Basic dTo=");
  for (const std::string_view login :
       {"", "s3cret", ":s3cret", "u:s3cret\nx", "u:s3cret\n\n"}) {
    const auto header = BasicAuthentication(login);
    ASSERT_FALSE(header.ok()) << login;
    EXPECT_FALSE(absl::StrContains(header.status().message(), "s3cret"));
  }
}

}  // namespace
}  // namespace reinit
