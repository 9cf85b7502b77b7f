// What watch.py measures with. Usage:
//   watch_probe child SOCKET               sends CLOCK_MONOTONIC in ns to the
//                                          datagram socket as its first act
//   watch_probe inotify QUIET DIR SOCKET   the least that a watcher can do:
//   watch_probe statx INTERVAL DIR SOCKET  notice a change below DIR, kill the
//                                          child and start it anew (times in
//                                          ms); neither sees new folders
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
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

int Child(const char* path) {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t stamp = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  std::strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (::sendto(fd, &stamp, sizeof(stamp), 0, reinterpret_cast<sockaddr*>(&to),
               sizeof(to)) != sizeof(stamp)) {
    return 1;
  }
  for (;;) ::pause();
}

pid_t Spawn(const char* socket) {
  char self[] = "/proc/self/exe";
  char mode[] = "child";
  char* const arguments[] = {self, mode, const_cast<char*>(socket), nullptr};
  pid_t pid = -1;
  if (::posix_spawn(&pid, self, nullptr, nullptr, arguments, environ) != 0) {
    std::exit(1);
  }
  return pid;
}

pid_t Restart(pid_t old, const char* socket) {
  ::kill(old, SIGTERM);
  ::waitpid(old, nullptr, 0);
  return Spawn(socket);
}

struct Folder {
  int fd = -1;
  std::vector<std::string> files;
  std::vector<int64_t> stamps;
};

// `path` and all below it, with the names of the files if `keep`, else only
// a watch on each.
void Walk(const std::string& path, int inotify, std::vector<Folder>* keep) {
  DIR* const dir = ::opendir(path.c_str());
  if (dir == nullptr) return;
  if (inotify >= 0) {
    ::inotify_add_watch(
        inotify, path.c_str(),
        IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO);
  }
  Folder folder;
  std::vector<std::string> below;
  while (const dirent* const entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entry->d_type == DT_DIR) {
      below.push_back(path + "/" + entry->d_name);
    } else if (keep != nullptr) {
      folder.files.emplace_back(name);
    }
  }
  ::closedir(dir);
  if (keep != nullptr) {
    folder.fd = ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    folder.stamps.resize(folder.files.size());
    keep->push_back(std::move(folder));
  }
  for (const std::string& next : below) Walk(next, inotify, keep);
}

int Inotify(int quiet_ms, const char* path, const char* socket) {
  const int fd = ::inotify_init1(IN_CLOEXEC);
  Walk(path, fd, nullptr);
  pid_t child = Spawn(socket);
  alignas(inotify_event) static char events[65536];
  while (::read(fd, events, sizeof(events)) > 0) {
    pollfd more = {fd, POLLIN, 0};
    while (quiet_ms > 0 && ::poll(&more, 1, quiet_ms) > 0) {
      if (::read(fd, events, sizeof(events)) <= 0) return 1;
    }
    child = Restart(child, socket);
  }
  return 1;
}

// Whether a file has another time than at the last sweep.
bool Sweep(std::vector<Folder>& folders) {
  bool changed = false;
  for (Folder& folder : folders) {
    for (size_t i = 0; i < folder.files.size(); ++i) {
      struct statx found = {};
      ::statx(folder.fd, folder.files[i].c_str(),
              AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, STATX_BASIC_STATS,
              &found);
      const int64_t stamp =
          found.stx_mtime.tv_sec * 1'000'000'000 + found.stx_mtime.tv_nsec;
      changed |= folder.stamps[i] != stamp;
      folder.stamps[i] = stamp;
    }
  }
  return changed;
}

int Statx(int interval_ms, const char* path, const char* socket) {
  rlimit files = {};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  std::vector<Folder> folders;
  Walk(path, -1, &folders);
  Sweep(folders);
  pid_t child = Spawn(socket);
  for (;;) {
    ::poll(nullptr, 0, interval_ms);
    if (Sweep(folders)) child = Restart(child, socket);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "child" && argc == 3) return Child(argv[2]);
  if (mode == "inotify" && argc == 5) {
    return Inotify(std::atoi(argv[2]), argv[3], argv[4]);
  }
  if (mode == "statx" && argc == 5) {
    return Statx(std::atoi(argv[2]), argv[3], argv[4]);
  }
  std::fputs("watch_probe: see watch.py\n", stderr);
  return 2;
}
