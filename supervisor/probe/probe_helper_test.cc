#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/probe/hostile_server.h"
#include "supervisor/probe/probe_record.h"

namespace reinit {
namespace {

TEST(ProbeConfigTest, SurvivesTheCommandLine) {
  ProbeConfig config;
  config.targets = {"http://a:1/x?y=--expect=1-2", "tcp://[::1]:5"};
  config.expect = {{200, 399}, {418, 418}};
  config.requests = true;
  config.headers = {"A: b", "Authorization: Basic x=="};
  for (const absl::Duration timeout :
       {absl::Milliseconds(1500), absl::InfiniteDuration()}) {
    config.timeout = timeout;
    const auto back = ProbeConfig::FromArgs(config.ToArgs());
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->targets, config.targets);
    EXPECT_EQ(back->expect, config.expect);
    EXPECT_TRUE(back->requests);
    EXPECT_EQ(back->headers, config.headers);
    EXPECT_EQ(back->timeout, timeout);
  }
}

TEST(ProbeConfigTest, RefusesWhatItDidNotWrite) {
  for (const char* arg : {"", "--timeout=", "--timeout=x", "--expect=1",
                          "--expect=a-b", "--expect=", "x", "--help"}) {
    EXPECT_FALSE(ProbeConfig::FromArgs({arg}).ok()) << arg;
  }
}

// The helper in a thread, this side is PID 1's.
class ProbeHelperTest : public ::testing::Test {
 protected:
  void StartHelper(std::vector<std::string> targets, absl::Duration timeout,
                   bool requests = false,
                   std::vector<std::string> headers = {}) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    ours_.reset(ends[0]);
    ProbeConfig config;
    config.targets = std::move(targets);
    config.timeout = timeout;
    config.expect = {{200, 399}};
    config.requests = requests;
    config.headers = std::move(headers);
    exit_ = std::async(std::launch::async, [config, fd = ends[1]] {
      const UniqueFd theirs(fd);
      return RunProbeHelper(theirs.get(), config);
    });
  }

  void Ask(uint32_t check, uint64_t id) {
    ProbeRequest request;
    request.check = check;
    request.id = id;
    ASSERT_EQ(::send(ours_.get(), &request, sizeof(request), MSG_NOSIGNAL),
              static_cast<ssize_t>(sizeof(request)));
  }

  ProbeReply Reply() {
    ProbeReply reply;
    EXPECT_EQ(::recv(ours_.get(), &reply, sizeof(reply), 0),
              static_cast<ssize_t>(sizeof(reply)));
    EXPECT_EQ(reply.magic, ProbeReply::kMagic);
    return reply;
  }

  int Exit() {
    ours_.reset();
    return exit_.get();
  }

  UniqueFd ours_;
  std::future<int> exit_;
};

TEST_F(ProbeHelperTest, MakesARequest) {
  std::promise<std::string> head;
  HostileServer server([&](int fd) {
    head.set_value(ReadRequestHead(fd));
    SendAll(fd, "HTTP/1.1 204 x\r\n\r\n");
  });
  const std::string url = absl::StrCat("http://127.0.0.1:", server.port());
  StartHelper({absl::StrCat("POST ", url, "/-/reload")}, absl::Minutes(10),
              /*requests=*/true);
  Ask(0, 1);
  EXPECT_EQ(Reply().passed, 1U);
  const std::string text = head.get_future().get();
  EXPECT_EQ(text.substr(0, text.find('\r')), "POST /-/reload HTTP/1.1");
  EXPECT_NE(text.find("\r\nContent-Length: 0\r\n"), std::string::npos);
  EXPECT_EQ(Exit(), 0);
}

TEST_F(ProbeHelperTest, SendsWhatItWasGiven) {
  std::promise<std::string> head;
  HostileServer server([&](int fd) {
    head.set_value(ReadRequestHead(fd));
    SendAll(fd, "HTTP/1.1 204 x\r\n\r\n");
  });
  StartHelper({absl::StrCat("PUT http://127.0.0.1:", server.port(), "/")},
              absl::Minutes(10), /*requests=*/true,
              {"X-Token: abc", "Authorization: Basic dTpw"});
  Ask(0, 1);
  EXPECT_EQ(Reply().passed, 1U);
  EXPECT_NE(head.get_future().get().find(
                "\r\nX-Token: abc\r\nAuthorization: Basic dTpw\r\n"),
            std::string::npos);
  EXPECT_EQ(Exit(), 0);
}

