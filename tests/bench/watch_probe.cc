// What runs below a watcher while watch.py measures it, and the two bare loops
// that are the limit. Usage:
//   watch_probe child SOCKET
//       sends the time to a datagram socket as its first act, and waits
//   watch_probe events FOLDER QUIET_MS COMMAND...
//       restarts COMMAND after each event in FOLDER and QUIET_MS without one
//   watch_probe sweep FOLDER DELAY_MS COMMAND...
//       the same by one statx a file, relative to open folders, every DELAY_MS
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern char** environ;

namespace {

int Child(const char* path) {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t time = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  if (::sendto(fd, &time, sizeof(time), 0,
               reinterpret_cast<const sockaddr*>(&address),
               sizeof(address)) != sizeof(time)) {
    return 1;
  }
  for (;;) ::pause();
}

struct Folder {
  int fd;
  std::vector<std::string> files;
};

std::vector<Folder> Walk(const char* top) {
  std::vector<Folder> folders;
  std::vector<std::string> pending = {top};
  while (!pending.empty()) {
    const std::string path = std::move(pending.back());
    pending.pop_back();
    Folder folder = {::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                     {}};
    DIR* const listing = ::fdopendir(::dup(folder.fd));
    if (listing == nullptr) continue;
    while (const dirent* entry = ::readdir(listing)) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (entry->d_type == DT_DIR) {
        pending.push_back(path + "/" + entry->d_name);
      } else {
        folder.files.emplace_back(name);
      }
    }
    ::closedir(listing);
    folders.push_back(std::move(folder));
  }
  return folders;
}

pid_t Restart(pid_t pid, char** command) {
  if (pid > 0) {
    ::kill(pid, SIGTERM);
    ::waitpid(pid, nullptr, 0);
  }
  pid_t started = 0;
  return ::posix_spawn(&started, command[0], nullptr, nullptr, command,
                       environ) == 0
             ? started
             : -1;
}

void Drain(int fd) {
  char buffer[64 * 1024];
  while (::read(fd, buffer, sizeof(buffer)) > 0) {
  }
}

int Events(const char* top, int quiet_ms, char** command) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  for (const Folder& folder : Walk(top)) {
    const std::string path = "/proc/self/fd/" + std::to_string(folder.fd);
    ::inotify_add_watch(fd, path.c_str(),
                        IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVE);
    ::close(folder.fd);
  }
  pollfd polled = {fd, POLLIN, 0};
  for (pid_t pid = Restart(0, command);; pid = Restart(pid, command)) {
    ::poll(&polled, 1, -1);
    do {
      Drain(fd);
    } while (::poll(&polled, 1, quiet_ms) > 0);
  }
}

int Sweep(const char* top, int delay_ms, char** command) {
  const std::vector<Folder> folders = Walk(top);
  std::vector<std::pair<int64_t, int64_t>> stamps;
  for (pid_t pid = 0;; ::poll(nullptr, 0, delay_ms)) {
    bool changed = false;
    size_t at = 0;
    for (const Folder& folder : folders) {
      for (const std::string& file : folder.files) {
        struct statx st = {};
        ::statx(folder.fd, file.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
                &st);
        const std::pair<int64_t, int64_t> stamp = {st.stx_mtime.tv_sec,
                                                   st.stx_mtime.tv_nsec};
        if (at == stamps.size()) stamps.emplace_back();
        changed |= std::exchange(stamps[at++], stamp) != stamp;
      }
    }
    if (changed) pid = Restart(pid, command);
  }
}

}  // namespace

int main(int argc, char** argv) {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "child" && argc == 3) return Child(argv[2]);
  if (what == "events" && argc > 4) {
    return Events(argv[2], std::atoi(argv[3]), argv + 4);
  }
  if (what == "sweep" && argc > 4) {
    return Sweep(argv[2], std::atoi(argv[3]), argv + 4);
  }
  return 2;
}
