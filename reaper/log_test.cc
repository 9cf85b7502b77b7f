#include "reaper/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/leak_check.h"
#include "reaper/test_process.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// More than any pipe, socket or terminal here holds.
constexpr int kTooMany = 100'000;

class LogTest : public LeakCheck {
 protected:
  // Makes `fd` descriptor 2 for this test; -1 closes it.
  LogTest() : old_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100)) {
    ::signal(SIGPIPE, SIG_IGN);  // blocked in the real thing
  }
  ~LogTest() override {
    if (old_.valid()) ::dup2(old_.get(), STDERR_FILENO);
    ::signal(SIGPIPE, SIG_DFL);
  }
  static void Stderr(int fd) {
    if (fd >= 0)
      ASSERT_EQ(::dup2(fd, STDERR_FILENO), STDERR_FILENO);
    else
      ::close(STDERR_FILENO);
  }
  // Writes until a line is dropped. That this returns is the test.
  static void Fill(StderrLog& log) {
    for (int i = 0; i < kTooMany && log.dropped() == 0; ++i)
      log.Write(LogLevel::kInfo, absl::StrCat("line ", i));
    EXPECT_EQ(log.dropped(), 1u);
  }
  // What can be read at once.
  static std::string Drain(int fd) {
    std::string result;
    char buffer[65536];
    pollfd wanted = {fd, POLLIN, 0};
    while (::poll(&wanted, 1, 0) == 1) {
      const ssize_t got = ::read(fd, buffer, sizeof(buffer));
      if (got <= 0) break;
      result.append(buffer, static_cast<size_t>(got));
    }
    return result;
  }
  // Every line is whole: nothing was cut in the middle.
  static void ExpectWholeLines(std::string_view text) {
    ASSERT_FALSE(text.empty());
    EXPECT_EQ(text.back(), '\n');
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      EXPECT_THAT(std::string(line), StartsWith("reinit: "));
      text.remove_prefix(line.size() + 1);
    }
  }
  // The rule for everything that fills up: Write returns, drops are counted,
  // and after draining the next line says how many.
  static void FillAndDrain(int reader) {
    StderrLog log(LogLevel::kInfo);
    Fill(log);
    for (int i = 0; i < 10; ++i) log.Write(LogLevel::kError, "lost as well");
    EXPECT_EQ(log.dropped(), 11u);
    ExpectWholeLines(Drain(reader));
    log.Write(LogLevel::kInfo, "here again");
    EXPECT_EQ(log.dropped(), 0u);
    EXPECT_EQ(Drain(reader),
              "reinit: (11 lines before this were lost)\n"
              "reinit: here again\n");
    log.Write(LogLevel::kInfo, "and on");
    EXPECT_EQ(Drain(reader), "reinit: and on\n");
  }

 private:
  const UniqueFd old_;
};

TEST(EscapeForLog, LeavesTextAlone) {
  EXPECT_EQ(EscapeForLog(""), "");
  EXPECT_EQ(EscapeForLog("plain /path \"x\" ~"), "plain /path \"x\" ~");
  EXPECT_EQ(EscapeForLog("grüße 日本"), "grüße 日本");
}

TEST(EscapeForLog, EveryByte) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const std::string escaped = EscapeForLog({&c, 1});
    // Alone, one above 0x7f is no UTF-8; a terminal may take it for C1.
    if (byte < 0x20 || byte >= 0x7f) {
      char expected[8];
      std::snprintf(expected, sizeof(expected), "\\x%02x", byte);
      EXPECT_EQ(escaped, expected);
    } else {
      EXPECT_EQ(escaped, std::string(1, c));
    }
  }
}

// A terminal obeys U+0080 to U+009F as it does escape sequences.
TEST(EscapeForLog, TheUpperControlCharacters) {
  for (int byte = 0x80; byte < 0xc0; ++byte) {
    const std::string text = {'\xc2', static_cast<char>(byte)};
    char expected[16];
    std::snprintf(expected, sizeof(expected), "\\xc2\\x%02x", byte);
    EXPECT_EQ(EscapeForLog(text), byte < 0xa0 ? expected : text);
  }
}

