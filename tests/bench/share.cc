// Measures how workers share a port: one queue for all, or one for each worker.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "reaper/unique_fd.h"
#include "supervisor/socket/listen_sockets.h"

namespace reinit {
namespace {

constexpr size_t kMaxWorkers = 64;
constexpr size_t kMaxOpen = 1000;  // connections of the client
constexpr int64_t kSecond = 1'000'000'000;

// How workers wait for a connection.
enum class How { kAccept, kEpoll, kExclusive, kReusePort };
struct HowRow {
  How how;
  const char* name;
};
constexpr HowRow kHows[] = {
    {How::kAccept, "one queue, blocking accept"},
    {How::kEpoll, "one queue, epoll"},
    {How::kExclusive, "one queue, EPOLLEXCLUSIVE"},
    {How::kReusePort, "reuseport, epoll"},
};

struct Load {
  size_t workers = 0;
  int64_t requests = 0;
  int64_t rate = 0;  // per second, at random times (Poisson)
  int64_t work = 0;  // of a worker for each request, in ns, asleep
};

// In memory that all processes see.
struct Counters {
  std::atomic<int64_t> returns;   // from accept or epoll_wait
  std::atomic<int64_t> accepted;  // connections
};

// What a worker answers.
struct Answer {
  int64_t worker;
  int64_t accepted_at;
};

struct Result {
  std::vector<int64_t> by_worker;
  std::vector<int64_t> waits;  // ns from connect to accept, sorted
  double returns = 0;          // for each connection
  double switches = 0;         // voluntary context switches, for each
};

int64_t Now() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

[[noreturn]] void Die(std::string_view what) {
  std::fprintf(stderr, "share: %.*s: %s\n", static_cast<int>(what.size()),
               what.data(), ::strerrordesc_np(errno));
  ::exit(1);
}

void Serve(int listener, int64_t worker, const Load& load, Counters* counters) {
  const UniqueFd connection(
      ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection.valid()) return;  // another worker took it
  const Answer answer = {worker, Now()};
  ++counters->accepted;
  if (load.work > 0) {
    const timespec work = {load.work / kSecond, load.work % kSecond};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &work, nullptr);
  }
  ::send(connection.get(), &answer, sizeof(answer), MSG_NOSIGNAL);
}

[[noreturn]] void Work(int listener, How how, int64_t worker, const Load& load,
                       Counters* counters) {
  if (how == How::kAccept) {
    for (;;) {
      Serve(listener, worker, load, counters);
      ++counters->returns;
    }
  }
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event = {};
  event.events = EPOLLIN;
  if (how == How::kExclusive) event.events |= EPOLLEXCLUSIVE;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listener, &event) != 0) {
    Die("epoll_ctl");
  }
  for (;;) {
    if (::epoll_wait(epoll.get(), &event, 1, -1) != 1) continue;
    ++counters->returns;
    Serve(listener, worker, load, counters);
  }
}

// How often a process has gone to sleep.
int64_t SwitchesOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(file, line);) {
    std::string_view rest = line;
    int64_t count = 0;
    if (absl::ConsumePrefix(&rest, "voluntary_ctxt_switches:") &&
        absl::SimpleAtoi(rest, &count)) {
      return count;
    }
  }
  return 0;
}

// Connects at random times, whether or not those before have their answer.
class Client {
 public:
  Client(int port, const Load& load)
      : port_(port),
        load_(load),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        pause_(static_cast<double>(load.rate)) {}

  void Run(Result* result) {
    int64_t next = Now();
    int64_t begun = 0;
    while (answered_ < load_.requests) {
      while (begun < load_.requests && open_ < kMaxOpen && Now() >= next) {
        Connect();
        ++begun;
        next += static_cast<int64_t>(pause_(random_) *
                                     static_cast<double>(kSecond));
      }
      const bool may_connect = begun < load_.requests && open_ < kMaxOpen;
      Wait(may_connect ? next - Now() : kSecond, result);
    }
  }

 private:
  void Connect() {
    const int fd =
        ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) Die("socket");
    // No TIME_WAIT, of which the ports would be used up.
    const linger reset = {.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto at = static_cast<size_t>(fd);
    if (at >= connections_.size()) connections_.resize(at + 1);
    connections_[at].began = Now();
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
            0 &&
        errno != EINPROGRESS) {
      Die("connect");
    }
    connections_[at].fd.reset(fd);
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      Die("epoll_ctl");
    }
    ++open_;
  }

  void Wait(int64_t time, Result* result) {
    time = std::max(time, int64_t{0});
    const timespec timeout = {time / kSecond, time % kSecond};
    epoll_event events[64];
    const int count =
        ::epoll_pwait2(epoll_.get(), events,
                       static_cast<int>(std::size(events)), &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
      Connection& one = connections_[static_cast<size_t>(events[i].data.fd)];
      Answer answer;
      if (::recv(one.fd.get(), &answer, sizeof(answer), 0) != sizeof(answer)) {
        Die("a connection was lost");
      }
      ++result->by_worker[static_cast<size_t>(answer.worker)];
      result->waits.push_back(answer.accepted_at - one.began);
      one.fd.reset();
      --open_;
      ++answered_;
    }
  }

  struct Connection {
    UniqueFd fd;
    int64_t began = 0;
  };

  const int port_;
  const Load load_;
  const UniqueFd epoll_;
  std::vector<Connection> connections_;  // by descriptor
  size_t open_ = 0;
  int64_t answered_ = 0;
  std::mt19937 random_{1};  // the same times for all
  std::exponential_distribution<> pause_;
};

