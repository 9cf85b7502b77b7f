#include "supervisor/probe/http_response.h"

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using State = HttpResponse::State;

struct Row {
  std::string bytes;
  int status;                // 0: bad
  std::string_view problem;  // "": none
};

class HttpResponseTest : public ::testing::TestWithParam<Row> {};

// Feeds all at once, byte by byte, and in two halves: how a stream is cut
// means nothing.
TEST_P(HttpResponseTest, ReadsTheStatusHoweverTheBytesAreCut) {
  const Row& row = GetParam();
  for (const size_t piece : {row.bytes.size() + 1, size_t{1}, size_t{7}}) {
    HttpResponse response;
    for (size_t i = 0; i < row.bytes.size(); i += piece) {
      response.Feed(std::string_view(row.bytes).substr(i, piece));
    }
    response.End();
    EXPECT_EQ(response.problem(), row.problem);
    if (row.status != 0) {
      EXPECT_EQ(response.state(), State::kDone);
      EXPECT_EQ(response.status(), row.status);
    } else {
      EXPECT_EQ(response.state(), State::kBad);
    }
  }
}

constexpr std::string_view kNot = "not an HTTP answer";
constexpr std::string_view kMalformed = "malformed HTTP header";
constexpr std::string_view kCut =
    "connection closed in the middle of the HTTP header";

INSTANTIATE_TEST_SUITE_P(
    Table, HttpResponseTest,
    ::testing::Values(
        Row{"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", 200, ""},
        Row{"HTTP/1.0 503 Service Unavailable\r\n\r\n", 503, ""},
        Row{"HTTP/1.1 204\r\n\r\n", 204, ""},
        Row{"HTTP/1.1 204 \r\n\r\n", 204, ""},
        Row{"HTTP/1.1 301 x\nLocation: /y\n\n", 301, ""},
        Row{"HTTP/1.1 999 x\r\n\r\n", 999, ""},
        Row{"HTTP/1.1 200 caf\xc3\xa9 \xff\r\nA: \xff\r\n\r\n", 200, ""},
        Row{"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\td\r\n\r\n", 200, ""},
        Row{"HTTP/1.1 200 OK\r\nA:\r\nX-_!#$: \r\n\r\n", 200, ""},
        Row{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x"
            "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            200, ""},
        Row{"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n\x81\x01", 101, ""},
        Row{"", 0, "connection closed without an answer"}, Row{"H", 0, kCut},
        Row{"HTTP/1.1 200 OK", 0, kCut}, Row{"HTTP/1.1 200 OK\r\n", 0, kCut},
        Row{"HTTP/1.1 200 OK\r\nA: b\r\n", 0, kCut},
        Row{"HTTP/1.1 100 Continue\r\n\r\n", 0, kCut},
        Row{"SSH-2.0-OpenSSH_9.2\r\n", 0, kNot}, Row{"\r\n", 0, kNot},
        Row{std::string("\0", 1), 0, kNot}, Row{"HTTP/2 200\r\n", 0, kNot},
        Row{"http/1.1 200 OK\r\n\r\n", 0, kNot}, Row{"HTTP/1\n", 0, kNot},
        Row{"HTTP/1.x 200 OK\r\n\r\n", 0, kNot},
        Row{"HTTP/1.1  200 OK\r\n\r\n", 0, kNot},
        Row{"HTTP/1.1 20 OK\r\n\r\n", 0, kNot},
        Row{"HTTP/1.1 2000 OK\r\n\r\n", 0, kNot},
        Row{"HTTP/1.1 099 OK\r\n\r\n", 0, kNot},
        Row{"HTTP/1.1 -20 OK\r\n\r\n", 0, kNot},
        Row{"HTTP/1.1 200\tOK\r\n\r\n", 0, kNot},
        Row{std::string("HTTP/1.1 200 O\0K\r\n\r\n", 20), 0, kNot},
        Row{"HTTP/1.1 100 C\r\n\r\ngarbage", 0, kNot},
        Row{"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 0, kMalformed},
        Row{"HTTP/1.1 200 OK\r\n: x\r\n\r\n", 0, kMalformed},
        Row{"HTTP/1.1 200 OK\r\na b: x\r\n\r\n", 0, kMalformed},
        Row{"HTTP/1.1 200 OK\r\na : x\r\n\r\n", 0, kMalformed},
        Row{"HTTP/1.1 200 OK\r\n folded: first\r\n\r\n", 0, kMalformed},
        Row{std::string("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", 24), 0,
            kMalformed}));

std::string Head(size_t size) {
  const std::string_view start = "HTTP/1.1 200 OK\r\nA: ";
  return absl::StrCat(start, std::string(size - start.size() - 4, 'x'),
                      "\r\n\r\n");
}

TEST(HttpResponseLimitTest, TakesAHeadOfExactlyTheLimit) {
  HttpResponse response;
  EXPECT_EQ(response.Feed(Head(HttpResponse::kMaxHead)), State::kDone);
}

TEST(HttpResponseLimitTest, RefusesOneByteMore) {
  HttpResponse response;
  EXPECT_EQ(response.Feed(Head(HttpResponse::kMaxHead + 1)), State::kBad);
  EXPECT_EQ(response.problem(), "HTTP header longer than 16 KiB");
}

TEST(HttpResponseLimitTest, ManyShortFieldsCountTogether) {
  HttpResponse response;
  response.Feed("HTTP/1.1 200 OK\r\n");
  int fed = 0;
  while (response.Feed("a: b\r\n") == State::kMore) ++fed;
  EXPECT_EQ(response.problem(), "HTTP header longer than 16 KiB");
  EXPECT_LE(fed, 16 * 1024 / 6);
}

TEST(HttpResponseLimitTest, AStatusLineWithoutEndIsRefused) {
  HttpResponse response;
  response.Feed("HTTP/1.1 200 ");
  while (response.Feed("xxxxxxxx") == State::kMore) {
  }
  EXPECT_EQ(response.problem(), "HTTP header longer than 16 KiB");
}

TEST(HttpResponseLimitTest, InterimAnswersEndAtTheirLimit) {
  HttpResponse response;
  for (int i = 0; i < HttpResponse::kMaxInterim; ++i) {
    EXPECT_EQ(response.Feed("HTTP/1.1 102 x\r\n\r\n"), State::kMore);
  }
  EXPECT_EQ(response.Feed("HTTP/1.1 102 x\r\n\r\n"), State::kBad);
  EXPECT_EQ(response.problem(), "too many interim HTTP answers");
}

TEST(HttpResponseTest, GarbageIsRefusedAtItsFirstWrongByte) {
  HttpResponse response;
  EXPECT_EQ(response.Feed("HTTQ"), State::kBad);
  EXPECT_EQ(response.Feed("HTTP/1.1 200 OK\r\n\r\n"), State::kBad);
}

}  // namespace
}  // namespace reinit
