// The status helper in a process of its own; the test is its PID 1 and its
// clients.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/status_server/status_record.h"
#include "supervisor/status_server/status_server.h"

namespace reinit {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kDeadline = 30'000;  // ms

class StatusHelperTest : public ::testing::Test {
 protected:
  StatusHelperTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pid1_.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    auto bound = BindStatusSocket(*ParseListenSpec("tcp://127.0.0.1:0"));
    EXPECT_TRUE(bound.ok());
    socklen_t size = sizeof(address_);
    ::getsockname(bound->fd.get(), reinterpret_cast<sockaddr*>(&address_),
                  &size);
    helper_ = ::fork();
    if (helper_ == 0) {
      pid1_.reset();
      ::_exit(RunStatusHelper(theirs.get(), bound->fd.get()));
    }
  }
  ~StatusHelperTest() override {
    if (helper_ > 0) {
      EXPECT_EQ(End(), 0);
    }
  }

  // Closes PID 1's end; the helper's wait status.
  int End() {
    pid1_.reset();
    int status = -1;
    EXPECT_EQ(::waitpid(helper_, &status, 0), helper_);
    helper_ = 0;
    return status;
  }

  UniqueFd Connect() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // Who does not read is to be noticed.
    const int little = 2048;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address_),
                        sizeof(address_)),
              0);
    return fd;
  }
  static void Send(const UniqueFd& fd, std::string_view text) {
    ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  UniqueFd Request(std::string_view path) {
    UniqueFd fd = Connect();
    Send(fd, absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\n\r\n"));
    return fd;
  }
  static bool Readable(int fd, int timeout = kDeadline) {
    pollfd one = {fd, POLLIN, 0};
    return ::poll(&one, 1, timeout) == 1;
  }
  // Until the connection is closed.
  static std::string ReadAll(const UniqueFd& fd) {
    std::string all;
    char bytes[65536];
    while (Readable(fd.get())) {
      const ssize_t got = ::recv(fd.get(), bytes, sizeof(bytes), 0);
      if (got <= 0) return all;
      all.append(bytes, static_cast<size_t>(got));
    }
    ADD_FAILURE() << "not closed; so far: " << all;
    return all;
  }

  uint64_t NextQuery() {
    StatusQuery query;
    EXPECT_TRUE(Readable(pid1_.get()));
    EXPECT_EQ(::recv(pid1_.get(), &query, sizeof(query), 0),
              static_cast<ssize_t>(sizeof(query)));
    EXPECT_EQ(query.magic, StatusQuery::kMagic);
    return query.id;
  }
  void Answer(uint64_t id, bool serves = true, size_t json_size = 2) {
    StatusAnswer answer;
    answer.id = id;
    answer.serves = serves ? 1 : 0;
    answer.state_size = 2;
    answer.json_size = static_cast<uint32_t>(json_size);
    answer.metrics_size = 4;
    std::string bytes(reinterpret_cast<const char*>(&answer), sizeof(answer));
    absl::StrAppend(&bytes, "up", std::string(json_size, 'j'), "a 1\n");
    ::send(pid1_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  std::string Get(std::string_view path, bool serves = true) {
    const UniqueFd client = Request(path);
    Answer(NextQuery(), serves);
    return ReadAll(client);
  }

  UniqueFd pid1_;
  sockaddr_in address_ = {};
  pid_t helper_ = 0;
};

TEST_F(StatusHelperTest, ServesItsPages) {
  EXPECT_THAT(Get("/livez"), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200 OK"));
  const std::string status = Get("/status");
  EXPECT_THAT(status, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(status, EndsWith("\r\n\r\njj\n"));
  const std::string metrics = Get("/metrics");
  EXPECT_THAT(metrics, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, EndsWith("\r\n\r\na 1\n"));
}

TEST_F(StatusHelperTest, NotReadyIs503ButAlive) {
  const std::string answer = Get("/readyz", /*serves=*/false);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nup\n"));
  EXPECT_THAT(Get("/livez", /*serves=*/false), StartsWith("HTTP/1.1 200 "));
}

TEST_F(StatusHelperTest, WhatNeedsNoAnswerAsksNobody) {
  EXPECT_THAT(ReadAll(Request("/nothing")), StartsWith("HTTP/1.1 404 "));
  const UniqueFd client = Connect();
  Send(client, "POST /livez HTTP/1.1\r\n\r\n");
  EXPECT_THAT(ReadAll(client), StartsWith("HTTP/1.1 405 "));
  EXPECT_FALSE(Readable(pid1_.get(), 0));
}

TEST_F(StatusHelperTest, AHeadInPieces) {
  const UniqueFd client = Connect();
  for (const char c : std::string_view("GET /livez HTTP/1.1\r\n\r\n")) {
    Send(client, std::string(1, c));
  }
  Answer(NextQuery());
  EXPECT_THAT(ReadAll(client), StartsWith("HTTP/1.1 200 "));
}

TEST_F(StatusHelperTest, AnEndlessHeadIsRefused) {
  const UniqueFd client = Connect();
  Send(client, absl::StrCat("GET /livez HTTP/1.1\r\n", std::string(9000, 'x')));
  EXPECT_THAT(ReadAll(client), StartsWith("HTTP/1.1 431 "));
}

// A probe must be told, not left waiting.
TEST_F(StatusHelperTest, WhenPid1DoesNotAnswer) {
  const UniqueFd client = Request("/livez");
  EXPECT_THAT(ReadAll(client), StartsWith("HTTP/1.1 503 "));
  NextQuery();
  EXPECT_THAT(Get("/livez"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(StatusHelperTest, AnAnswerFromBeforeTheRequestDoesNotCount) {
  const UniqueFd first = Request("/livez");
  const uint64_t id = NextQuery();
  const UniqueFd second = Request("/readyz");
  // It has been read once this one is answered.
  EXPECT_THAT(ReadAll(Request("/nothing")), StartsWith("HTTP/1.1 404 "));
  Answer(id, /*serves=*/true);
  Answer(NextQuery(), /*serves=*/false);
  EXPECT_THAT(ReadAll(first), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ReadAll(second), StartsWith("HTTP/1.1 503 "));
}

TEST_F(StatusHelperTest, ManyAtOnceAreFewQuestions) {
  std::vector<UniqueFd> clients;
  clients.reserve(40);
  for (int i = 0; i < 40; ++i) clients.push_back(Request("/livez"));
  EXPECT_THAT(ReadAll(Request("/nothing")), StartsWith("HTTP/1.1 404 "));
  int queries = 0;
  for (const UniqueFd& client : clients) {
    while (!Readable(client.get(), 1) && queries < 100) {
      if (!Readable(pid1_.get(), 1)) continue;
      Answer(NextQuery());
      ++queries;
    }
    EXPECT_THAT(ReadAll(client), StartsWith("HTTP/1.1 200 "));
  }
  // The first, and one for all that came while it was under way.
  EXPECT_LE(queries, 2);
}

TEST_F(StatusHelperTest, SilentClientsAreInNobodysWay) {
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 300; ++i) {
    silent.push_back(Connect());
    if (i % 2 == 0) Send(silent.back(), "GET /li");
  }
  EXPECT_THAT(Get("/livez"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(ReadAll(silent.front()), "");  // the oldest went
}

// More than are accepted in one turn come behind it.
TEST_F(StatusHelperTest, AFloodOfSilentClientsDoesNotPushOutARequest) {
  ::kill(helper_, SIGSTOP);
  const UniqueFd client = Request("/nothing");
  std::vector<UniqueFd> silent;
  silent.reserve(120);
  for (int i = 0; i < 120; ++i) silent.push_back(Connect());
  ::kill(helper_, SIGCONT);
  EXPECT_THAT(ReadAll(client), StartsWith("HTTP/1.1 404 "));
}

TEST_F(StatusHelperTest, ClientsThatNeverReadAreInNobodysWay) {
  std::vector<UniqueFd> deaf;
  for (int i = 0; i < 100; ++i) {
    deaf.push_back(Request("/status"));
    Answer(NextQuery(), true, 120'000);
  }
  EXPECT_THAT(Get("/livez"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(StatusHelperTest, GarbageIsRefused) {
  std::minstd_rand random(3);
  for (int i = 0; i < 200; ++i) {
    const UniqueFd client = Connect();
    std::string bytes(random() % 3000, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    Send(client, bytes + "\n\n");
    if (i % 3 == 0) {
      const linger reset = {1, 0};
      ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    } else {
      ReadAll(client);
    }
  }
  EXPECT_THAT(Get("/livez"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(StatusHelperTest, EndsOnAnAnswerThatMakesNoSense) {
  const UniqueFd client = Request("/livez");
  NextQuery();
  ::send(pid1_.get(), "x", 1, MSG_NOSIGNAL);
  int status = -1;
  EXPECT_EQ(::waitpid(helper_, &status, 0), helper_);
  helper_ = 0;
}

}  // namespace
}  // namespace reinit