// The descriptor that the process of `worker`, from 1, would get.
int Listener(const ListenSockets& sockets, int worker) {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::vector<PassedDescriptor> descriptors;
  sockets.Pass(1, &argv, &environment, &descriptors, worker);
  return descriptors.at(0).fd;
}

Result Measure(How how, const Load& load) {
  ListenOptions options;
  options.sockets = {*ParseListenSpec(how == How::kReusePort
                                          ? "tcp://127.0.0.1:0?reuseport"
                                          : "tcp://127.0.0.1:0")};
  ListenSockets sockets;
  std::vector<std::string> environment;
  const auto problems = sockets.Open(&options, ::getpid(), &environment,
                                     static_cast<int>(load.workers));
  if (!problems.errors.empty()) Die(problems.errors[0]);
  void* const shared =
      ::mmap(nullptr, sizeof(Counters) * kMaxWorkers, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) Die("mmap");
  auto* const counters = new (shared) Counters[kMaxWorkers]();
  std::vector<pid_t> pids;
  for (size_t i = 0; i < load.workers; ++i) {
    const int listener = Listener(sockets, static_cast<int>(i) + 1);
    if (how != How::kAccept) ::fcntl(listener, F_SETFL, O_RDWR | O_NONBLOCK);
    const pid_t pid = ::fork();
    if (pid < 0) Die("fork");
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      Work(listener, how, static_cast<int64_t>(i), load, &counters[i]);
    }
    pids.push_back(pid);
  }
  Result result;
  result.by_worker.resize(load.workers);
  Client(sockets.Listening().at(0).port, load).Run(&result);
  int64_t returns = 0;
  int64_t accepted = 0;
  int64_t switches = 0;
  for (size_t i = 0; i < load.workers; ++i) {
    switches += SwitchesOf(pids[i]);
    ::kill(pids[i], SIGKILL);
    ::waitpid(pids[i], nullptr, 0);
    returns += counters[i].returns;
    accepted += counters[i].accepted;
  }
  ::munmap(shared, sizeof(Counters) * kMaxWorkers);
  if (accepted != load.requests) Die("connections were lost");
  std::sort(result.waits.begin(), result.waits.end());
  const auto each = static_cast<double>(load.requests);
  result.returns = static_cast<double>(returns) / each;
  result.switches = static_cast<double>(switches) / each;
  return result;
}

void Print(const char* name, const Load& load, const Result& result) {
  const auto percent = [&](int64_t count) {
    return 100 * static_cast<double>(count) /
           static_cast<double>(load.requests);
  };
  const auto wait = [&](double part) {
    const auto last = static_cast<double>(result.waits.size() - 1);
    return static_cast<double>(result.waits[static_cast<size_t>(part * last)]) /
           1e6;
  };
  const auto [least, most] =
      std::minmax_element(result.by_worker.begin(), result.by_worker.end());
  std::printf(
      "| %-26s | %5.1f %% | %5.1f %% | %8.3f | %8.3f | %8.3f | %6.2f "
      "| %6.2f |\n",
      name, percent(*least), percent(*most), wait(0.5), wait(0.99), wait(1),
      result.returns, result.switches);
  std::fflush(stdout);
}

void Table(const Load& load) {
  std::printf(
      "\n%zu workers, %lld requests, %lld in a second, each takes a worker "
      "%.1f ms\n\n"
      "| %-26s | least   | most    | p50 (ms) | p99 (ms) | max (ms) | wakes  "
      "| sleeps |\n"
      "| -------------------------- | ------: | ------: | -------: | -------: "
      "| -------: | -----: | -----: |\n",
      load.workers, static_cast<long long>(load.requests),
      static_cast<long long>(load.rate), static_cast<double>(load.work) / 1e6,
      "sockets");
  for (const auto& [how, name] : kHows) Print(name, load, Measure(how, load));
}

int Run(int64_t requests) {
  std::printf(
      "least, most: of the requests, by one worker. p50, p99, max: the wait "
      "from connect to accept.\n"
      "wakes: returns from accept or epoll_wait for each connection. sleeps: "
      "voluntary context switches of workers\n"
      "for each connection, which also count those that find nothing in the "
      "kernel, and one for the work itself.\n");
  constexpr int64_t kMillisecond = 1'000'000;
  // Half of what 4 workers can do: 2 of 4 are busy at a random moment.
  Table(
      {.workers = 4, .requests = requests, .rate = 2000, .work = kMillisecond});
  // All wait for each.
  Table({.workers = 16, .requests = requests / 10, .rate = 500, .work = 0});
  return 0;
}

}  // namespace
}  // namespace reinit

int main(int argc, char** argv) {
  int64_t requests = 100'000;
  std::string_view argument = argc > 1 ? argv[1] : "";
  const bool given = absl::ConsumePrefix(&argument, "--requests=");
  if (argc > 2 ||
      (argc == 2 &&
       (!given || !absl::SimpleAtoi(argument, &requests) || requests < 10))) {
    std::fprintf(stderr, "usage: share [--requests=N], 10 or more\n");
    return 2;
  }
  return reinit::Run(requests);
}