TEST_F(LogTest, JsonIsNeverBlockedEither) {
  Pipe pipe;
  Stderr(pipe.write.get());
  StderrLog log(LogLevel::kInfo, LogFormat::kJson);
  Fill(log);
  log.Write(LogLevel::kDebug, "not wanted, so not lost");
  Drain(pipe.read.get());
  log.Event(LogLevel::kInfo, "ready", "here again", {{"pid", 7}});
  const std::string line = Drain(pipe.read.get());
  EXPECT_THAT(line, StartsWith("{\"time\":\"2"));
  EXPECT_THAT(line, HasSubstr("\"event\":\"ready\",\"msg\":\"here again\","
                              "\"lost\":1,\"pid\":7}\n"));
  log.ClearTerminal();
  EXPECT_EQ(Drain(pipe.read.get()), "");
}

TEST_F(LogTest, TextHasNoFields) {
  Pipe pipe;
  Stderr(pipe.write.get());
  StderrLog log(LogLevel::kInfo);
  log.Event(LogLevel::kInfo, "ready", "ready after 2 ms", {{"pid", 7}});
  EXPECT_EQ(Drain(pipe.read.get()), "reinit: ready after 2 ms\n");
}

TEST_F(LogTest, ALineOnAPipe) {
  Pipe pipe;
  Stderr(pipe.write.get());
  StderrLog log(LogLevel::kInfo);
  log.Write(LogLevel::kInfo, "started");
  log.Write(LogLevel::kError, "a\nb\x1b[31m");
  EXPECT_EQ(Drain(pipe.read.get()),
            "reinit: started\n"
            "reinit: a\\x0ab\\x1b[31m\n");
}

TEST_F(LogTest, OnlyWhatTheLevelAllows) {
  Pipe pipe;
  Stderr(pipe.write.get());
  StderrLog log(LogLevel::kWarning);
  EXPECT_TRUE(log.Enabled(LogLevel::kError));
  EXPECT_TRUE(log.Enabled(LogLevel::kWarning));
  EXPECT_FALSE(log.Enabled(LogLevel::kInfo));
  log.Write(LogLevel::kInfo, "no");
  log.Write(LogLevel::kWarning, "yes");
  log.set_level(LogLevel::kDebug);
  log.Write(LogLevel::kDebug, "now");
  EXPECT_EQ(Drain(pipe.read.get()), "reinit: yes\nreinit: now\n");
}

TEST_F(LogTest, ALongLineIsCut) {
  Pipe pipe;
  Stderr(pipe.write.get());
  StderrLog log(LogLevel::kInfo);
  for (const size_t size : {Log::kMaxLine - 1, Log::kMaxLine, Log::kMaxLine + 1,
                            size_t{10'000'000}}) {
    log.Write(LogLevel::kInfo, std::string(size, 'x'));
    EXPECT_EQ(
        Drain(pipe.read.get()),
        absl::StrCat(
            "reinit: ", std::string(std::min(size, Log::kMaxLine), 'x'), "\n"));
  }
  // Measured after escaping.
  log.Write(LogLevel::kInfo, std::string(Log::kMaxLine, '\n'));
  EXPECT_EQ(Drain(pipe.read.get()).size(),
            std::string_view("reinit: \n").size() + Log::kMaxLine);
}

TEST_F(LogTest, AFullPipeNeverBlocks) {
  Pipe pipe;
  Stderr(pipe.write.get());
  FillAndDrain(pipe.read.get());
}

TEST_F(LogTest, AFullNamedPipeNeverBlocks) {
  const std::string path = testing::TempDir() + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const UniqueFd reader(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const UniqueFd writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  ::unlink(path.c_str());
  Stderr(writer.get());
  FillAndDrain(reader.get());
}

TEST_F(LogTest, AFullSocketNeverBlocks) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd reader(ends[0]), writer(ends[1]);
  Stderr(writer.get());
  FillAndDrain(reader.get());
}

TEST_F(LogTest, TheFlagsOfStderrStayAsTheyWere) {
  // O_NONBLOCK would be shared with the child, which then loses output.
  Pipe pipe;
  Stderr(pipe.write.get());
  StderrLog log(LogLevel::kInfo);
  Fill(log);
  EXPECT_EQ(::fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(LogTest, ABrokenPipeIsSurvived) {
  Pipe pipe;
  Stderr(pipe.write.get());
  pipe.read.reset();
  StderrLog log(LogLevel::kInfo);
  log.Write(LogLevel::kInfo, "nobody reads");
  EXPECT_EQ(log.dropped(), 1u);
}

TEST_F(LogTest, AClosedStderrIsSurvived) {
  Stderr(-1);
  StderrLog log(LogLevel::kInfo);
  log.Write(LogLevel::kInfo, "nowhere");
  log.ClearTerminal();
  EXPECT_EQ(log.dropped(), 1u);
}

TEST_F(LogTest, AFullDiskIsSurvived) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.valid());
  Stderr(full.get());
  StderrLog log(LogLevel::kInfo);
  for (int i = 0; i < 3; ++i) log.Write(LogLevel::kInfo, "no space");
  EXPECT_EQ(log.dropped(), 3u);
}

