// Runs a test in separate namespaces, with other mounts or limits.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_OWN_WORLD_H_
#define REINIT_SUPERVISOR_WATCH_TREE_OWN_WORLD_H_

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace reinit {

// What `body` returns when it runs in a child of ours with these namespaces
// (CLONE_NEW*) of its own; nothing if those are not to be had.
inline std::optional<int> InOwnNamespaces(int flags,
                                          const std::function<int()>& body) {
  constexpr int kNotAllowed = 77;
  const pid_t pid = ::fork();
  if (pid == 0) {
    bool allowed = ::unshare(flags) == 0;
    if (allowed && (flags & CLONE_NEWNS) != 0) {
      allowed =
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    }
    ::_exit(allowed ? body() : kNotAllowed);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotAllowed) return std::nullopt;
  return WEXITSTATUS(status);
}

inline std::optional<int> WithOwnMounts(const std::function<int()>& body) {
  return InOwnNamespaces(CLONE_NEWNS, body);
}

// The same in a user namespace of which we are root, where `limit` (a name in
// /proc/sys/user, whose values count for each namespace by itself) is `value`.
// Never write to /proc/sys/fs/inotify: that is the whole machine's.
inline std::optional<int> WithLimit(std::string_view limit, int value,
                                    const std::function<int()>& body) {
  const uid_t uid = ::getuid();
  return InOwnNamespaces(CLONE_NEWUSER, [&] {
    std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
    std::ofstream file("/proc/sys/user/" + std::string(limit));
    file << value;
    file.close();
    return file.good() ? body() : 77;
  });
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_OWN_WORLD_H_
