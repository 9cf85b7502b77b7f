#include "supervisor/notify/notify_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "reaper/child_table.h"
#include "reaper/clock.h"
#include "reaper/event_loop.h"
#include "reaper/fake_clock.h"
#include "reaper/leak_check.h"
#include "reaper/os.h"
#include "supervisor/context.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

// A TCP connection whose last close() waits, almost for ever.
class LingeringSocket {
 public:
  LingeringSocket()
      : peer_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(peer_.get(), generic, size), 0);
    EXPECT_EQ(::listen(peer_.get(), 1), 0);
    EXPECT_EQ(::getsockname(peer_.get(), generic, &size), 0);
    EXPECT_EQ(::connect(fd_.get(), generic, size), 0);
    const linger wait = {1, 3600};
    EXPECT_EQ(
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)), 0);
    const std::string data(64 << 10, 'x');
    while (::send(fd_.get(), data.data(), data.size(), MSG_DONTWAIT) > 0) {
    }
  }
  int fd() const { return fd_.get(); }
  // Not the last one, while a message has it as well.
  void Close() { fd_.reset(); }

 private:
  UniqueFd peer_;  // never reads
  UniqueFd fd_;
};

class NotifySocketTest : public ::testing::Test {
 protected:
  NotifySocketTest()
      : loop_(*EventLoop::Create(&clock_)), children_(loop_.get(), &os_) {
    // Bazel's name of it is too long for a socket.
    EXPECT_EQ(::chdir(::testing::TempDir().c_str()), 0);
    auto made = NotifySocket::Create({"/no/such/folder", "."},
                                     absl::StrCat("notify-", ::getpid()));
    EXPECT_TRUE(made.ok()) << made.status();
    socket_ = *std::move(made);
    Listen();
  }
  void Listen() {
    const Context context = {loop_.get(), &os_,    &children_,
                             &log_,       nullptr, nullptr};
    socket_->Listen(context, [this](pid_t sender, const NotifyMessage& said) {
      senders_.push_back(sender);
      messages_.push_back(said);
    });
  }
  ~NotifySocketTest() override {
    socket_.reset();
    while (HasChildren()) Reap();
  }

  // Waits for a child to stop or end, and tells its owner.
  void Reap() {
    siginfo_t info = {};
    ASSERT_EQ(::waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT), 0);
    children_.Reap();
    Turn();  // that one was stopped is told at the end of a turn
  }

  void Send(const std::string& text, int count = 0, int fd = -1) {
    const UniqueFd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un to = {};
    to.sun_family = AF_UNIX;
    std::strcpy(to.sun_path, socket_->path().c_str());
    iovec part = {const_cast<char*>(text.data()), text.size()};
    msghdr header = {};
    header.msg_name = &to;
    header.msg_namelen = sizeof(to);
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 253)] = {};
    const std::vector<int> passed(static_cast<size_t>(count), fd);
    if (count > 0) {
      header.msg_control = control;
      header.msg_controllen = CMSG_SPACE(sizeof(int) * passed.size());
      cmsghdr* rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int) * passed.size());
      std::memcpy(CMSG_DATA(rights), passed.data(),
                  sizeof(int) * passed.size());
    }
    ASSERT_EQ(::sendmsg(sender.get(), &header, 0),
              static_cast<ssize_t>(text.size()));
  }

  void Turn() { loop_->Turn(/*may_wait=*/false); }

  MonotonicClock clock_;
  std::unique_ptr<EventLoop> loop_;
  LinuxOs os_;
  ChildTable children_;
  RecordingLog log_;
  std::unique_ptr<NotifySocket> socket_;
  std::vector<pid_t> senders_;
  std::vector<NotifyMessage> messages_;
};

TEST_F(NotifySocketTest, TellsWhoSaidWhat) {
  Send("READY=1\nSTATUS=hello");
  Turn();
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_EQ(senders_[0], ::getpid());
  EXPECT_TRUE(messages_[0].ready);
  EXPECT_EQ(messages_[0].status, "hello");
}

TEST_F(NotifySocketTest, AnyUserMaySendAndTheFileGoes) {
  struct stat found;
  ASSERT_EQ(::stat(socket_->path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0666u);
  const std::string path = socket_->path();
  socket_.reset();
  EXPECT_NE(::stat(path.c_str(), &found), 0);
}

// A barrier's sender waits for the other end of its pipe to be closed; none of
// what it, or a fool, passes stays open.
TEST_F(NotifySocketTest, ClosesEveryDescriptor) {
  for (const int count : {1, 2, 253}) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd reader(ends[0]);
    {
      const UniqueFd writer(ends[1]);
      Send("BARRIER=1", count, writer.get());
    }
    pollfd waiting = {reader.get(), 0, 0};
    EXPECT_EQ(::poll(&waiting, 1, 0), 0);
    const auto before = OpenDescriptors();
    Turn();
    EXPECT_TRUE(messages_.back().barrier);
    EXPECT_EQ(OpenDescriptors(), before);
    // It has the message, and is killed.
    while (::poll(&waiting, 1, 0) == 0 && HasChildren()) Reap();
    EXPECT_EQ(::poll(&waiting, 1, 0), 1) << count;
    Send("READY=1");
    Turn();
    EXPECT_TRUE(messages_.back().ready);
  }
}

