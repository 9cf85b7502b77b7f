#include "reaper/log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "reaper/log_json.h"
#include "reaper/unique_fd.h"

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
  if (::fstat(fd, &info) != 0) return false;
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
  const UniqueFd own(::open(absl::StrCat("/proc/self/fd/", fd).c_str(),
                            O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  return own.valid() && ::write(own.get(), text.data(), text.size()) == size;
}

std::string EscapeForLog(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string result;
  result.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      result += "\\x";
      result += kHex[byte >> 4];
      result += kHex[byte & 15];
    } else {
      result += c;
    }
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
  // Home, then the screen. What the last run said stays in the scrollback.
  WriteWithoutBlocking(STDERR_FILENO, "\033[H\033[2J");
}

}  // namespace reinit