TEST_F(ProbeHelperTest, TellsTheBodyOfAnErrorButNoSecretInIt) {
  const struct {
    std::string answer;
    std::string told;
  } kCases[] = {
      {"HTTP/1.1 500 x\r\n\r\n\tunknown key \"a\"\nin line 3\n",
       "HTTP 500: unknown key \"a\" in line 3"},
      {"HTTP/1.1 500 x\r\n\r\n" + std::string(1000, 'x'),
       "HTTP 500: " + std::string(300, 'x') + "..."},
      {"HTTP/1.1 400 x\r\nTransfer-Encoding: chunked\r\n\r\n"
       "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
       "HTTP 400: abc0123456789"},
      {"HTTP/1.1 401 x\r\n\r\nno user with abcdef",
       "HTTP 401: no user with ***"},
      {"HTTP/1.1 503 x\r\n\r\n \n", "HTTP 503"},
      {"HTTP/1.1 503 x\r\n\r\n", "HTTP 503"},
      {"HTTP/1.1 200 x\r\n\r\nfine", "HTTP 200"},
  };
  for (const auto& one : kCases) {
    HostileServer server([&](int fd) {
      ReadRequestHead(fd);
      SendAll(fd, one.answer);
    });
    StartHelper({absl::StrCat("PUT http://127.0.0.1:", server.port(), "/")},
                absl::Minutes(10), /*requests=*/true, {"X-Token: abcdef"});
    Ask(0, 1);
    EXPECT_STREQ(Reply().text, one.told.c_str());
    EXPECT_EQ(Exit(), 0);
  }
}

// Such a server delays the reply by 250 ms at most.
TEST_F(ProbeHelperTest, ABodyThatDoesNotEndIsNotWaitedFor) {
  std::promise<void> release;
  HostileServer server([&](int fd) {
    ReadRequestHead(fd);
    SendAll(fd, "HTTP/1.1 500 x\r\n\r\npart");
    release.get_future().wait();
  });
  StartHelper({absl::StrCat("PUT http://127.0.0.1:", server.port(), "/")},
              absl::Minutes(10), /*requests=*/true);
  Ask(0, 1);
  EXPECT_STREQ(Reply().text, "HTTP 500: part");
  release.set_value();
  EXPECT_EQ(Exit(), 0);
}

TEST_F(ProbeHelperTest, ChecksAndRequestsAreTwoLanguages) {
  StartHelper({"POST http://127.0.0.1:1/"}, absl::Seconds(1));
  EXPECT_EQ(Exit(), 2);
  StartHelper({"http://127.0.0.1:1/"}, absl::Seconds(1), /*requests=*/true);
  EXPECT_EQ(Exit(), 2);
}

TEST_F(ProbeHelperTest, ChecksRunSideBySide) {
  std::promise<void> release;
  HostileServer slow([&](int fd) {
    release.get_future().wait();
    ReadRequestHead(fd);
    SendAll(fd, "HTTP/1.1 503 x\r\n\r\n");
  });
  HostileServer quick([](int fd) {
    ReadRequestHead(fd);
    SendAll(fd, "HTTP/1.1 200 x\r\n\r\n");
  });
  StartHelper({absl::StrCat("http://127.0.0.1:", slow.port()),
               absl::StrCat("http://127.0.0.1:", quick.port())},
              absl::Minutes(10));
  Ask(0, 7);
  Ask(1, 8);
  const ProbeReply first = Reply();
  EXPECT_EQ(first.id, 8U);
  EXPECT_EQ(first.passed, 1U);
  EXPECT_STREQ(first.text, "HTTP 200");
  release.set_value();
  const ProbeReply second = Reply();
  EXPECT_EQ(second.id, 7U);
  EXPECT_EQ(second.passed, 0U);
  EXPECT_STREQ(second.text, "HTTP 503");
  EXPECT_EQ(Exit(), 0);
}

