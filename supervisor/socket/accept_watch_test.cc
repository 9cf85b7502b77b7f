// Against real servers: one for each way in which a program waits for
// connections.
#include "supervisor/socket/accept_watch.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

using Verdict = AcceptWatch::Verdict;

constexpr absl::Duration kDeadline = absl::Seconds(30);

class AcceptWatchTest : public ::testing::Test {
 protected:
  AcceptWatchTest() {
    Listen("web");
    Listen("admin");
  }
  ~AcceptWatchTest() override {
    for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
    for (const pid_t pid : pids_) ::waitpid(pid, nullptr, 0);
  }

  void Listen(const std::string& name) {
    listeners_.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));  // NOLINT
    ASSERT_EQ(::listen(listeners_.back().get(), 8), 0);
    struct stat found;
    ASSERT_EQ(::fstat(listeners_.back().get(), &found), 0);
    sockaddr_in address = {};
    socklen_t size = sizeof(address);
    ASSERT_EQ(::getsockname(listeners_.back().get(), Generic(&address), &size),
              0);
    ids_.push_back(
        {name, "here", found.st_dev, found.st_ino, ntohs(address.sin_port)});
  }
  static sockaddr* Generic(sockaddr_in* address) {
    return reinterpret_cast<sockaddr*>(address);
  }
  // A connection to the first.
  UniqueFd Connect() const {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(ids_[0].port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));  // NOLINT
    EXPECT_EQ(::connect(fd.get(), Generic(&address), sizeof(address)), 0);
    return fd;
  }
  int web() const { return listeners_[0].get(); }
  int admin() const { return listeners_[1].get(); }

  // A process that does this, and then nothing.
  void Start(const std::function<void()>& serve) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      serve();
      while (true) ::pause();
    }
    pids_.push_back(pid);
  }

  AcceptWatch::Answer Look(size_t sockets = 1) {
    return watch_.Look(pids_, absl::MakeSpan(ids_).first(sockets));
  }

  void ExpectServed(size_t sockets = 1) {
    const absl::Time limit = absl::Now() + kDeadline;
    while (Look(sockets).verdict != Verdict::kServed) {
      ASSERT_LT(absl::Now(), limit) << "nobody serves";
      ::sched_yield();
    }
  }

  // Once all of them are blocked, that is for good.
  void ExpectNotServed() {
    const absl::Time limit = absl::Now() + kDeadline;
    for (const pid_t pid : pids_) {
      const std::string file = absl::StrCat("/proc/", pid, "/syscall");
      for (std::string text = "running"; text.rfind("running", 0) == 0;) {
        ASSERT_LT(absl::Now(), limit);
        std::getline(std::ifstream(file), text);
      }
    }
    EXPECT_EQ(Look().verdict, Verdict::kNotServed);
  }

  std::vector<UniqueFd> listeners_;
  std::vector<ListenSockets::Id> ids_;
  std::vector<pid_t> pids_;
  AcceptWatch watch_;
};

void Epoll(int fd, uint32_t events) {
  const int epoll = ::epoll_create1(0);
  epoll_event event = {};
  event.events = events;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  ::epoll_wait(epoll, &event, 1, -1);
}

void Poll(int fd, int16_t events) {
  pollfd polled[] = {{-1, POLLIN, 0}, {fd, events, 0}};
  ::poll(polled, 2, -1);
}

void Select(int fd) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  ::select(fd + 1, &set, nullptr, nullptr, nullptr);
}

TEST_F(AcceptWatchTest, Accept) {
  Start([&] { ::accept(web(), nullptr, nullptr); });
  ExpectServed();
}

// It never waits for one, since there is always one.
TEST_F(AcceptWatchTest, OneThatIsBusy) {
  const UniqueFd client = Connect();
  Start([&] {
    if (::accept(web(), nullptr, nullptr) < 0) ::_exit(1);
    while (true) ::pause();
  });
  ExpectServed();
}

// Each is gone before the kernel has listed them all.
TEST_F(AcceptWatchTest, OneWithShortConnections) {
  Start([&] {
    if (::fork() == 0) {
      while (true) Connect().reset();
    }
    while (true) {
      const UniqueFd taken(::accept(web(), nullptr, nullptr));
      char byte;
      // It never waits.
      while (::recv(taken.get(), &byte, 1, MSG_DONTWAIT) > 0) continue;
    }
  });
  ExpectServed();
}

// Its twin: one that has not been accepted, and the client's end of it.
TEST_F(AcceptWatchTest, ConnectionsThatItHasNotAccepted) {
  const UniqueFd client = Connect();
  Start([&] { Connect().release(); });
  ExpectNotServed();
}

TEST_F(AcceptWatchTest, Accept4) {
  Start([&] { ::accept4(web(), nullptr, nullptr, SOCK_CLOEXEC); });
  ExpectServed();
}

TEST_F(AcceptWatchTest, PollSet) {
  Start([&] { Poll(web(), POLLIN); });
  ExpectServed();
}

