#include "supervisor/notify/notify_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "reaper/clock.h"

namespace reinit {
namespace {

class NotifySocketTest : public ::testing::Test {
 protected:
  NotifySocketTest() : loop_(*EventLoop::Create(&clock_)) {
    // Bazel's name of it is too long for a socket.
    EXPECT_EQ(::chdir(::testing::TempDir().c_str()), 0);
    auto made = NotifySocket::Create({"/no/such/folder", "."},
                                     absl::StrCat("notify-", ::getpid()));
    EXPECT_TRUE(made.ok()) << made.status();
    socket_ = *std::move(made);
    EXPECT_TRUE(socket_
                    ->Listen(loop_.get(),
                             [this](pid_t sender, const NotifyMessage& said) {
                               senders_.push_back(sender);
                               messages_.push_back(said);
                             })
                    .ok());
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
    Turn();
    EXPECT_EQ(::poll(&waiting, 1, 0), 1) << count;
    EXPECT_TRUE(messages_.back().barrier);
  }
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

TEST_F(NotifySocketTest, SaysWhatToDoWhereThereIsNoPlace) {
  const auto none = NotifySocket::Create({"/no/such/folder"}, "x");
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.status().message().find("/no/such/folder"),
            std::string_view::npos);
}

}  // namespace
}  // namespace reinit
