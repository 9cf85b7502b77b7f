#include "supervisor/probe/grpc_health.h"

#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/probe/h2_frames.h"

namespace reinit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using State = GrpcHealth::State;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// What comes of an answer that is fed in pieces of `step` bytes, and its end.
std::string TextOf(std::string_view answer, size_t step) {
  GrpcHealth call("a:1", "");
  for (size_t at = 0; at < answer.size(); at += step) {
    call.Feed(answer.substr(at, step));
  }
  call.End();
  EXPECT_EQ(call.state() == State::kPassed, call.text() == "SERVING");
  return call.text();
}

TEST(GrpcHealthTest, AsksForTheService) {
  const GrpcHealth all("a:1", "");
  EXPECT_THAT(std::string(all.outgoing()), StartsWith(std::string(kPreface)));
  const std::string name(200, 'n');
  GrpcHealth one("a:1", name);
  // A length of two bytes, and another for the whole.
  EXPECT_TRUE(absl::EndsWith(one.outgoing(),
                             h2::Frame(h2::kData, h2::kEndStream, 1,
                                       h2::Message("\x0a\xc8\x01" + name))));
  one.Sent(kPreface.size());
  EXPECT_FALSE(absl::StartsWith(one.outgoing(), "PRI"));
}

TEST(GrpcHealthTest, Answers) {
  const std::string begin = h2::Settings();
  const struct {
    std::string answer;
    std::string_view text;
  } rows[] = {
      {h2::Answer(1), "SERVING"},
      {h2::Answer(0), "UNKNOWN"},
      {h2::Answer(2), "NOT_SERVING"},
      {h2::Answer(3), "SERVICE_UNKNOWN"},
      {h2::Answer(9), "health status 9"},
      {begin + h2::Head() + h2::Data(h2::Message("")) + h2::Trailers("0"),
       "UNKNOWN"},
      // Fields of another version before and behind.
      {begin + h2::Head() +
           h2::Data(h2::Message("\x12\x02hi\x08\x01\x1d\x01\x02\x03\x04")) +
           h2::Trailers("0"),
       "SERVING"},
      // The message in two pieces.
      {begin + h2::Head() + h2::Data(std::string(3, '\0')) +
           h2::Data(std::string("\0\x02\x08\x01", 4)) + h2::Trailers("0"),
       "SERVING"},
      // An interim answer before the real one.
      {begin +
           h2::Frame(h2::kHeaders, h2::kEndHeaders, 1,
                     h2::Field(":status", "103")) +
           h2::Answer(1).substr(begin.size()),
       "SERVING"},
      {h2::Refusal("12"),
       "gRPC status 12 (UNIMPLEMENTED): it has no grpc.health.v1.Health"},
      {h2::Refusal("5"),
       "gRPC status 5 (NOT_FOUND): it does not know the service"},
      {h2::Refusal("14"), "gRPC status 14 (UNAVAILABLE)"},
      {h2::Refusal("99"), "gRPC status 99 (no known one)"},
      {h2::Refusal("-1"), "gRPC status 2 (UNKNOWN)"},
      {h2::Refusal("x"), "gRPC status 2 (UNKNOWN)"},
      // SERVING means nothing where the call failed.
      {begin + h2::Head() + h2::Data(h2::Message("\x08\x01")) +
           h2::Trailers("13"),
       "gRPC status 13 (INTERNAL)"},
      {begin + h2::Head("503") + h2::Trailers("0"), "HTTP 503"},
      {begin + h2::Head() +
           h2::Frame(h2::kData, h2::kEndStream, 1, h2::Message("\x08\x01")),
       "an answer without a gRPC status"},
      {begin + h2::Head() + h2::Trailers("0"), "malformed gRPC answer"},
      {begin + h2::Head() + h2::Data("\x01") + h2::Trailers("0"),
       "malformed gRPC answer"},
      {begin + h2::Head() + h2::Data(h2::Message("\x08")) + h2::Trailers("0"),
       "malformed gRPC answer"},
      {begin + h2::Head() + h2::Data(h2::Message("\x12\x7f\x08\x01")) +
           h2::Trailers("0"),
       "malformed gRPC answer"},
      {begin + h2::Head() + h2::Data(h2::Message(std::string(2000, '\0'))) +
           h2::Trailers("0"),
       "malformed gRPC answer"},
      {begin + h2::Frame(h2::kRst, 0, 1, h2::Number(8, 4)),
       "the server broke off the call (CANCEL)"},
      {begin +
           h2::Frame(h2::kGoaway, 0, 0, h2::Number(0, 4) + h2::Number(2, 4)),
       "the server sends it away (INTERNAL_ERROR)"},
      {"", "connection closed without an answer"},
      {begin + h2::Head(), "connection closed in the middle of the answer"},
      {"HTTP/1.1 400 Bad Request\r\n\r\n",
       "the server speaks HTTP/1, not gRPC"},
      {"HTTP/1.0 200 OK\r\nServer: a very long one\r\n\r\n",
       "the server speaks HTTP/1, not gRPC"},
      {"HTTP/1", "the server speaks HTTP/1, not gRPC"},
  };
  for (const auto& row : rows) {
    for (const size_t step : {size_t{1}, size_t{10}, row.answer.size() + 1}) {
      EXPECT_EQ(TextOf(row.answer, step), row.text) << step;
    }
  }
}