TEST_F(AcceptWatchTest, PpollSet) {
  Start([&] {
    pollfd polled = {web(), POLLIN, 0};
    sigset_t none;
    ::sigemptyset(&none);
    ::ppoll(&polled, 1, nullptr, &none);
  });
  ExpectServed();
}

TEST_F(AcceptWatchTest, SelectSet) {
  Start([&] { Select(web()); });
  ExpectServed();
}

TEST_F(AcceptWatchTest, PselectSetUnderAnotherNumber) {
  Start([&] {
    const int fd = ::dup2(web(), 700);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    sigset_t none;
    ::sigemptyset(&none);
    ::pselect(fd + 1, &set, nullptr, nullptr, nullptr, &none);
  });
  ExpectServed();
}

TEST_F(AcceptWatchTest, EpollSet) {
  Start([&] { Epoll(web(), EPOLLIN | EPOLLET); });
  ExpectServed();
}

TEST_F(AcceptWatchTest, EpollThatWasMadeBeforeAFork) {
  Start([&] {
    const int epoll = ::epoll_create1(0);
    epoll_event event = {};
    event.events = EPOLLIN;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, web(), &event);
    if (::fork() == 0) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  });
  ExpectServed();
}

TEST_F(AcceptWatchTest, AThread) {
  Start(
      [&] { std::thread([&] { ::accept(web(), nullptr, nullptr); }).join(); });
  ExpectServed();
}

TEST_F(AcceptWatchTest, OneOfTheWorkers) {
  Start([] {});
  Start([&] { Select(web()); });
  Start([] {});
  ExpectServed();
}

TEST_F(AcceptWatchTest, AllSocketsMustBeServed) {
  Start([&] { Epoll(web(), EPOLLIN); });
  ExpectServed(1);
  EXPECT_EQ(Look(2).verdict, Verdict::kNotServed);
  EXPECT_EQ(Look(2).text, "admin (here)");
  Start([&] { Poll(admin(), POLLIN); });
  ExpectServed(2);
}

TEST_F(AcceptWatchTest, WithoutSocketsThereIsNothingToServe) {
  EXPECT_EQ(Look(0).verdict, Verdict::kServed);
}

// Debian's own server, as it is told of its socket.
TEST_F(AcceptWatchTest, PythonHttpServer) {
  constexpr char kPython[] = "/usr/bin/python3";
  if (::access(kPython, X_OK) != 0) GTEST_SKIP() << "no python3 here";
  Start([&] {
    ::dup2(web(), 9);
    ::execl(kPython, "python3", "-SEc",
            "import http.server, socket\n"
            "h = http.server.SimpleHTTPRequestHandler\n"
            "s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), h, False)\n"
            "s.socket = socket.socket(fileno=9)\n"
            "s.serve_forever()",
            nullptr);
  });
  ExpectServed();
}

// Twins of the above, which have the socket and do not serve it.

TEST_F(AcceptWatchTest, WhoMerelyHasIt) {
  Start([] {});
  ExpectNotServed();
}

TEST_F(AcceptWatchTest, WhoWaitsForSomethingElse) {
  Start([&] { Epoll(web(), EPOLLOUT); });
  Start([&] { Poll(web(), POLLPRI); });
  Start([&] { Epoll(admin(), EPOLLIN); });
  Start([&] { Poll(admin(), POLLIN); });
  Start([&] { Select(admin()); });
  Start([&] { ::accept(admin(), nullptr, nullptr); });
  ExpectNotServed();
}

TEST_F(AcceptWatchTest, WhoHasAnotherUnderItsNumber) {
  Start([&] {
    ::dup2(admin(), web());
    Select(web());
  });
  ExpectNotServed();
}

TEST_F(AcceptWatchTest, WhoIsNotOneOfThem) {
  Start([&] { Select(web()); });
  ExpectServed();
  AcceptWatch watch;
  const pid_t self = ::getpid();
  EXPECT_EQ(watch.Look({self}, absl::MakeSpan(ids_).first(1)).verdict,
            Verdict::kNotServed);
}

TEST_F(AcceptWatchTest, Holds) {
  Start([] {});
  EXPECT_TRUE(watch_.Holds(pids_[0], ids_));
  Start([&] { ::close(web()), ::close(admin()); });
  const absl::Time limit = absl::Now() + kDeadline;
  while (watch_.Holds(pids_[1], ids_)) {
    ASSERT_LT(absl::Now(), limit);
    ::sched_yield();
  }
  EXPECT_FALSE(watch_.Holds(pids_[0], {}));
  EXPECT_FALSE(AcceptWatch("/no/such/proc").Holds(pids_[0], ids_));
}

// What /proc does not show.

TEST_F(AcceptWatchTest, WithoutProc) {
  Start([&] { Select(web()); });
  AcceptWatch watch("/no/such/proc");
  const auto answer = watch.Look(pids_, absl::MakeSpan(ids_).first(1));
  EXPECT_EQ(answer.verdict, Verdict::kCannotTell);
  EXPECT_EQ(answer.text, "/proc does not show the process");
}

