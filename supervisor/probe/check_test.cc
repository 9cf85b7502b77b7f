#include "supervisor/probe/check.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <future>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/clock.h"
#include "reaper/poll_for.h"
#include "supervisor/probe/h2_frames.h"
#include "supervisor/probe/hostile_server.h"

namespace reinit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const ExpectedStatus& Expected() {
  static const auto* expected = new ExpectedStatus{{200, 299}, {418, 418}};
  return *expected;
}

// For what must end by itself: far longer than any test may take.
constexpr absl::Duration kLong = absl::Minutes(10);
// For what never ends by itself.
constexpr absl::Duration kShort = absl::Milliseconds(200);

ProbeTarget Target(std::string_view text) {
  auto target = ParseProbeTarget(text);
  EXPECT_TRUE(target.ok()) << target.status();
  return *std::move(target);
}

CheckResult Check(std::string_view text, absl::Duration timeout = kLong) {
  return RunCheck(Target(text), Expected(), timeout);
}

std::string HttpUrl(const HostileServer& server) {
  return absl::StrCat("http://127.0.0.1:", server.port(), "/health?x=y");
}

HostileServer::Script Answering(std::string_view answer) {
  return [answer](int fd) {
    ReadRequestHead(fd);
    SendAll(fd, answer);
  };
}