TEST_F(ProbeHelperTest, EachCheckHasItsOwnDeadline) {
  HostileServer silent([](int fd) { Pause(fd, -1); });
  StartHelper({absl::StrCat("http://127.0.0.1:", silent.port())},
              absl::Milliseconds(100));
  Ask(0, 1);
  Ask(0, 2);
  for (int i = 0; i < 2; ++i) {
    const ProbeReply reply = Reply();
    EXPECT_EQ(reply.passed, 0U);
    EXPECT_STREQ(reply.text, "no answer within 100ms");
    EXPECT_GE(reply.millis, 100U);
  }
  EXPECT_EQ(Exit(), 0);
}

// PID 1 does not read for a while: more answers than its socket holds.
TEST_F(ProbeHelperTest, NoAnswerIsLostWhenTheSocketIsFull) {
  UniqueFd unused = ListenOn("127.0.0.1", 0, 1);
  const uint16_t port = PortOf(unused);
  unused.reset();
  StartHelper({absl::StrCat("tcp://127.0.0.1:", port)}, absl::Minutes(10));
  constexpr uint64_t kMany = 2000;
  std::thread asker([this] {
    for (uint64_t id = 1; id <= kMany; ++id) Ask(0, id);
  });
  // Let both directions fill up: the helper then reads no more requests.
  pollfd readable = {ours_.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&readable, 1, -1), 1);
  std::map<uint64_t, int> seen;
  for (uint64_t i = 0; i < kMany; ++i) ++seen[Reply().id];
  asker.join();
  EXPECT_EQ(seen.size(), kMany);
  EXPECT_EQ(Exit(), 0);
}

TEST_F(ProbeHelperTest, EndsWhenPid1IsGoneInTheMiddleOfACheck) {
  HostileServer silent([](int fd) { Pause(fd, -1); });
  StartHelper({absl::StrCat("http://127.0.0.1:", silent.port())},
              absl::Minutes(10));
  Ask(0, 1);
  EXPECT_EQ(Exit(), 0);
}

TEST_F(ProbeHelperTest, AFileMustBeTouched) {
  const std::string file = absl::StrCat(::testing::TempDir(), "/alive");
  ::unlink(file.c_str());
  StartHelper({absl::StrCat("file:", file, "?max-age=1h")}, absl::Seconds(1));
  const auto look = [this] {
    Ask(0, 1);
    return Reply();
  };
  const auto touch = [&file](time_t second) {
    UniqueFd fd(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const timespec times[2] = {{second, 0}, {second, 0}};
    ASSERT_EQ(::futimens(fd.get(), times), 0);
  };
  ProbeReply reply = look();
  EXPECT_EQ(reply.passed, 0U);
  EXPECT_STREQ(reply.text, "No such file or directory");
  touch(1000);  // decades ago by the wall clock
  EXPECT_EQ(look().passed, 1U);
  EXPECT_EQ(look().passed, 1U);
  ours_.reset();
  exit_.get();
  // Another helper does not know whether it has changed.
  StartHelper({absl::StrCat("file:", file, "?max-age=1h")}, absl::Seconds(1));
  EXPECT_EQ(look().passed, ProbeReply::kUnknown);
  touch(999);
  EXPECT_EQ(look().passed, 1U);
  EXPECT_EQ(Exit(), 0);
}

TEST_F(ProbeHelperTest, RefusesAMalformedRequest) {
  for (int kind = 0; kind < 4; ++kind) {
    StartHelper({"tcp://127.0.0.1:1"}, absl::Seconds(1));
    char bytes[64] = {};
    ProbeRequest request;
    if (kind == 0) request.magic = 1;
    if (kind == 1) request.check = 1;
    std::memcpy(bytes, &request, sizeof(request));
    const size_t size = sizeof(request) + (kind == 2) - (kind == 3);
    ASSERT_GT(::send(ours_.get(), bytes, size, MSG_NOSIGNAL), 0);
    EXPECT_EQ(exit_.get(), 2) << kind;
  }
}

TEST_F(ProbeHelperTest, RefusesTargetsThatAreNotForTheNetwork) {
  for (const char* target : {"exec:true", "ftp://x", ""}) {
    StartHelper({target}, absl::Seconds(1));
    EXPECT_EQ(exit_.get(), 2) << target;
  }
}

}  // namespace
}  // namespace reinit