TEST_F(LogTest, AReadOnlyStderrIsSurvived) {
  Pipe pipe;
  Stderr(pipe.read.get());
  StderrLog log(LogLevel::kInfo);
  log.Write(LogLevel::kInfo, "wrong end");
  EXPECT_EQ(log.dropped(), 1u);
}

TEST_F(LogTest, DevNull) {
  const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  Stderr(null.get());
  StderrLog log(LogLevel::kInfo);
  log.Write(LogLevel::kInfo, "away");
  EXPECT_EQ(log.dropped(), 0u);
}

TEST_F(LogTest, ARegularFileIsAppendedTo) {
  const std::string path = testing::TempDir() + "/log";
  const UniqueFd file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(file.get(), "before\n", 7), 7);
  Stderr(file.get());
  StderrLog log(LogLevel::kInfo);
  log.Write(LogLevel::kInfo, "one");
  // What a child writes through the same description comes in between.
  ASSERT_EQ(::write(file.get(), "child\n", 6), 6);
  log.Write(LogLevel::kInfo, "two");
  EXPECT_EQ(ReadFile(path), "before\nreinit: one\nchild\nreinit: two\n");
  ::unlink(path.c_str());
}

class LogOnTerminal : public LogTest {
 protected:
  LogOnTerminal()
      : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)) {
    EXPECT_EQ(::grantpt(master_.get()), 0);
    EXPECT_EQ(::unlockpt(master_.get()), 0);
    terminal_.reset(
        ::open(::ptsname(master_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_TRUE(terminal_.valid());
    Stderr(terminal_.get());
  }
  // A terminal hands its output on in its own time.
  std::string DrainUntil(std::string_view end) {
    std::string all;
    while (!absl::EndsWith(all, end) && AwaitReadable(master_.get()))
      all += Drain(master_.get());
    return all;
  }

  UniqueFd master_;
  UniqueFd terminal_;
  StderrLog log_{LogLevel::kInfo};
};

TEST_F(LogOnTerminal, ALine) {
  log_.Write(LogLevel::kInfo, "hello");
  EXPECT_EQ(DrainUntil("\n"), "reinit: hello\r\n");
}

TEST_F(LogOnTerminal, IsCleared) {
  log_.ClearTerminal();
  EXPECT_THAT(DrainUntil("J"), HasSubstr("\033[2J"));
}

TEST_F(LogOnTerminal, AWarningIsNotErased) {
  log_.Write(LogLevel::kWarning, "mind this");
  log_.ClearTerminal();
  log_.Write(LogLevel::kInfo, "end");
  EXPECT_THAT(DrainUntil("end\r\n"), Not(HasSubstr("\033[2J")));
  // It goes up out of sight, into the scrollback.
  winsize size = {};
  size.ws_row = 3;
  size.ws_col = 80;
  ASSERT_EQ(::ioctl(terminal_.get(), TIOCSWINSZ, &size), 0);
  log_.ClearTerminal();
  EXPECT_THAT(DrainUntil("J"), HasSubstr("\033[3H\r\n\r\n\r\n\033[H\033[2J"));
}

TEST_F(LogOnTerminal, AStoppedOneNeverBlocks) {
  ASSERT_EQ(::tcflow(terminal_.get(), TCOOFF), 0);
  log_.Write(LogLevel::kInfo, "lost");
  log_.Write(LogLevel::kInfo, "lost");
  EXPECT_EQ(log_.dropped(), 2u);
  ASSERT_EQ(::tcflow(terminal_.get(), TCOON), 0);
  log_.Write(LogLevel::kInfo, "back");
  EXPECT_EQ(DrainUntil("back\r\n"),
            "reinit: (2 lines before this were lost)\r\nreinit: back\r\n");
}

TEST_F(LogOnTerminal, AFullOneNeverBlocks) {
  Fill(log_);
  EXPECT_EQ(::fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace reinit
