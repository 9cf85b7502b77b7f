// Writes one bounded line per event to stderr, so that PID 1 can never hang.
#ifndef REINIT_REAPER_LOG_H_
#define REINIT_REAPER_LOG_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace reinit {

enum class LogLevel { kError, kWarning, kInfo, kDebug };
// As --log-level has it.
std::string_view ToString(LogLevel level);

enum class LogFormat { kText, kJson };

// A value beside the words of a line, for programs that read the log. One
// without a value, or with an empty text, is not written.
struct LogField {
  std::string_view key;
  std::variant<std::monostate, int64_t, std::string_view> value;
};

// In whole milliseconds: {"settled_ms", LogMillis(settled)}.
decltype(LogField::value) LogMillis(std::optional<absl::Duration> duration);

// Where log lines go. Owned by main, handed down by pointer, one thread.
//
// A full stderr pipe whose reader has stopped makes `tini -v` and
// `dumb-init -v` hang for ever, so a line is written without blocking or it is
// dropped and counted; the next line that gets through says how many were.
class Log {
 public:
  virtual ~Log() = default;

  // Appends a newline. Control characters in `line` are shown as \xNN, and what
  // exceeds kMaxLine bytes is cut. Waits for no reader, never fails.
  virtual void Write(LogLevel level, std::string_view line) = 0;

  // The same for an event that has a name; the fields are for the formats that
  // know any. Names and keys are documented (docs/operating.md), so they stay.
  virtual void Event(LogLevel level, std::string_view event,
                     std::string_view line,
                     absl::Span<const LogField> fields) = 0;

  // Whether a line of this level would be written: ask before building a
  // costly one.
  virtual bool Enabled(LogLevel level) const = 0;

  // Clears the terminal that the lines go to, unless a warning or an error has
  // been written since it was cleared last.
  virtual void ClearTerminal() = 0;

  static constexpr size_t kMaxLine = 2000;
};

// Writes to descriptor 2 as `reinit: text`, or as one JSON object a line.
class StderrLog : public Log {
 public:
  explicit StderrLog(LogLevel level, LogFormat format = LogFormat::kText)
      : level_(level), format_(format) {}
  StderrLog(const StderrLog&) = delete;
  StderrLog& operator=(const StderrLog&) = delete;

  void Write(LogLevel level, std::string_view line) override;
  void Event(LogLevel level, std::string_view event, std::string_view line,
             absl::Span<const LogField> fields) override;
  bool Enabled(LogLevel level) const override { return level <= level_; }
  void ClearTerminal() override;
  void set_level(LogLevel level) { level_ = level; }

  // Lines that could not be written so far and were not yet reported.
  uint64_t dropped() const { return dropped_; }

 private:
  std::string TextLine(std::string_view line) const;

  LogLevel level_;
  const LogFormat format_;
  uint64_t dropped_ = 0;
  bool unread_ = false;  // a warning was written since ClearTerminal
};

// Writes `text` to `fd` in one attempt that waits for no reader, and without
// allocating memory. True if all was written. For lines that are not of
// reinit's own form. A hung file system can still hold it up in two ways, which
// docs/design.md describes.
bool WriteWithoutBlocking(int fd, std::string_view text);

// Makes bytes of any origin (file names above all) fit for one log line.
std::string EscapeForLog(std::string_view bytes);

}  // namespace reinit

#endif  // REINIT_REAPER_LOG_H_
