// Helps tests that fork: runs a function in a child, makes pipes, waits with a
// deadline, reads /proc. For processes with one thread only.
#ifndef REINIT_REAPER_TEST_PROCESS_H_
#define REINIT_REAPER_TEST_PROCESS_H_

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "absl/functional/function_ref.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"

namespace reinit {

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

// Forks a child that calls `body` and ends with what that returns. Whatever it
// does to signals, limits and descriptors ends with it.
inline pid_t Fork(absl::FunctionRef<int()> body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int code = body();
    std::fflush(nullptr);
    ::_exit(code);
  }
  EXPECT_GT(pid, 0);
  return pid;
}

// The status word of `pid` once it has ended.
inline int WaitStatus(pid_t pid) {
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return status;
}

// From here on this system call fails with `error`, in what is executed too.
inline void RefuseCall(int number, int error) {
  sock_filter lines[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K,
               SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {std::size(lines), lines};
  EXPECT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  EXPECT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

// Until `pid` has ended, which leaves it to be reaped.
inline void AwaitZombie(pid_t pid) {
  siginfo_t info = {};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT),
            0);
}

// Runs assertions in a child; the test fails if one of them does.
inline void InChild(absl::FunctionRef<void()> body) {
  const pid_t pid = Fork([&] {
    body();
    return testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(WaitStatus(pid), 0) << "status word of the forked child";
}

// Whether `fd` can be read, or has ended, within the time that a test has.
inline bool AwaitReadable(int fd) {
  pollfd wanted = {fd, POLLIN, 0};
  return ::poll(&wanted, 1, 30'000) == 1;
}

// Everything up to the end of file.
inline std::string ReadToEnd(int fd) {
  std::string result;
  char buffer[4096];
  while (AwaitReadable(fd)) {
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got <= 0) return result;
    result.append(buffer, static_cast<size_t>(got));
  }
  ADD_FAILURE() << "no end of file";
  return result;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// The value of one line of a /proc/PID/status text; "" if it has none.
inline std::string StatusField(const std::string& status,
                               const std::string& name) {
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(name + ":\t", 0) == 0) return line.substr(name.size() + 2);
  }
  return "";
}

}  // namespace reinit

#endif  // REINIT_REAPER_TEST_PROCESS_H_