TEST(CheckTest, SendsOnePlainRequest) {
  std::promise<std::string> request;
  HostileServer server([&](int fd) {
    request.set_value(ReadRequestHead(fd));
    SendAll(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  const CheckResult result = Check(HttpUrl(server));
  EXPECT_TRUE(result.passed);
  EXPECT_EQ(result.text, "HTTP 200");
  EXPECT_EQ(request.get_future().get(),
            absl::StrCat(
                "GET /health?x=y HTTP/1.1\r\nHost: 127.0.0.1:", server.port(),
                "\r\nUser-Agent: reinit-probe/0.1\r\nAccept: */*\r\n"
                "Connection: close\r\n\r\n"));
}

struct Row {
  std::string_view answer;
  bool passed;
  std::string_view text;
};

class AnswerTest : public ::testing::TestWithParam<Row> {};

TEST_P(AnswerTest, IsJudged) {
  HostileServer server(Answering(GetParam().answer));
  const CheckResult result = Check(HttpUrl(server));
  EXPECT_EQ(result.passed, GetParam().passed);
  EXPECT_THAT(result.text, HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    Table, AnswerTest,
    ::testing::Values(
        Row{"HTTP/1.0 299 x\r\n\r\n", true, "HTTP 299"},
        Row{"HTTP/1.0 418 x\r\n\r\n", true, "HTTP 418"},
        Row{"HTTP/1.1 301 x\r\nLocation: /\r\n\r\n", false, "HTTP 301"},
        Row{"HTTP/1.1 503 x\r\n\r\n", false, "HTTP 503"},
        Row{"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 204 x\r\n\r\n", true, "HTTP 204"},
        Row{"220 mail ESMTP\r\n", false, "not an HTTP answer"},
        Row{"\x15\x03\x01\x02\x02", false, "not an HTTP answer"},
        Row{"", false, "without an answer"},
        Row{"HTTP/1.1 200 OK\r\nA: b", false, "in the middle"}));

// Short enough for a sockaddr_un, and of this process alone.
std::string SocketPath() { return absl::StrCat("/tmp/check-", ::getpid()); }

TEST(CheckTest, UnixSocketsAreConnectedTo) {
  const std::string path = SocketPath();
  {
    const UniqueFd listener = ListenOnUnix(path, 1);
    ASSERT_TRUE(listener.valid());
    EXPECT_TRUE(Check("unix://" + path).passed);
  }
  // Its file is still there, nobody listens.
  EXPECT_THAT(Check("unix://" + path).text, HasSubstr("refused"));
  ::unlink(path.c_str());
  EXPECT_THAT(Check("unix://" + path).text, HasSubstr("no such file"));
}

TEST(CheckTest, AUnixSocketWithAFullQueueFailsAndEnds) {
  const std::string path = SocketPath();
  const UniqueFd listener = ListenOnUnix(path, 0);
  ASSERT_TRUE(listener.valid());
  EXPECT_TRUE(Check("unix://" + path).passed);  // stays in the queue
  EXPECT_FALSE(Check("unix://" + path).passed);
  ::unlink(path.c_str());
}

TEST(CheckTest, HttpRunsOverAUnixSocketAndIsBoundedThere) {
  const std::string path = SocketPath();
  std::promise<std::string> request;
  std::atomic<bool> hostile = false;
  {
    HostileServer server(ListenOnUnix(path, 16), [&](int fd) {
      const std::string head = ReadRequestHead(fd);
      SendAll(fd, "HTTP/1.1 200 OK\r\n");
      if (!hostile) {
        request.set_value(head);
        SendAll(fd, "\r\n");
        return;
      }
      SendAll(fd, "X: ");
      while (SendAll(fd, std::string(4096, 'a'))) {
      }
    });
    const std::string url = absl::StrCat("http+unix://", path, ":/ready");
    EXPECT_EQ(Check(url).text, "HTTP 200");
    EXPECT_THAT(request.get_future().get(),
                StartsWith("GET /ready HTTP/1.1\r\nHost: localhost\r\n"));
    hostile = true;
    EXPECT_EQ(Check(url).text, "HTTP header longer than 16 KiB");
  }
  ::unlink(path.c_str());
}

TEST(CheckTest, EndlessHeaderIsCutOff) {
  HostileServer server([](int fd) {
    SendAll(fd, "HTTP/1.1 200 OK\r\n");
    while (SendAll(fd, "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")) {
    }
  });
  EXPECT_EQ(Check(HttpUrl(server)).text, "HTTP header longer than 16 KiB");
}

TEST(CheckTest, EndlessHeaderLineIsCutOff) {
  HostileServer server([](int fd) {
    SendAll(fd, "HTTP/1.1 200 OK\r\nX: ");
    while (SendAll(fd, std::string(4096, 'a'))) {
    }
  });
  EXPECT_EQ(Check(HttpUrl(server)).text, "HTTP header longer than 16 KiB");
}

TEST(CheckTest, EndlessBodyIsNotWaitedFor) {
  HostileServer server([](int fd) {
    ReadRequestHead(fd);
    SendAll(fd, "HTTP/1.1 200 OK\r\n\r\n");
    while (SendAll(fd, std::string(65536, 'a'))) {
    }
  });
  EXPECT_EQ(Check(HttpUrl(server)).text, "HTTP 200");
}

TEST(CheckTest, BodyThatNeverComesIsNotWaitedFor) {
  HostileServer server([](int fd) {
    ReadRequestHead(fd);
    SendAll(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    Pause(fd, -1);
  });
  EXPECT_EQ(Check(HttpUrl(server)).text, "HTTP 200");
}

// Closing on unread bytes would reset the connection, which servers log.
TEST(CheckTest, ShortBodyIsReadBeforeClosing) {
  std::promise<ssize_t> end;
  HostileServer server([&](int fd) {
    ReadRequestHead(fd);
    SendAll(fd, "HTTP/1.1 200 OK\r\n\r\n" + std::string(20000, 'x'));
    ::shutdown(fd, SHUT_WR);
    char c;
    end.set_value(::recv(fd, &c, 1, 0));
  });
  EXPECT_TRUE(Check(HttpUrl(server)).passed);
  EXPECT_EQ(end.get_future().get(), 0);  // not -1, ECONNRESET
}

TEST(CheckTest, InterimFloodIsCutOff) {
  HostileServer server([](int fd) {
    while (SendAll(fd, "HTTP/1.1 100 Continue\r\n\r\n")) {
    }
  });
  EXPECT_EQ(Check(HttpUrl(server)).text, "too many interim HTTP answers");
}

TEST(CheckTest, SlowDripEndsAtTheDeadline) {
  HostileServer server([](int fd) {
    ReadRequestHead(fd);
    SendAll(fd, "HTTP/1.1 200 OK\r\nX: ");
    while (Pause(fd, 10) && SendAll(fd, "a")) {
    }
  });
  const CheckResult result = Check(HttpUrl(server), kShort);
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.text, "no answer within 200ms");
}

TEST(CheckTest, SilentServerEndsAtTheDeadline) {
  HostileServer server([](int fd) { Pause(fd, -1); });
  EXPECT_EQ(Check(HttpUrl(server), kShort).text, "no answer within 200ms");
}

TEST(CheckTest, ResetIsNamed) {
  HostileServer server([](int fd) {
    ReadRequestHead(fd);
    SendAll(fd, "HTTP/1.1 200 OK\r\n");
    const linger at_once = {1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  });
  EXPECT_EQ(Check(HttpUrl(server)).text, "connection reset by peer");
}

TEST(CheckTest, AnswerBeforeTheRequestIsReadCounts) {
  HostileServer server([](int fd) {
    SendAll(fd, "HTTP/1.1 503 busy\r\n\r\n");
    ::shutdown(fd, SHUT_WR);
    ReadRequestHead(fd);
  });
  EXPECT_EQ(Check(HttpUrl(server)).text, "HTTP 503");
}

TEST(CheckTest, NobodyListens) {
  UniqueFd unused = ListenOn("127.0.0.1", 0, 1);
  const uint16_t port = PortOf(unused);
  unused.reset();
  for (const char* scheme : {"http", "tcp", "grpc"}) {
    const CheckResult result =
        Check(absl::StrCat(scheme, "://127.0.0.1:", port));
    EXPECT_FALSE(result.passed);
    EXPECT_EQ(result.text, "connection refused");
  }
}

TEST(CheckTest, FullBacklogEndsAtTheDeadline) {
  FullListener full("127.0.0.1", 0);
  for (const char* scheme : {"http", "tcp"}) {
    const CheckResult result =
        Check(absl::StrCat(scheme, "://127.0.0.1:", full.port()), kShort);
    EXPECT_FALSE(result.passed);
    EXPECT_EQ(result.text, "no connection within 200ms");
  }
}

TEST(CheckTest, TcpNeedsOnlyAConnection) {
  HostileServer server([](int) {});
  const CheckResult result =
      Check(absl::StrCat("tcp://127.0.0.1:", server.port()));
  EXPECT_TRUE(result.passed);
  EXPECT_EQ(result.text, "connected");
}

TEST(CheckTest, Ipv6) {
  UniqueFd listener = ListenOnIpv6();
  if (!listener.valid()) GTEST_SKIP() << "no IPv6 here";
  std::promise<std::string> request;
  HostileServer server(std::move(listener), [&](int fd) {
    request.set_value(ReadRequestHead(fd));
    SendAll(fd, "HTTP/1.1 200 OK\r\n\r\n");
  });
  const std::string host = absl::StrCat("[::1]:", server.port());
  EXPECT_EQ(Check(absl::StrCat("http://", host)).text, "HTTP 200");
  EXPECT_THAT(request.get_future().get(),
              HasSubstr(absl::StrCat("\r\nHost: ", host, "\r\n")));
}

// Its first address, 127.0.0.1, refuses.
TEST(CheckTest, LocalhostFindsAServerOnIpv6Only) {
  UniqueFd listener = ListenOnIpv6();
  if (!listener.valid()) GTEST_SKIP() << "no IPv6 here";
  HostileServer server(std::move(listener),
                       Answering("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_EQ(Check(absl::StrCat("http://localhost:", server.port())).text,
            "HTTP 200");
}

// Up to the end of the request, which is that of the call's message.
void ReadGrpcRequest(int fd) {
  std::string request;
  char c;
  const std::string end =
      h2::Frame(h2::kData, h2::kEndStream, 1, h2::Message(""));
  while (!absl::EndsWith(request, end) && ::recv(fd, &c, 1, 0) == 1) {
    request.push_back(c);
  }
}

std::string GrpcUrl(const HostileServer& server) {
  return absl::StrCat("grpc://127.0.0.1:", server.port());
}

class GrpcAnswerTest : public ::testing::TestWithParam<
                           std::pair<std::string, std::string_view>> {};

TEST_P(GrpcAnswerTest, IsJudged) {
  HostileServer server([](int fd) {
    ReadGrpcRequest(fd);
    SendAll(fd, GetParam().first);
  });
  const CheckResult result = Check(GrpcUrl(server));
  EXPECT_EQ(result.passed, GetParam().second == "SERVING");
  EXPECT_THAT(result.text, HasSubstr(GetParam().second));
}

INSTANTIATE_TEST_SUITE_P(
    Table, GrpcAnswerTest,
    ::testing::Values(
        std::pair(h2::Answer(1), "SERVING"),
        std::pair(h2::Answer(2), "NOT_SERVING"),
        std::pair(h2::Answer(3), "SERVICE_UNKNOWN"),
        std::pair(h2::Refusal("12"), "UNIMPLEMENTED"),
        std::pair(h2::Refusal("5"), "NOT_FOUND"),
        std::pair(h2::Settings() + h2::Frame(h2::kRst, 0, 1, h2::Number(2, 4)),
                  "broke off the call (INTERNAL_ERROR)"),
        std::pair(h2::Settings() +
                      h2::Frame(h2::kGoaway, 0, 0, h2::Number(0, 8)),
                  "sends it away (NO_ERROR)"),
        std::pair(std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
                  "speaks HTTP/1"),
        std::pair(std::string(200, '\xff'), "not an HTTP/2 answer"),
        std::pair(std::string(), "closed")));

TEST(GrpcCheckTest, WhatIsEndlessIsCutOff) {
  const std::string rows[] = {
      h2::Frame(h2::kContinuation, 0, 1, h2::Field("x", std::string(99, 'y'))),
      h2::Data(std::string(10'000, 'd')),
      h2::Frame(h2::kPing, 0, 0, "12345678"),
  };
  for (const std::string& again : rows) {
    HostileServer server([&](int fd) {
      ReadGrpcRequest(fd);
      SendAll(fd, h2::Settings());
      SendAll(fd, &again == &rows[0] ? h2::Frame(h2::kHeaders, 0, 1,
                                                 h2::Field(":status", "200"))
                                     : h2::Head());
      while (SendAll(fd, again)) {
      }
    });
    EXPECT_FALSE(Check(GrpcUrl(server)).passed);
  }
}

TEST(GrpcCheckTest, SilenceAndASlowDripEndAtTheDeadline) {
  HostileServer silent([](int fd) { Pause(fd, -1); });
  EXPECT_EQ(Check(GrpcUrl(silent), kShort).text, "no answer within 200ms");
  HostileServer drip([](int fd) {
    SendAll(fd, h2::Settings());
    while (Pause(fd, 10) &&
           SendAll(fd, h2::Frame(h2::kPing, 0, 0, "12345678"))) {
    }
  });
  EXPECT_EQ(Check(GrpcUrl(drip), kShort).text, "no answer within 200ms");
}

TEST(GrpcCheckTest, ResetIsNamed) {
  HostileServer server([](int fd) {
    ReadGrpcRequest(fd);
    SendAll(fd, h2::Settings());
    const linger at_once = {1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  });
  EXPECT_EQ(Check(GrpcUrl(server)).text, "connection reset by peer");
}

TEST(CheckTest, ExecIsRefused) { EXPECT_FALSE(Check("exec:true").passed); }

// Drives a run to its end, as RunCheck does, but with a look-up of the test's.
CheckResult RunWith(LookupFn lookup, std::string_view text,
                    absl::Duration timeout) {
  const ProbeTarget target = Target(text);
  const MonotonicClock clock;
  CheckRun run(&target, &Expected(), timeout, clock.Now(), lookup);
  while (!run.finished()) {
    pollfd wanted = run.Wanted();
    const int ready = PollFor(&wanted, 1, run.wake() - clock.Now());
    run.Step(ready > 0, clock.Now());
  }
  return run.result();
}

bool NoChildLeft() {
  return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

void Store(sockaddr_storage* where, const char* ipv4) {
  sockaddr_in in = {};
  in.sin_family = AF_INET;
  inet_pton(AF_INET, ipv4, &in.sin_addr);
  std::memcpy(where, &in, sizeof(in));
}

TEST(CheckLookupTest, HangingNameServerEndsAtTheDeadline) {
  const auto hang = [](const char*, sockaddr_storage*) {
    for (;;) ::pause();
    return 0;
  };
  EXPECT_EQ(RunWith(hang, "tcp://db:1", kShort).text,
            "no address within 200ms");
  EXPECT_TRUE(NoChildLeft());
}

TEST(CheckLookupTest, UnknownNameIsNamed) {
  const auto none = [](const char*, sockaddr_storage*) { return EAI_NONAME; };
  EXPECT_THAT(RunWith(none, "tcp://db:1", kLong).text,
              StartsWith("no address for db: "));
  EXPECT_TRUE(NoChildLeft());
}

TEST(CheckLookupTest, CrashOfTheLookupIsSurvived) {
  const auto crash = [](const char*, sockaddr_storage*) -> int { ::_exit(1); };
  EXPECT_EQ(RunWith(crash, "tcp://db:1", kLong).text,
            "no address for db: the look-up broke off");
  EXPECT_TRUE(NoChildLeft());
}

TEST(CheckLookupTest, NextAddressIsTriedWhenOneRefuses) {
  HostileServer server(Answering("HTTP/1.1 200 OK\r\n\r\n"));
  const auto two = [](const char*, sockaddr_storage* found) {
    Store(&found[0], "127.0.0.2");
    Store(&found[1], "127.0.0.1");
    return 2;
  };
  EXPECT_EQ(RunWith(two, absl::StrCat("http://db:", server.port()), kLong).text,
            "HTTP 200");
}

TEST(CheckLookupTest, NextAddressIsTriedWhenOneDropsPackets) {
  HostileServer server(Answering("HTTP/1.1 200 OK\r\n\r\n"));
  FullListener full("127.0.0.2", server.port());
  const auto two = [](const char*, sockaddr_storage* found) {
    Store(&found[0], "127.0.0.2");
    Store(&found[1], "127.0.0.1");
    return 2;
  };
  EXPECT_EQ(
      RunWith(two, absl::StrCat("http://db:", server.port()), absl::Seconds(5))
          .text,
      "HTTP 200");
}

// No more than this: a test must not ask a name server.
TEST(CheckLookupTest, SystemLookupAnswersInAddresses) {
  sockaddr_storage found[kMaxFound] = {};
  ASSERT_EQ(SystemLookup("127.0.0.1", found), 1);
  EXPECT_EQ(found[0].ss_family, AF_INET);
  EXPECT_EQ(SystemLookup("", found), EAI_NONAME);
}

}  // namespace
}  // namespace reinit
