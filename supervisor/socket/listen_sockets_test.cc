#include "supervisor/socket/listen_sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using Strings = std::vector<std::string>;

class ListenSocketsTest : public ::testing::Test {
 protected:
  ListenSocketsTest() {
    // Bazel's name of its folder is too long for a socket.
    char name[] = "/tmp/listen-XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  ~ListenSocketsTest() override {
    sockets_.reset();
    ::unlink(Path("s").c_str());
    EXPECT_EQ(::rmdir(folder_.c_str()), 0) << "something is left";
  }

  std::string Path(std::string_view name) {
    return absl::StrCat(folder_, "/", name);
  }

  ListenSockets::Problems Open(const Strings& listen, Strings environment = {},
                               pid_t self = ::getpid()) {
    for (const std::string& text : listen) {
      auto spec = ParseListenSpec(text);
      EXPECT_TRUE(spec.ok()) << spec.status();
      options_.sockets.push_back(*std::move(spec));
    }
    environment_ = std::move(environment);
    sockets_ = std::make_unique<ListenSockets>();
    return sockets_->Open(&options_, self, &environment_);
  }

  // What the process would get for `argument`.
  std::string Filled(std::string argument) {
    Strings argv = {std::move(argument)};
    Strings environment;
    std::vector<PassedDescriptor> descriptors;
    sockets_->Pass(1, &argv, &environment, &descriptors);
    return argv[0];
  }
  int Fd(size_t index) {
    Strings argv;
    Strings environment;
    std::vector<PassedDescriptor> descriptors;
    sockets_->Pass(1, &argv, &environment, &descriptors);
    EXPECT_EQ(descriptors.at(index).as, 3 + static_cast<int>(index));
    return descriptors.at(index).fd;
  }

  Strings Renew() { return sockets_->Renew(sockets_->RestoreFiles()); }

  std::string folder_;
  ListenOptions options_;
  Strings environment_;
  std::unique_ptr<ListenSockets> sockets_;
};

int ConnectUnix(const std::string& path) {
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  return ::connect(client.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)) == 0
             ? 0
             : errno;
}

struct stat Stat(const std::string& path) {
  struct stat found = {};
  EXPECT_EQ(::lstat(path.c_str(), &found), 0) << path;
  return found;
}

// Somebody else who listens there.
class Server {
 public:
  explicit Server(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address),
                     sizeof(address)),
              0);
    EXPECT_EQ(::listen(fd_.get(), 1), 0);
  }

 private:
  const UniqueFd fd_;
};

int ConnectTcp(int port, bool reset = false) {
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const linger at_once = {.l_onoff = reset, .l_linger = 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(client.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)) == 0
             ? 0
             : errno;
}

// Descriptors can be put anywhere in a child. Its status is the result.
int InChild(const std::function<bool()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body() ? 0 : 1);
  int status = -1;
  ::waitpid(pid, &status, 0);
  return status;
}

TEST_F(ListenSocketsTest, TcpListens) {
  EXPECT_TRUE(Open({"web=tcp://127.0.0.1:0"}).errors.empty());
  const int port = std::stoi(Filled("{port:web}"));
  EXPECT_EQ(ConnectTcp(port), 0);
  EXPECT_EQ(::fcntl(Fd(0), F_GETFD), FD_CLOEXEC);
  ASSERT_EQ(sockets_->Listening().size(), 1u);
  EXPECT_EQ(sockets_->Listening()[0].address, absl::StrCat("127.0.0.1:", port));
  sockets_.reset();
  EXPECT_EQ(ConnectTcp(port), ECONNREFUSED);
}