TEST_F(AcceptWatchTest, WithoutTheRights) {
  Start([&] { Select(web()); });
  ExpectServed();
  // One with fewer capabilities may not look at one with more.
  const pid_t looker = ::fork();
  if (looker == 0) {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct had[2] = {};
    ::syscall(SYS_capget, &header, had);
    if (had[0].permitted == 0) ::_exit(77);
    __user_cap_data_struct none[2] = {};
    ::syscall(SYS_capset, &header, none);
    const auto answer = Look();
    ::_exit(answer.verdict == Verdict::kCannotTell && !answer.text.empty() ? 0
                                                                           : 1);
  }
  int status = -1;
  ::waitpid(looker, &status, 0);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no capabilities to drop";
  EXPECT_EQ(status, 0);
}

// A sandbox's /proc, or a kernel's that is older.
class FakeProcTest : public ::testing::Test {
 protected:
  FakeProcTest() : root_(absl::StrCat(::testing::TempDir(), "/proc-test")) {
    Run(absl::StrCat("rm -rf ", root_));
    Run(absl::StrCat("mkdir -p ", root_, "/7/fd ", root_, "/7/fdinfo ", root_,
                     "/7/task/7"));
    Link(3, "socket:[42]");
  }
  static void Run(const std::string& command) {
    ASSERT_EQ(::system(command.c_str()), 0);  // NOLINT: a test
  }
  void Link(int fd, const std::string& target) {
    ASSERT_EQ(
        ::symlink(target.c_str(), absl::StrCat(root_, "/7/fd/", fd).c_str()),
        0);
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(absl::StrCat(root_, "/7/", name)) << text;
  }
  AcceptWatch::Answer Look() {
    return AcceptWatch(root_).Look({7}, {{"web", "", 8, 42}});
  }

  const std::string root_;
};

TEST_F(FakeProcTest, NoSyscallFile) {
  EXPECT_EQ(Look().verdict, Verdict::kCannotTell);
}

// The kernel hides a thread that is about to end, which is no reason not to
// tell. Runs in a child, since root without its capabilities may not look.
TEST_F(FakeProcTest, AThreadThatIsHidden) {
  Write("task/7/syscall", "running\n");
  Run(absl::StrCat("chmod 0 ", root_, "/7/task/7/syscall"));
  const auto verdict_with_flags = [this](int flags) {
    Write("task/7/stat", absl::StrCat("7 (a) b) R 1 7 7 0 -1 ", flags, " 0\n"));
    const pid_t looker = ::fork();
    if (looker == 0) {
      __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
      __user_cap_data_struct none[2] = {};
      ::syscall(SYS_capset, &header, none);
      ::_exit(static_cast<int>(Look().verdict));
    }
    int status = -1;
    ::waitpid(looker, &status, 0);
    return static_cast<Verdict>(WEXITSTATUS(status));
  };
  EXPECT_EQ(verdict_with_flags(0x404004), Verdict::kNotServed);
  EXPECT_EQ(verdict_with_flags(0x404000), Verdict::kCannotTell);
}

TEST_F(FakeProcTest, OldEpoll) {
  Link(4, "anon_inode:[eventpoll]");
  Write("fdinfo/4", "tfd:        3 events:       19 data: 3\n");
  EXPECT_EQ(Look().verdict, Verdict::kServed);
}

TEST_F(FakeProcTest, SameInodeOnAnotherDevice) {
  Link(4, "anon_inode:[eventpoll]");
  Write("fdinfo/4", "tfd: 3 events: 19 data: 3  pos:0 ino:2a sdev:9\n");
  Write("task/7/syscall", "running\n");
  EXPECT_EQ(Look().verdict, Verdict::kNotServed);
}

TEST_F(FakeProcTest, IoUring) {
  Link(4, "anon_inode:[io_uring]");
  Write("task/7/syscall", "running\n");
  EXPECT_EQ(Look().verdict, Verdict::kCannotTell);
  EXPECT_EQ(Look().text, "the process uses io_uring");
}

// Of many processes one look sees some, and the next ones the others.
TEST_F(FakeProcTest, ManyProcesses) {
  Write("task/7/syscall", "running\n");
  for (int fd = 10; fd < 1100; ++fd) Link(fd, "/dev/null");
  Run(absl::StrCat("mkdir -p ", root_, "/8/fd ", root_, "/8/fdinfo"));
  ASSERT_EQ(::symlink("anon_inode:[eventpoll]",
                      absl::StrCat(root_, "/8/fd/4").c_str()),
            0);
  std::ofstream(absl::StrCat(root_, "/8/fdinfo/4"))
      << "tfd: 3 events: 1 data: 3  pos:0 ino:2a sdev:8\n";
  std::vector<pid_t> pids(9, 7);
  pids.push_back(8);
  AcceptWatch watch(root_);
  const std::vector<ListenSockets::Id> ids = {{"web", "", 8, 42}};
  int looks = 1;
  while (watch.Look(pids, ids).verdict != Verdict::kServed) ++looks;
  EXPECT_EQ(looks, 3);
}

}  // namespace
}  // namespace reinit
