#include "reaper/log.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "reaper/log_json.h"
#include "reaper/unique_fd.h"
#include "reaper/value/json_text.h"

namespace reinit {

std::string_view ToString(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "error";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kDebug:
      return "debug";
  }
  return "";
}
bool WriteWithoutBlocking(int fd, std::string_view text) {
  const auto size = static_cast<ssize_t>(text.size());
  struct stat info = {};
  // Where the type is not known, the file is written as a pipe is.
  if (::fstat(fd, &info) != 0) info = {};
  if (S_ISREG(info.st_mode)) {
    return ::write(fd, text.data(), text.size()) == size;
  }
  if (S_ISSOCK(info.st_mode)) {
    return ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
           size;
  }
  // poll-then-write would still block when the child fills the pipe in between,
  // and O_NONBLOCK would be shared with whoever else holds this description.
  iovec part = {const_cast<char*>(text.data()), text.size()};
  const ssize_t written = ::pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
  if (written >= 0) return written == size;
  if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return false;
  // Terminals: a description of our own, which may be non-blocking.
  char path[32];
  std::snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  const UniqueFd own(
      ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  return own.valid() && ::write(own.get(), text.data(), text.size()) == size;
}

std::string EscapeForLog(std::string_view bytes) {
  std::string result;
  result.reserve(bytes.size());
  while (!bytes.empty()) {
    size_t size = 0;
    const std::string character = NextText(bytes, &size);
    if (IsControl(bytes.substr(0, size))) {
      for (const char c : bytes.substr(0, size)) result += HexText("\\x", c);
    } else {
      result += character;
    }
    bytes.remove_prefix(size);
  }
  return result;
}

decltype(LogField::value) LogMillis(std::optional<absl::Duration> duration) {
  if (!duration.has_value()) return {};
  return absl::ToInt64Milliseconds(*duration);
}

void StderrLog::Write(LogLevel level, std::string_view line) {
  Event(level, "message", line, {});
}

void StderrLog::Event(LogLevel level, std::string_view event,
                      std::string_view line,
                      absl::Span<const LogField> fields) {
  if (!Enabled(level)) return;
  unread_ = unread_ || level <= LogLevel::kWarning;
  const std::string text =
      format_ == LogFormat::kJson
          ? JsonLogLine(absl::ToUnixMillis(absl::Now()), level, event, line,
                        fields, dropped_)
          : TextLine(line);
  if (WriteWithoutBlocking(STDERR_FILENO, text)) {
    dropped_ = 0;
  } else {
    ++dropped_;
  }
}

std::string StderrLog::TextLine(std::string_view line) const {
  std::string text;
  if (dropped_ > 0) {
    text =
        absl::StrCat("reinit: (", dropped_, " lines before this were lost)\n");
  }
  std::string escaped = EscapeForLog(line);
  if (escaped.size() > kMaxLine) escaped.resize(kMaxLine);
  absl::StrAppend(&text, "reinit: ", escaped, "\n");
  return text;
}

void StderrLog::ClearTerminal() {
  if (format_ == LogFormat::kJson) return;
  // Not even a later start erases it: by then it is in the scrollback.
  if (std::exchange(unread_, false)) return;
  std::string text;
  winsize size = {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
    // To the last row, and what is shown goes up into the scrollback, which
    // many terminals do not do for what is erased.
    text =
        absl::StrCat("\033[", size.ws_row, "H", std::string(size.ws_row, '\n'));
  }
  WriteWithoutBlocking(STDERR_FILENO, absl::StrCat(text, "\033[H\033[2J"));
}

}  // namespace reinit
