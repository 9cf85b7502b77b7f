// What the processes below an init do while peers.py measures it. Usage:
//   peer_probe receive FD        a child: writes the time of each SIGUSR1 to FD
//   peer_probe send PID COUNT FD sends that many to PID, one after the other;
//                                prints median and 99th percentile, in ns
//   peer_probe orphans COUNT     a child: makes COUNT orphans and waits until
//                                the last is reaped; prints the time, in ns
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <vector>

namespace {

int64_t Now() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int Receive(int fd) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  // The first time tells that it is ready.
  for (int64_t now = Now();; now = Now()) {
    if (::write(fd, &now, sizeof(now)) != sizeof(now)) return 1;
    if (::sigwaitinfo(&set, nullptr) < 0) return 1;
  }
}

int Send(pid_t pid, int count, int fd) {
  std::vector<int64_t> times;
  int64_t received = 0;
  for (int i = 0; i < count; ++i) {
    const int64_t sent = Now();
    if (::kill(pid, SIGUSR1) != 0) return 1;
    if (::read(fd, &received, sizeof(received)) != sizeof(received)) return 1;
    times.push_back(received - sent);
  }
  std::sort(times.begin(), times.end());
  std::printf("%lld %lld\n", static_cast<long long>(times[times.size() / 2]),
              static_cast<long long>(times[times.size() * 99 / 100]));
  return 0;
}

// Each is the child of a process that has ended, and ends itself at once.
int Orphans(int count) {
  constexpr int kPerParent = 100;
  const int64_t began = Now();
  std::vector<pid_t> orphans;
  for (int made = 0; made < count; made += kPerParent) {
    int ends[2];
    if (::pipe(ends) != 0) return 1;
    const pid_t parent = ::fork();
    if (parent == 0) {
      pid_t children[kPerParent];
      for (pid_t& child : children) {
        child = ::fork();
        if (child == 0) ::_exit(0);
      }
      ::_exit(::write(ends[1], children, sizeof(children)) < 0 ? 1 : 0);
    }
    pid_t children[kPerParent];
    if (::read(ends[0], children, sizeof(children)) != sizeof(children)) {
      return 1;
    }
    orphans.insert(orphans.end(), std::begin(children), std::end(children));
    ::close(ends[0]);
    ::close(ends[1]);
    ::waitpid(parent, nullptr, 0);
  }
  const timespec moment = {0, 50'000};
  for (const pid_t orphan : orphans) {
    while (::kill(orphan, 0) == 0) ::nanosleep(&moment, nullptr);
  }
  std::printf("%lld\n", static_cast<long long>(Now() - began));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "receive" && argc == 3) return Receive(std::atoi(argv[2]));
  if (what == "send" && argc == 5) {
    return Send(std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]));
  }
  if (what == "orphans" && argc == 3) return Orphans(std::atoi(argv[2]));
  return 2;
}
