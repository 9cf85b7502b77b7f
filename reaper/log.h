// One bounded line per event on stderr, written so that PID 1 can never hang.
#ifndef REINIT_REAPER_LOG_H_
#define REINIT_REAPER_LOG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace reinit {

enum class LogLevel { kError, kWarning, kInfo, kDebug };

// Where log lines go. Owned by main, handed down by pointer, one thread.
//
// A full stderr pipe whose reader has stopped makes `tini -v` and
// `dumb-init -v` hang for ever, so a line is written without blocking or it is
// dropped and counted; the next line that gets through says how many were.
class Log {
 public:
  virtual ~Log() = default;

  // Appends a newline. Control characters in `line` are shown as \xNN, and what
  // exceeds kMaxLine bytes is cut. Never blocks, never fails.
  virtual void Write(LogLevel level, std::string_view line) = 0;

  // Whether a line of this level would be written: ask before building a
  // costly one.
  virtual bool Enabled(LogLevel level) const = 0;

  // Clears the terminal that the lines go to.
  virtual void ClearTerminal() = 0;

  static constexpr size_t kMaxLine = 2000;
};

// Writes to descriptor 2 as `reinit: text`.
class StderrLog : public Log {
 public:
  explicit StderrLog(LogLevel level) : level_(level) {}
  StderrLog(const StderrLog&) = delete;
  StderrLog& operator=(const StderrLog&) = delete;

  void Write(LogLevel level, std::string_view line) override;
  bool Enabled(LogLevel level) const override { return level <= level_; }
  void ClearTerminal() override;
  void set_level(LogLevel level) { level_ = level; }

  // Lines that could not be written so far and were not yet reported.
  uint64_t dropped() const { return dropped_; }

 private:
  LogLevel level_;
  uint64_t dropped_ = 0;
};

// Writes `text` to `fd` in one attempt that cannot block, whatever is behind
// it. True if all was written. For lines that are not of reinit's own form.
bool WriteWithoutBlocking(int fd, std::string_view text);

// Makes bytes of any origin (file names above all) fit for one log line.
std::string EscapeForLog(std::string_view bytes);

}  // namespace reinit

#endif  // REINIT_REAPER_LOG_H_