// One that goes on to answer calls before the one that it names.
TEST(GrpcHealthTest, AGoawayThatIsNotForUsIsNone) {
  EXPECT_EQ(TextOf(h2::Settings() +
                       h2::Frame(h2::kGoaway, 0, 0,
                                 h2::Number(0x7fffffff, 4) + h2::Number(0, 4)) +
                       h2::Answer(1).substr(h2::Settings().size()),
                   1000),
            "SERVING");
}

TEST(GrpcHealthTest, AcknowledgesAndSurvivesPings) {
  GrpcHealth call("a:1", "");
  call.Sent(call.outgoing().size());
  call.Feed(h2::Settings());
  EXPECT_THAT(std::string(call.outgoing()),
              HasSubstr(h2::Frame(h2::kSettings, 1, 0, "")));
  call.Feed(h2::Frame(h2::kPing, 0, 0, "12345678"));
  EXPECT_THAT(std::string(call.outgoing()),
              HasSubstr(h2::Frame(h2::kPing, 1, 0, "12345678")));
  EXPECT_EQ(call.Feed(h2::Answer(1).substr(h2::Settings().size())),
            State::kPassed);
}

TEST(GrpcHealthTest, NothingIsEndless) {
  const std::string fields = h2::Field("x-filler", std::string(100, 'y'));
  const struct {
    std::string once, again;
  } rows[] = {
      {h2::Settings() +
           h2::Frame(h2::kHeaders, 0, 1, h2::Field(":status", "200")),
       h2::Frame(h2::kContinuation, 0, 1, fields)},
      {h2::Settings() + h2::Head(), h2::Data(std::string(1000, 'd'))},
      {h2::Settings(), h2::Frame(h2::kPing, 0, 0, "12345678")},
      {h2::Settings(), h2::Settings()},
      {h2::Settings(), h2::Frame(0x77, 0, 0, "unknown")},
      // A field that is remembered, and then named again and again.
      {h2::Settings() + h2::Frame(h2::kHeaders, 0, 1,
                                  h2::Field(":status", "200") +
                                      "\x40\x01x\x7e" + std::string(126, 'v')),
       h2::Frame(h2::kContinuation, 0, 1, std::string(1000, '\xbe'))},
      {"", std::string(100, '\0')},
      {"", std::string(100, '\xff')},
  };
  for (const auto& row : rows) {
    GrpcHealth call("a:1", "");
    call.Sent(call.outgoing().size());
    size_t fed = row.once.size();
    call.Feed(row.once);
    while (call.state() == State::kMore && fed < (1 << 20)) {
      call.Feed(row.again);
      fed += row.again.size();
    }
    EXPECT_EQ(call.state(), State::kFailed);
    EXPECT_LE(fed, GrpcHealth::kMaxReceived + row.again.size());
    EXPECT_LE(call.outgoing().size(), 2 * GrpcHealth::kMaxReceived);
    // Whatever comes after it.
    const std::string text = call.text();
    call.Feed(h2::Answer(1));
    call.End();
    EXPECT_EQ(call.text(), text);
    EXPECT_EQ(call.state(), State::kFailed);
  }
}

}  // namespace
}  // namespace reinit