TEST_F(ListenSocketsTest, QueuesHaveTheirLength) {
  Open({"web=tcp://127.0.0.1:0", absl::StrCat("unix:", folder_, "/s")});
  const auto length = [&] {
    const auto queues = sockets_->Queues();
    EXPECT_EQ(queues.size(), 1u);
    return queues.at(0).length;
  };
  EXPECT_EQ(length(), 0u);
  const int port = std::stoi(Filled("{port:web}"));
  EXPECT_EQ(ConnectTcp(port), 0);
  EXPECT_EQ(ConnectTcp(port), 0);
  EXPECT_EQ(length(), 2u);  // they wait even when the client has gone
  const std::vector<uint64_t> both = *sockets_->Queues()[0].waiting;
  EXPECT_EQ(both.size(), 2u);
  const UniqueFd taken(::accept(Fd(0), nullptr, nullptr));
  EXPECT_EQ(length(), 1u);
  const std::vector<uint64_t> rest = *sockets_->Queues()[0].waiting;
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_NE(rest[0] == both[0], rest[0] == both[1]);
  EXPECT_EQ(ConnectTcp(port, /*reset=*/true), 0);
  EXPECT_EQ(length(), 2u);
  EXPECT_EQ(sockets_->Queues()[0].waiting, rest);
}

TEST_F(ListenSocketsTest, AddressInUse) {
  Open({"web=tcp://127.0.0.1:0"});
  const std::string again = Filled("tcp://127.0.0.1:{port:web}");
  ListenOptions options;
  options.sockets = {*ParseListenSpec(again),
                     *ParseListenSpec("tcp://192.0.2.1:1")};
  ListenSockets others;
  Strings none;
  // All that is wrong is said.
  EXPECT_EQ(
      others.Open(&options, ::getpid(), &none).errors,
      (Strings{absl::StrCat(
                   "--listen=", again,
                   ": the address is in use: another process listens on it"),
               "--listen=tcp://192.0.2.1:1: no network interface here has this "
               "address"}));
}

TEST_F(ListenSocketsTest, BothFamiliesOnOnePort) {
  Open({"web=tcp://127.0.0.1:0"});
  const std::string port = Filled("{port:web}");
  sockets_.reset();
  options_.sockets.clear();
  const auto problems = Open({absl::StrCat("tcp://0.0.0.0:", port),
                              absl::StrCat("tcp://[::]:", port)});
  if (!problems.errors.empty() &&
      absl::StrContains(problems.errors[0], "there is no IPv6 here")) {
    GTEST_SKIP() << "no IPv6 here";
  }
  EXPECT_EQ(problems.errors, Strings());
}

TEST_F(ListenSocketsTest, UnixFileComesAndGoes) {
  const std::string path = Path("s");
  EXPECT_EQ(Open({absl::StrCat("unix:", path, "?mode=0620")}).errors,
            Strings());
  struct stat found;
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0620u);
  EXPECT_EQ(ConnectUnix(path), 0);
  sockets_.reset();
  EXPECT_NE(::stat(path.c_str(), &found), 0);
}

TEST_F(ListenSocketsTest, SomebodyElsesFileStays) {
  const std::string path = Path("s");
  Open({absl::StrCat("unix:", path)});
  ASSERT_EQ(::rename(path.c_str(), Path("moved").c_str()), 0);
  ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  sockets_.reset();
  EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  ::unlink(Path("moved").c_str());
}

TEST_F(ListenSocketsTest, AStaleFileIsReplacedALiveOneIsNot) {
  const std::string path = Path("s");
  const std::string flag = absl::StrCat("unix:", path);
  // Its owner was killed.
  EXPECT_EQ(InChild([&] {
              Open({flag});
              return ConnectUnix(path) == 0;
            }),
            0);
  EXPECT_EQ(ConnectUnix(path), ECONNREFUSED);
  EXPECT_EQ(Open({flag}).errors, Strings());
  EXPECT_EQ(ConnectUnix(path), 0);

  ListenOptions options;
  options.sockets = {*ParseListenSpec(flag)};
  ListenSockets others;
  Strings none;
  EXPECT_EQ(others.Open(&options, ::getpid(), &none).errors,
            (Strings{absl::StrCat(
                "--listen=", flag,
                ": the address is in use: another process listens on it")}));
  EXPECT_EQ(ConnectUnix(path), 0);
}

