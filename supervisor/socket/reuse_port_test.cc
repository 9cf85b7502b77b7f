#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/socket/listen_sockets.h"

namespace reinit {
namespace {

using Strings = std::vector<std::string>;

constexpr int kWorkers = 4;
constexpr char kFlag[] = "web=tcp://127.0.0.1:0?reuseport";
constexpr int kClients = 400;  // more than enough for each socket to get some
constexpr int kDeadline = 10'000;  // ms

// A connection of a client that waits for one byte.
class Client {
 public:
  explicit Client(int port)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address),
                           sizeof(address)) == 0;
  }
  bool connected() const { return connected_; }
  // The byte, or -errno.
  int Answer() const {
    pollfd wait = {fd_.get(), POLLIN, 0};
    if (::poll(&wait, 1, kDeadline) != 1) return -ETIMEDOUT;
    char byte = 0;
    const ssize_t got = ::recv(fd_.get(), &byte, 1, 0);
    if (got < 0) return -errno;
    return got == 0 ? -ENODATA : byte;
  }

 private:
  UniqueFd fd_;
  bool connected_ = false;
};

class ReusePortTest : public ::testing::Test {
 protected:
  ReusePortTest() { ::signal(SIGPIPE, SIG_IGN); }
  ~ReusePortTest() override {
    for (const pid_t pid : servers_) End(pid);
  }

  ListenSockets::Problems Open(const Strings& listen, int workers = kWorkers) {
    options_.sockets.clear();
    for (const std::string& text : listen) {
      options_.sockets.push_back(*ParseListenSpec(text));
    }
    Strings environment;
    sockets_ = std::make_unique<ListenSockets>();
    return sockets_->Open(&options_, ::getpid(), &environment, workers);
  }

  // What the process of `worker` gets as descriptor 3 and so on.
  std::vector<int> Passed(int worker) const {
    Strings argv;
    Strings environment;
    std::vector<PassedDescriptor> descriptors;
    sockets_->Pass(1, &argv, &environment, &descriptors, worker);
    std::vector<int> fds;
    for (size_t i = 0; i < descriptors.size(); ++i) {
      EXPECT_EQ(descriptors[i].as, 3 + static_cast<int>(i));
      fds.push_back(descriptors[i].fd);
    }
    return fds;
  }
  int Port() const { return sockets_->Listening().at(0).port; }
  // Whether a connection is in the queue of one worker.
  bool HasWaiting(int worker) const {
    pollfd look = {Passed(worker).at(0), POLLIN, 0};
    return ::poll(&look, 1, 0) == 1;
  }
  std::vector<Client> Connect(int count) const {
    std::vector<Client> clients;
    for (int i = 0; i < count; ++i) {
      clients.emplace_back(Port());
      EXPECT_TRUE(clients.back().connected());
    }
    return clients;
  }

  // A process that takes connections from the socket of `worker` and answers
  // each with `answer`; with `most` it then waits for its end. As a process
  // that was executed, it has no other socket.
  pid_t Serve(int worker, char answer, int most = -1) {
    const int fd = Passed(worker).at(0);
    std::set<int> others;
    for (int other = 1; other <= kWorkers; ++other) {
      for (const int one : Passed(other)) others.insert(one);
    }
    others.erase(fd);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // if the test is killed
      for (const int one : others) ::close(one);
      for (int i = 0; i != most; ++i) {
        const int connection = ::accept(fd, nullptr, nullptr);  // NOLINT
        if (connection < 0 || ::send(connection, &answer, 1, 0) != 1) continue;
        ::close(connection);
      }
      for (;;) ::pause();
    }
    servers_.insert(pid);
    return pid;
  }
  void Kill(pid_t pid) {
    servers_.erase(pid);
    End(pid);
  }

  ListenOptions options_;
  std::unique_ptr<ListenSockets> sockets_;

 private:
  static void End(pid_t pid) {
    ::kill(pid, SIGKILL);
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  }

  std::set<pid_t> servers_;
};

bool KernelMigrates() {
  std::ifstream file("/proc/sys/net/ipv4/tcp_migrate_req");
  int value = 0;
  return file >> value && value != 0;
}

TEST_F(ReusePortTest, EachWorkerHasASocketAtOnePort) {
  ASSERT_EQ(Open({kFlag, "all=tcp://127.0.0.1:0"}).errors, Strings());
  EXPECT_EQ(sockets_->size(), 2u);  // for each process
  std::set<int> own;
  std::set<int> shared;
  std::set<uint16_t> ports;
  std::set<ino_t> inodes;
  for (int worker = 1; worker <= kWorkers; ++worker) {
    const std::vector<int> fds = Passed(worker);
    ASSERT_EQ(fds.size(), 2u);
    own.insert(fds[0]);
    shared.insert(fds[1]);
    EXPECT_EQ(::fcntl(fds[0], F_GETFD), FD_CLOEXEC);
    const auto listening = sockets_->Listening(worker);
    ASSERT_EQ(listening.size(), 2u);
    EXPECT_EQ(listening[0].name, "web");
    ports.insert(listening[0].port);
    inodes.insert(listening[0].inode);
  }
  EXPECT_EQ(own.size(), size_t{kWorkers});
  EXPECT_EQ(inodes.size(), size_t{kWorkers});
  EXPECT_EQ(shared.size(), 1u);
  EXPECT_EQ(ports.size(), 1u);
  EXPECT_EQ(Passed(0), Passed(1));  // the only process
  EXPECT_EQ(sockets_->Listening().size(), 2u);
}

