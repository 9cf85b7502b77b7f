// Makes a folder for tests to change.
#ifndef REINIT_SUPERVISOR_WATCH_WATCHED_FOLDER_H_
#define REINIT_SUPERVISOR_WATCH_WATCHED_FOLDER_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"

namespace reinit {

// Its own fresh directory, removed at the end; names are relative to it.
class WatchedFolder {
 public:
  WatchedFolder() {
    const char* const base = std::getenv("TEST_TMPDIR");
    path_ = absl::StrCat(base != nullptr ? base : "/tmp", "/watched.XXXXXX");
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~WatchedFolder() { std::filesystem::remove_all(path_); }
  WatchedFolder(const WatchedFolder&) = delete;
  WatchedFolder& operator=(const WatchedFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string Path(std::string_view name) const {
    return absl::StrCat(path_, "/", name);
  }

  void Write(std::string_view name, std::string_view text,
             int flags = O_TRUNC) const {
    const UniqueFd fd(::open(Path(name).c_str(),
                             O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644));
    EXPECT_TRUE(fd.valid()) << name;
    EXPECT_EQ(::write(fd.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  void Append(std::string_view name, std::string_view text) const {
    Write(name, text, O_APPEND);
  }
  void MakeDirectory(std::string_view name) const {
    std::filesystem::create_directories(Path(name));
  }
  void Rename(std::string_view from, std::string_view to) const {
    EXPECT_EQ(::rename(Path(from).c_str(), Path(to).c_str()), 0) << from;
  }
  void Remove(std::string_view name) const {
    EXPECT_GT(std::filesystem::remove_all(Path(name)), 0U) << name;
  }
  void Link(std::string_view target, std::string_view name) const {
    EXPECT_EQ(::symlink(std::string(target).c_str(), Path(name).c_str()), 0)
        << name;
  }
  void SetTime(std::string_view name, time_t seconds) const {
    const timespec times[2] = {{seconds, 0}, {seconds, 0}};
    EXPECT_EQ(::utimensat(AT_FDCWD, Path(name).c_str(), times, 0), 0) << name;
  }

  // Returns once the file system's clock, which older kernels move every few
  // milliseconds only, has passed everything made so far; then even a change
  // that leaves size and mtime alone gives another ctime.
  void NextTick() const {
    const std::string probe = absl::StrCat(path_, ".tick");
    timespec first = {};
    for (;;) {
      const UniqueFd fd(
          ::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      struct stat st;
      EXPECT_EQ(::fstat(fd.get(), &st), 0);
      EXPECT_EQ(::unlink(probe.c_str()), 0);
      if (first.tv_sec == 0) first = st.st_ctim;
      if (st.st_ctim.tv_sec != first.tv_sec ||
          st.st_ctim.tv_nsec / 20'000'000 != first.tv_nsec / 20'000'000) {
        return;
      }
    }
  }

 private:
  std::string path_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_WATCHED_FOLDER_H_
