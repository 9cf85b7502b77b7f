#include "supervisor/control/control_server.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/passed_rights.h"
#include "supervisor/control/control_client.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ControlServerTest : public ::testing::Test {
 protected:
  ControlServerTest() {
    char folder[] = "/tmp/control.XXXXXX";
    EXPECT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    path_ = folder_ + "/socket";
    Serve();
  }
  ~ControlServerTest() override {
    server_.reset();
    EXPECT_EQ(world_.loop().active_watches(), 0u);
    EXPECT_EQ(world_.loop().armed_timers(), 0u);
    EXPECT_NE(::access(path_.c_str(), F_OK), 0);
    ::rmdir(folder_.c_str());
  }

  void Serve() {
    auto bound = BindControlSocket(path_);
    ASSERT_TRUE(bound.ok()) << bound.status();
    const int fd = bound->fd.get();
    server_ = std::make_unique<ControlServer>(
        &world_.loop(), &world_.log(), *std::move(bound),
        [this](std::string_view request) {
          ++asked_;
          if (request == "big") return std::string(kMaxControlAnswer, 'x');
          if (request == "huge") return std::string(kMaxControlAnswer + 1, 'x');
          return absl::StrCat("ok\n", request);
        });
    // It is watched already: epoll_ctl fails.
    EventLoop::FdWatch in_the_way;
    if (cannot_watch_) {
      in_the_way = *world_.loop().WatchReadable(fd, [] {});
    }
    server_->Start();
  }

  UniqueFd Connect() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                        sizeof(address)),
              0)
        << std::strerror(errno);
    return fd;
  }

  void Send(const UniqueFd& fd, std::string_view text) {
    ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  // What has come; "": the server has closed. None: neither.
  std::optional<std::string> Receive(const UniqueFd& fd) {
    world_.Settle();
    std::vector<char> buffer(kMaxControlAnswer + 1);
    const ssize_t got =
        ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0) {
      return errno == EAGAIN ? std::nullopt : std::optional<std::string>("");
    }
    return std::string(buffer.data(), static_cast<size_t>(got));
  }

  std::optional<std::string> Ask(const UniqueFd& fd, std::string_view text) {
    Send(fd, text);
    return Receive(fd);
  }

  FakeWorld world_;
  std::string folder_;
  std::string path_;
  int asked_ = 0;
  bool cannot_watch_ = false;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlServerTest, ASocketThatCannotBeWatchedIsTriedAgain) {
  server_.reset();
  cannot_watch_ = true;
  Serve();
  EXPECT_THAT(world_.log().lines().back(), HasSubstr("trying again"));
  const UniqueFd client = Connect();
  Send(client, "hello");
  world_.Settle();
  EXPECT_EQ(asked_, 0);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(asked_, 1);
}

TEST_F(ControlServerTest, AnswersEachRequest) {
  const UniqueFd client = Connect();
  EXPECT_EQ(Ask(client, "one"), "ok\none");
  EXPECT_EQ(Ask(client, "two"), "ok\ntwo");
}

TEST_F(ControlServerTest, TheFileIsTheOwnersAlone) {
  struct stat found;
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(ControlServerTest, TheLongestAnswerArrivesWhole) {
  const UniqueFd client = Connect();
  const auto answer = Ask(client, "big");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->size(), kMaxControlAnswer);
}

TEST_F(ControlServerTest, NoAnswerIsLongerThanThat) {
  const UniqueFd client = Connect();
  EXPECT_EQ(Ask(client, "huge"), "error\nthe answer is too long");
}

TEST_F(ControlServerTest, ARequestThatIsTooLongIsNotHandled) {
  const UniqueFd client = Connect();
  EXPECT_EQ(Ask(client, std::string(kMaxControlRequest + 1, 'x')),
            "error\nthe request is too long");
  EXPECT_EQ(asked_, 0);
  EXPECT_EQ(Ask(client, "still there"), "ok\nstill there");
}

TEST_F(ControlServerTest, BytesOfAnyKindAreARequest) {
  const UniqueFd client = Connect();
  EXPECT_EQ(Ask(client, std::string_view("\0\xff\n", 3)),
            std::string("ok\n\0\xff\n", 6));
}

TEST_F(ControlServerTest, OneThatNeverReadsIsDropped) {
  const UniqueFd client = Connect();
  world_.Settle();
  ASSERT_EQ(server_->clients(), 1u);
  for (int i = 0; i < 100; ++i) {
    Send(client, "big");
    world_.Settle();
  }
  EXPECT_EQ(server_->clients(), 0u);
  const UniqueFd other = Connect();
  EXPECT_EQ(Ask(other, "hello"), "ok\nhello");
}