TEST_F(ReusePortTest, TwinWithoutReusePortThereIsOne) {
  ASSERT_EQ(Open({"web=tcp://127.0.0.1:0"}).errors, Strings());
  EXPECT_EQ(Passed(1), Passed(kWorkers));
}

TEST_F(ReusePortTest, ConnectionsSpreadAndAllCount) {
  ASSERT_EQ(Open({kFlag}).errors, Strings());
  const std::vector<Client> clients = Connect(kClients);
  for (int worker = 1; worker <= kWorkers; ++worker) {
    EXPECT_TRUE(HasWaiting(worker)) << worker;
  }
  const auto queues = sockets_->Queues();
  ASSERT_EQ(queues.size(), 1u);
  EXPECT_EQ(queues[0].length, uint32_t{kClients});
  ASSERT_TRUE(queues[0].waiting.has_value());
  EXPECT_EQ(queues[0].waiting->size(), size_t{kClients});
  for (int worker = 1; worker <= kWorkers; ++worker) {
    Serve(worker, static_cast<char>('0' + worker));
  }
  std::vector<int> taken(kWorkers);
  for (const Client& client : clients) {
    const int answer = client.Answer() - '1';
    ASSERT_GE(answer, 0);
    ASSERT_LT(answer, kWorkers);
    ++taken[static_cast<size_t>(answer)];
  }
  for (const int count : taken) EXPECT_GT(count, 0);
}

// One process of worker 2 takes some and is killed; the next one takes the
// rest, also those that came while there was none.
TEST_F(ReusePortTest, ARestartLosesNoQueuedConnection) {
  ASSERT_EQ(Open({kFlag}).errors, Strings());
  for (const int worker : {1, 3, 4}) Serve(worker, 'o');
  const pid_t first = Serve(2, 'a', /*most=*/1);
  std::vector<Client> clients = Connect(kClients);
  Kill(first);
  for (Client& client : Connect(kClients)) {
    clients.push_back(std::move(client));
  }
  Serve(2, 'b');
  int by_second = 0;
  int by_first = 0;
  for (const Client& client : clients) {
    const int answer = client.Answer();
    ASSERT_TRUE(answer == 'o' || answer == 'a' || answer == 'b') << answer;
    by_first += answer == 'a' ? 1 : 0;
    by_second += answer == 'b' ? 1 : 0;
  }
  EXPECT_LE(by_first, 1);
  EXPECT_GT(by_second, 0);
}

TEST_F(ReusePortTest, TwinASocketThatIsNotHeldLosesThem) {
  if (KernelMigrates()) GTEST_SKIP() << "net.ipv4.tcp_migrate_req is set";
  ASSERT_EQ(Open({kFlag}).errors, Strings());
  for (const int worker : {1, 3, 4}) Serve(worker, 'o');
  const pid_t first = Serve(2, 'a', /*most=*/1);
  const std::vector<Client> clients = Connect(kClients);
  sockets_->CloseSlot(2);
  Kill(first);
  const auto lost = std::count_if(
      clients.begin(), clients.end(),
      [](const Client& client) { return client.Answer() == -ECONNRESET; });
  EXPECT_GT(lost, 0);
}

TEST_F(ReusePortTest, AClosedSlotGetsNothingUntilItIsRenewed) {
  ASSERT_EQ(Open({kFlag}).errors, Strings());
  sockets_->CloseSlot(2);
  EXPECT_EQ(sockets_->Listening(2).size(), 0u);
  EXPECT_EQ(sockets_->Listening().size(), 1u);
  for (const int worker : {1, 3, 4}) Serve(worker, 'o');
  for (const Client& client : Connect(kClients)) {
    ASSERT_EQ(client.Answer(), 'o');
  }
  EXPECT_EQ(sockets_->Renew("", 3), Strings());
  EXPECT_EQ(sockets_->Listening(2).size(), 0u);
  EXPECT_EQ(sockets_->Renew("", 2), Strings());  // reinit closed it
  EXPECT_EQ(sockets_->Listening(2).at(0).port, Port());
  Serve(2, 'b');
  const std::vector<Client> clients = Connect(kClients);
  EXPECT_TRUE(
      std::any_of(clients.begin(), clients.end(),
                  [](const Client& one) { return one.Answer() == 'b'; }));
}