TEST_F(ListenSocketsTest, OtherFilesAreNotReplaced) {
  const std::string path = Path("s");
  ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  const auto problems = Open(
      {absl::StrCat("unix:", path), absl::StrCat("unix:", folder_, "/no/s")});
  ASSERT_EQ(problems.errors.size(), 2u);
  EXPECT_TRUE(absl::EndsWith(problems.errors[0],
                             ": this file is there already and is no socket"));
  EXPECT_TRUE(absl::EndsWith(problems.errors[1], ": its folder is not there"));
}

TEST_F(ListenSocketsTest, WhatAProcessDidIsMadeGood) {
  const std::string path = Path("s");
  Open({absl::StrCat("unix:", path), "web=tcp://127.0.0.1:0"});
  const int port = std::stoi(Filled("{port:web}"));
  EXPECT_EQ(Renew(), Strings());
  ::unlink(path.c_str());
  ::unlink(Path(".s.reinit").c_str());
  ::shutdown(Fd(1), SHUT_RDWR);
  EXPECT_EQ(ConnectTcp(port), ECONNREFUSED);
  EXPECT_EQ(Renew().size(), 2u);
  EXPECT_EQ(ConnectTcp(port), 0);
  EXPECT_EQ(ConnectUnix(path), 0);
  ::shutdown(Fd(0), SHUT_RDWR);
  EXPECT_NE(ConnectUnix(path), 0);
  EXPECT_EQ(Renew().size(), 1u);
  EXPECT_EQ(ConnectUnix(path), 0);
  EXPECT_EQ(Renew(), Strings());
  EXPECT_EQ(sockets_->Listening().size(), 2u);
  EXPECT_EQ(sockets_->replaced()->size(), 2u);  // the unix sockets
}

TEST_F(ListenSocketsTest, ARemovedFileIsRestoredWithItsSocket) {
  const std::string path = Path("s");
  Open({"web=tcp://127.0.0.1:0", absl::StrCat("unix:", path, "?mode=0600")});
  const struct stat bound = Stat(path);
  EXPECT_EQ(sockets_->RestoreFiles(), "..");
  EXPECT_EQ(ConnectUnix(path), 0);  // waits in the queue
  for (int i = 0; i < 2; ++i) {
    ::unlink(path.c_str());
    EXPECT_EQ(ConnectUnix(path), ENOENT);
    const std::string states = sockets_->RestoreFiles();
    EXPECT_EQ(states, ".+");
    EXPECT_EQ(sockets_->Restored(states),
              Strings{absl::StrCat("--listen=unix:", path,
                                   "?mode=0600: the process removed its file; "
                                   "restored with the same socket")});
    EXPECT_EQ(sockets_->Renew(states), Strings());
    EXPECT_EQ(ConnectUnix(path), 0);
  }
  EXPECT_EQ(Stat(path).st_ino, bound.st_ino);
  EXPECT_EQ(Stat(path).st_mode, bound.st_mode);
  EXPECT_EQ(sockets_->Restored(sockets_->RestoreFiles()), Strings());
  for (int i = 0; i < 3; ++i) {
    const UniqueFd waited(::accept4(Fd(1), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(waited.valid());
  }
}

TEST_F(ListenSocketsTest, TwinWithoutASecondNameIsBoundAgain) {
  const std::string path = Path("s");
  Open({absl::StrCat("unix:", path)});
  ::unlink(Path(".s.reinit").c_str());
  ::unlink(path.c_str());
  EXPECT_EQ(sockets_->RestoreFiles(), "-");
  EXPECT_EQ(ConnectUnix(path), ENOENT);
  EXPECT_EQ(Renew().size(), 1u);
  EXPECT_EQ(ConnectUnix(path), 0);
  ::unlink(path.c_str());
  EXPECT_EQ(sockets_->RestoreFiles(), "+");  // it has one again
}

TEST_F(ListenSocketsTest, WhatTheProcessBoundAtThePathStays) {
  const std::string path = Path("s");
  Open({absl::StrCat("unix:", path)});
  const ino_t ours = Stat(path).st_ino;
  ::unlink(path.c_str());
  {
    const Server server(path);
    const ino_t its = Stat(path).st_ino;
    EXPECT_EQ(sockets_->RestoreFiles(), "-");
    EXPECT_EQ(Renew().size(), 1u);
    EXPECT_EQ(Stat(path).st_ino, its);
    ::unlink(path.c_str());
  }
  EXPECT_EQ(sockets_->RestoreFiles(), "+");
  EXPECT_EQ(Stat(path).st_ino, ours);
  EXPECT_EQ(ConnectUnix(path), 0);
}

TEST_F(ListenSocketsTest, ASecondNameThatAKilledReinitLeftIsReplaced) {
  const std::string path = Path("s");
  { const Server killed(Path(".s.reinit")); }
  Open({absl::StrCat("unix:", path)});
  EXPECT_EQ(Stat(Path(".s.reinit")).st_ino, Stat(path).st_ino);
}

TEST_F(ListenSocketsTest, ASecondNameThatIsInUseStays) {
  const std::string path = Path("s");
  const Server other(Path(".s.reinit"));
  EXPECT_EQ(Open({absl::StrCat("unix:", path)}).errors, Strings());
  EXPECT_EQ(ConnectUnix(Path(".s.reinit")), 0);
  ::unlink(path.c_str());
  EXPECT_EQ(sockets_->RestoreFiles(), "-");
  sockets_.reset();
  EXPECT_EQ(::unlink(Path(".s.reinit").c_str()), 0);
}

TEST_F(ListenSocketsTest, ADescriptorOfOurs) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);  // as a shell passes it
  EXPECT_EQ(Open({absl::StrCat("web=fd:", fd)}).errors, Strings());
  EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(ConnectTcp(std::stoi(Filled("{port:web}"))), 0);
}