TEST_F(ControlServerTest, OneThatSaysNothingIsInNobodysWay) {
  const UniqueFd silent = Connect();
  const UniqueFd other = Connect();
  EXPECT_EQ(Ask(other, "hello"), "ok\nhello");
  EXPECT_EQ(Receive(silent), std::nullopt);
}

TEST_F(ControlServerTest, OneThatFloodsIsOneRequestATurn) {
  const UniqueFd flood = Connect();
  world_.Settle();
  for (int i = 0; i < 5; ++i) Send(flood, "x");
  asked_ = 0;
  world_.loop().Turn(/*may_wait=*/false);
  EXPECT_EQ(asked_, 1);
}

TEST_F(ControlServerTest, OfTooManyTheOneThatWasSilentForLongestGoes) {
  std::vector<UniqueFd> clients;
  for (size_t i = 0; i < ControlServer::kMaxClients; ++i) {
    clients.push_back(Connect());
    world_.Settle();
  }
  EXPECT_EQ(Ask(clients[0], "x"), "ok\nx");
  const UniqueFd one_more = Connect();
  EXPECT_EQ(Ask(one_more, "hello"), "ok\nhello");
  EXPECT_EQ(server_->clients(), ControlServer::kMaxClients);
  EXPECT_EQ(Receive(clients[1]), "");
  EXPECT_EQ(Ask(clients[0], "x"), "ok\nx");
}

TEST_F(ControlServerTest, ManyThatComeAndGoLeaveNothingBehind) {
  for (int i = 0; i < 500; ++i) {
    const UniqueFd client = Connect();
    if (i % 2 == 0) Send(client, "x");
    if (i % 3 == 0) world_.Settle();
    if (i % 20 == 0) world_.Settle();
  }
  world_.Settle();
  EXPECT_EQ(server_->clients(), 0u);
}

// By the kernel, from Linux 6.16 on; before that they are dropped.
TEST_F(ControlServerTest, DescriptorsThatComeAlongAreRefused) {
  const bool can_refuse =
      RefuseRights(UniqueFd(::socket(AF_UNIX, SOCK_STREAM, 0)).get()) == 0;
  const UniqueFd client = Connect();
  world_.Settle();
  const UniqueFd before(::dup(0));
  int fds[1] = {client.get()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = {};
  char text[] = "x";
  iovec part = {text, 1};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  cmsghdr* const first = CMSG_FIRSTHDR(&header);
  first->cmsg_level = SOL_SOCKET;
  first->cmsg_type = SCM_RIGHTS;
  first->cmsg_len = CMSG_LEN(sizeof(fds));
  std::memcpy(CMSG_DATA(first), fds, sizeof(fds));
  if (can_refuse) {
    ASSERT_EQ(::sendmsg(client.get(), &header, 0), -1);
    EXPECT_EQ(errno, EPERM);
    Send(client, "x");
  } else {
    ASSERT_EQ(::sendmsg(client.get(), &header, 0), 1);
  }
  EXPECT_EQ(Receive(client), "ok\nx");
  const UniqueFd after(::dup(0));
  EXPECT_EQ(after.get(), before.get() + 1);
}

// It would spin on a socket that stays readable.
TEST_F(ControlServerTest, WithoutDescriptorsItWaits) {
  const UniqueFd client = Connect();
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  world_.Settle();
  EXPECT_EQ(world_.loop().active_watches(), 0u);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(Ask(client, "hello"), "ok\nhello");
}

TEST_F(ControlServerTest, ASocketInUseIsRefusedAndOneLeftBehindReplaced) {
  EXPECT_THAT(std::string(BindControlSocket(path_).status().message()),
              HasSubstr("in use"));
  // As after a KILL: the file stays.
  server_.reset();
  {
    const UniqueFd killed(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(killed.get(), reinterpret_cast<sockaddr*>(&address),
                     sizeof(address)),
              0);
  }
  ASSERT_EQ(::access(path_.c_str(), F_OK), 0);
  Serve();
}

TEST_F(ControlServerTest, TheClientSaysWhoIsNotThere) {
  EXPECT_THAT(
      std::string(ControlClient::Connect("/nowhere/x").status().message()),
      StartsWith("no reinit has its socket at /nowhere/x"));
  EXPECT_FALSE(ControlClient::Connect(std::string(200, 'x')).ok());
  EXPECT_THAT(std::string(ControlClient::Connect("/tmp").status().message()),
              StartsWith("/tmp is a directory, not the socket of a reinit"));
  EXPECT_THAT(
      std::string(ControlClient::Connect("/proc/self/comm").status().message()),
      StartsWith("/proc/self/comm is another file, not the socket"));
}

}  // namespace
}  // namespace reinit