TEST_F(ReusePortTest, TheFirstSlotMayCloseToo) {
  ASSERT_EQ(Open({kFlag}).errors, Strings());
  const int port = Port();
  sockets_->CloseSlot(1);
  EXPECT_EQ(Port(), port);  // of the address
  EXPECT_EQ(sockets_->Renew("", 1), Strings());
  EXPECT_EQ(sockets_->Listening(1).at(0).port, port);
}

TEST_F(ReusePortTest, WhatAProcessShutDownIsMadeAgainForItsWorkerAlone) {
  ASSERT_EQ(Open({kFlag}).errors, Strings());
  ::shutdown(Passed(3)[0], SHUT_RDWR);
  EXPECT_EQ(sockets_->Listening(3).size(), 0u);
  EXPECT_EQ(sockets_->Listening(2).size(), 1u);
  EXPECT_EQ(sockets_->Renew("", 2), Strings());
  EXPECT_EQ(sockets_->Listening(3).size(), 0u);
  EXPECT_EQ(sockets_->Renew("", 3),
            Strings{absl::StrCat("--listen=", kFlag,
                                 ": it was shut down, and is there again")});
  EXPECT_EQ(sockets_->Listening(3).at(0).port, Port());
}

TEST_F(ReusePortTest, SlotsComeAndGo) {
  ASSERT_EQ(Open({kFlag, "all=tcp://127.0.0.1:0"}, 1).errors, Strings());
  EXPECT_EQ(sockets_->AddSlot(), Strings());
  EXPECT_NE(Passed(1)[0], Passed(2)[0]);
  EXPECT_EQ(Passed(1)[1], Passed(2)[1]);
  Serve(1, 'a');
  const pid_t second = Serve(2, 'b');
  std::set<int> answers;
  for (const Client& client : Connect(kClients)) {
    answers.insert(client.Answer());
  }
  EXPECT_EQ(answers, (std::set<int>{'a', 'b'}));
  Kill(second);
  sockets_->RemoveSlot();
  answers.clear();
  for (const Client& client : Connect(kClients)) {
    answers.insert(client.Answer());
  }
  EXPECT_EQ(answers, std::set<int>{'a'});
  EXPECT_EQ(sockets_->Listening(2).size(), 1u);  // what all have
  EXPECT_EQ(sockets_->Renew("", 2), Strings());
}

// A second reinit, of the same user, with the same flag.
TEST_F(ReusePortTest, AnAddressInUseIsAnError) {
  ASSERT_EQ(Open({kFlag}).errors, Strings());
  const std::string again =
      absl::StrCat("tcp://127.0.0.1:", Port(), "?reuseport");
  ListenOptions options;
  options.sockets = {*ParseListenSpec(again),
                     *ParseListenSpec("tcp://192.0.2.1:1?reuseport")};
  ListenSockets others;
  Strings none;
  EXPECT_EQ(
      others.Open(&options, ::getpid(), &none, kWorkers).errors,
      (Strings{absl::StrCat(
                   "--listen=", again,
                   ": the address is in use: another process listens on it"),
               "--listen=tcp://192.0.2.1:1?reuseport: no network interface "
               "here has this address"}));
}

TEST_F(ReusePortTest, ASlotThatCannotBeBoundIsNamedAndNothingIsAdded) {
  ASSERT_EQ(Open({kFlag, "b=tcp://127.0.0.1:0?reuseport"}, 1).errors,
            Strings());
  const int off = 0;
  // Somebody undid it, so nobody can join.
  ::setsockopt(Passed(1)[1], SOL_SOCKET, SO_REUSEPORT, &off, sizeof(off));
  EXPECT_EQ(sockets_->AddSlot(),
            Strings{"--listen=b=tcp://127.0.0.1:0?reuseport: the socket of "
                    "worker 2: the address is in use by a socket that does not "
                    "share it (SO_REUSEPORT)"});
  EXPECT_EQ(Passed(2)[0], -1);
  for (const Client& client : Connect(kClients)) {
    EXPECT_TRUE(client.connected());
  }
  EXPECT_EQ(sockets_->Queues()[0].length, uint32_t{kClients});
}

TEST_F(ReusePortTest, BothFamiliesOnOnePort) {
  ASSERT_EQ(Open({kFlag}).errors, Strings());
  const int port = Port();
  const auto problems =
      (sockets_.reset(),
       Open({absl::StrCat("tcp://[::]:", port, "?reuseport"),
             absl::StrCat("tcp://0.0.0.0:", port, "?reuseport")}));
  if (!problems.errors.empty() &&
      problems.errors[0].find("there is no IPv6 here") != std::string::npos) {
    GTEST_SKIP() << "no IPv6 here";
  }
  EXPECT_EQ(problems.errors, Strings());
  EXPECT_EQ(sockets_->Listening(kWorkers).size(), 2u);
}

}  // namespace
}  // namespace reinit
