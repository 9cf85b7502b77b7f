#include "supervisor/status_server/http_request.h"

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Page = HttpRequest::Page;

int ErrorOf(std::string_view head) { return ParseHttpRequest(head).error; }

TEST(HttpRequestTest, KnowsItsPages) {
  for (const auto& [path, page] :
       {std::pair("/livez", Page::kLive), std::pair("/readyz", Page::kReady),
        std::pair("/status", Page::kStatus),
        std::pair("/metrics?x=/livez", Page::kMetrics)}) {
    for (const std::string_view method : {"GET", "HEAD"}) {
      const HttpRequest request = ParseHttpRequest(
          absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: x\r\n\r\n"));
      EXPECT_EQ(request.error, 0);
      EXPECT_EQ(request.page, page);
      EXPECT_EQ(request.head, method == "HEAD");
    }
  }
}

TEST(HttpRequestTest, RefusesTheRest) {
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\n\r\n"), 404);
  EXPECT_EQ(ErrorOf("GET /livez/ HTTP/1.1\r\n\r\n"), 404);
  EXPECT_EQ(ErrorOf("GET /livez x HTTP/1.1\r\n\r\n"), 404);
  EXPECT_EQ(ErrorOf("POST /livez HTTP/1.1\r\n\r\n"), 405);
  EXPECT_EQ(ErrorOf("get /livez HTTP/1.1\r\n\r\n"), 405);
  for (const std::string_view head :
       {"", "\n\n", "GET\n\n", "GET /livez\n\n", "GET /livez \n\n",
        "PRI * HTTP/2.0\r\n\r\n", "GET /livez FTP/1.1\r\n\r\n"}) {
    EXPECT_EQ(ErrorOf(head), 400) << head;
  }
}

TEST(HttpRequestTest, AHeadEndsWithAnEmptyLine) {
  EXPECT_FALSE(HasWholeHead("GET / HTTP/1.1\r\nHost: x\r\n"));
  EXPECT_TRUE(HasWholeHead("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(HasWholeHead("GET / HTTP/1.1\n\n"));
}

TEST(HttpRequestTest, AnswersWithALength) {
  const std::string answer = HttpAnswer(200, "text/plain", "ok\n", false);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nok\n"));
  EXPECT_THAT(HttpAnswer(200, "text/plain", "ok\n", true),
              EndsWith("\r\n\r\n"));
  EXPECT_THAT(HttpAnswer(405, "a", "", false),
              HasSubstr("\r\nAllow: GET, HEAD"));
}

TEST(HttpRequestTest, TakesBytesOfAnyKind) {
  std::minstd_rand random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string head = i % 2 == 0 ? "GET " : "";
    for (size_t left = random() % 60; left > 0; --left) {
      head += static_cast<char>(random() % 3 == 0 ? " /\r\nH"[random() % 5]
                                                  : random());
    }
    const int error = ErrorOf(head);
    EXPECT_TRUE(error == 400 || error == 404 || error == 405);
  }
}

}  // namespace
}  // namespace reinit