TEST_F(ListenSocketsTest, WrongDescriptors) {
  const UniqueFd null(::open("/dev/null", O_RDONLY));  // NOLINT: inherited
  const UniqueFd own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(Open({absl::StrCat("fd:", null.get()),
                  absl::StrCat("fd:", own.get()), "fd:999"})
                .errors,
            (Strings{absl::StrCat("--listen=fd:", null.get(),
                                  ": this descriptor is no socket"),
                     absl::StrCat("--listen=fd:", own.get(),
                                  ": reinit was started without this "
                                  "descriptor"),
                     "--listen=fd:999: reinit was started without this "
                     "descriptor"}));
}

TEST_F(ListenSocketsTest, InheritedOnesAreTakenOver) {
  EXPECT_EQ(
      InChild([&] {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        ::listen(fd, 1);
        ::dup2(fd, 3);
        ::dup2(STDIN_FILENO, 4);
        const Strings given = {"A=1", "LISTEN_FDS=2",
                               absl::StrCat("LISTEN_PID=", ::getpid()),
                               "LISTEN_FDNAMES=web:file"};
        const auto problems = Open({"tcp://127.0.0.1:0", "named=fd:3"}, given);
        return problems.errors.empty() && problems.warnings.empty() &&
               environment_ == Strings{"A=1"} && sockets_->size() == 3 &&
               Filled("{fd:named}{fd:web}{fd:file}{fd:tcp}") == "3{fd:web}45" &&
               sockets_->Listening().size() == 2 &&
               ::fcntl(3, F_GETFD) == FD_CLOEXEC;
      }),
      0);
}

TEST_F(ListenSocketsTest, OthersAreNotOurs) {
  const Strings given = {"LISTEN_FDS=1", "LISTEN_PID=1"};
  Open({}, given, /*self=*/2);
  EXPECT_TRUE(sockets_->empty());
  EXPECT_EQ(environment_, given);
  // Half of them missing: something else is meant.
  EXPECT_EQ(Open({}, {"LISTEN_FDS=1000", "LISTEN_PID=2"}, 2).warnings.size(),
            1u);
  EXPECT_TRUE(sockets_->empty());
}

TEST_F(ListenSocketsTest, ALongQueueIsCut) {
  options_.backlog = 2'000'000'000;
  const auto problems = Open({"tcp://127.0.0.1:0"});
  ASSERT_EQ(problems.warnings.size(), 1u);
  EXPECT_TRUE(
      absl::StartsWith(problems.warnings[0],
                       "--listen-backlog=2000000000: the kernel cuts it to "));
}

}  // namespace
}  // namespace reinit
