// What the processes below an init do while peers.py measures it. Usage:
//   peer_probe receive FD        a child: writes the time of each SIGUSR1 to FD
//   peer_probe send PID COUNT FD sends that many to PID, one after the other;
//                                prints median and 99th percentile, in ns
//   peer_probe orphans COUNT     a child: writes a line, reads a line, makes
//                                COUNT orphans, waits until the last is reaped,
//                                prints the time in ns, and stays
//   peer_probe start COUNT COMMAND...
//                                runs the command COUNT times; prints the
//                                median and the 10th percentile in ns, and per
//                                run the minor page faults and the instructions
//                                in user mode, or the reason why these are not
//                                counted
#include <linux/perf_event.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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
  char go = 0;
  if (::write(STDOUT_FILENO, "\n", 1) != 1) return 1;
  if (::read(STDIN_FILENO, &go, 1) != 1) return 1;
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
  std::fflush(stdout);
  // The init's own figures are read now, so the init must not end.
  for (;;) ::pause();
}

// Counts the instructions in user mode of the programs that this process starts
// and of all below them.
class InstructionCounter {
 public:
  // enable_on_exec would leave out this process's own, but Linux 6.18 counts
  // nothing then in a child that inherits it: so they are taken off.
  InstructionCounter() : all_(Open(true)), own_(Open(false)) {
    if (all_ < 0 || own_ < 0) error_ = errno;
  }

  // 0 where the machine has no such counter.
  int64_t Read() const { return ReadOne(all_) - ReadOne(own_); }

  // Why there is no counter; 0 if there is one.
  int error() const { return error_; }

 private:
  static int Open(bool inherit) {
    perf_event_attr event = {};
    event.size = sizeof(event);
    event.type = PERF_TYPE_HARDWARE;
    event.config = PERF_COUNT_HW_INSTRUCTIONS;
    event.inherit = inherit ? 1 : 0;
    event.exclude_kernel = 1;
    return static_cast<int>(::syscall(SYS_perf_event_open, &event, 0, -1, -1,
                                      PERF_FLAG_FD_CLOEXEC));
  }

  static int64_t ReadOne(int fd) {
    int64_t count = 0;
    return ::read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
  }

  int all_;
  int own_;
  int error_ = 0;
};

// Runs the command to its end; false if it cannot be started.
bool RunOnce(char** command, int64_t* took, int64_t* faults) {
  pid_t pid = -1;
  int status = 0;
  rusage used = {};
  const int64_t began = Now();
  const int error =
      ::posix_spawn(&pid, command[0], nullptr, nullptr, command, environ);
  if (error != 0) {
    std::fprintf(stderr, "%s: %s\n", command[0], std::strerror(error));
    return false;
  }
  if (::wait4(pid, &status, 0, &used) != pid) return false;
  *took = Now() - began;
  *faults = used.ru_minflt;
  return status == 0;
}

int Start(int count, char** command) {
  constexpr int kUncounted = 2;
  const InstructionCounter instructions;
  std::vector<int64_t> times;
  int64_t all_faults = 0;
  int64_t before = 0;
  for (int i = -kUncounted; i < count; ++i) {
    int64_t took = 0;
    int64_t faults = 0;
    if (i == 0) before = instructions.Read();
    if (!RunOnce(command, &took, &faults)) return 1;
    if (i < 0) continue;
    times.push_back(took);
    all_faults += faults;
  }
  const int64_t executed = instructions.Read() - before;
  std::sort(times.begin(), times.end());
  std::printf("%lld %lld %.2f ", static_cast<long long>(times[count / 2]),
              static_cast<long long>(times[count / 10]),
              static_cast<double>(all_faults) / count);
  if (instructions.error() != 0) {
    std::printf("perf_event_open: %s\n", std::strerror(instructions.error()));
  } else {
    std::printf("%.0f\n", static_cast<double>(executed) / count);
  }
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
  if (what == "start" && argc >= 4 && std::atoi(argv[2]) > 0) {
    return Start(std::atoi(argv[2]), argv + 3);
  }
  return 2;
}