// The last close() of such a socket waits until the peer reads, or for as long
// as its owner has said. It waits elsewhere.
TEST_F(NotifySocketTest, DoesNotCloseWhatLingers) {
  LingeringSocket lingering;
  Send("BARRIER=1", 1, lingering.fd());
  lingering.Close();
  Send("STATUS=next");
  for (int i = 0; messages_.size() < 2; ++i) {
    ASSERT_LT(i, 100);
    Turn();
    if (HasChildren()) Reap();
  }
  EXPECT_TRUE(messages_[0].barrier);
  EXPECT_EQ(messages_[1].status, "next");
}

TEST_F(NotifySocketTest, OneThatCannotBeWatchedIsTriedAgain) {
  socket_->StopListening();
  {
    // Watched already: epoll_ctl fails.
    std::vector<EventLoop::FdWatch> in_the_way;
    for (const auto& [fd, file] : OpenDescriptors()) {
      if (file.rfind("socket:", 0) != 0) continue;
      auto watch = loop_->WatchReadable(fd, [] {});
      if (watch.ok()) in_the_way.push_back(*std::move(watch));
    }
    Listen();
    ASSERT_EQ(log_.lines().size(), 1u);
    EXPECT_EQ(loop_->armed_timers(), 1u);
  }
  Send("READY=1");
  while (messages_.empty()) loop_->Turn();
  EXPECT_TRUE(messages_[0].ready);
  EXPECT_EQ(loop_->armed_timers(), 0u);
}

TEST_F(NotifySocketTest, AFloodLeavesRoomForOthers) {
  // Not more than the kernel queues (net.unix.max_dgram_qlen).
  for (int i = 0; i < 6; ++i) Send("WATCHDOG=1");
  Send(std::string(kMaxNotifyDatagram + 1, 'x'));  // dropped
  Send("");
  Turn();
  Turn();
  EXPECT_EQ(messages_.size(), 7u);
}

// Each message takes its time, to find out whose it is.
TEST_F(NotifySocketTest, AFloodMayTakeAShareOfTheTimeOnly) {
  FakeClock clock;
  auto loop = *EventLoop::Create(&clock);
  int heard = 0;
  socket_->StopListening();
  const Context context = {loop.get(), &os_,    &children_,
                           &log_,      nullptr, nullptr};
  socket_->Listen(context, [&](pid_t, const NotifyMessage&) {
    ++heard;
    clock.Advance(TimeBudget::kShare);
  });
  Send("WATCHDOG=1");
  loop->Turn(/*may_wait=*/false);
  EXPECT_EQ(heard, 1);
  Send("WATCHDOG=1");
  loop->Turn(/*may_wait=*/false);
  EXPECT_EQ(heard, 1) << "not in the same span of time";
  clock.Advance(TimeBudget::kSpan);
  loop->Turn(/*may_wait=*/false);
  loop->Turn(/*may_wait=*/false);
  EXPECT_EQ(heard, 2) << "nor is it lost";
  // Last words are heard before the sender is reaped, whatever they cost.
  Send("READY=1");
  socket_->Read();
  EXPECT_EQ(heard, 3);
  socket_->StopListening();
  EXPECT_EQ(loop->armed_timers(), 0u);
}

// A rest that ends while a child takes a message must not watch the socket: it
// is readable, and nothing may be read.
TEST_F(NotifySocketTest, ARestThatEndsWhileAMessageIsTakenWatchesNothing) {
  FakeClock clock;
  FakeOs os;
  auto loop = *EventLoop::Create(&clock);
  ChildTable children(loop.get(), &os);
  RecordingLog log;
  socket_->StopListening();
  const Context context = {loop.get(), &os, &children, &log, nullptr, nullptr};
  socket_->Listen(context, [&](pid_t, const NotifyMessage&) {
    clock.Advance(TimeBudget::kShare);
  });
  Send("WATCHDOG=1");
  loop->Turn(/*may_wait=*/false);
  EXPECT_EQ(loop->armed_timers(), 1u) << "it rests";
  Send("BARRIER=1", 1, STDIN_FILENO);
  socket_->Read();
  EXPECT_EQ(loop->active_watches(), 0u);
  clock.Advance(TimeBudget::kSpan);
  loop->Turn(/*may_wait=*/false);
  EXPECT_EQ(loop->active_watches(), 0u) << "the child is at work";
  EXPECT_TRUE(log.lines().empty());
  socket_->StopListening();
}

TEST_F(NotifySocketTest, SaysWhatToDoWhereThereIsNoPlace) {
  const auto none = NotifySocket::Create({"/no/such/folder"}, "x");
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.status().message().find("/no/such/folder"),
            std::string_view::npos);
}

}  // namespace
}  // namespace reinit
