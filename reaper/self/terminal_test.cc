#include "reaper/self/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "reaper/leak_check.h"
#include "reaper/self/signal_mask.h"
#include "reaper/test_process.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

class TerminalTest : public LeakCheck {
 protected:
  // A child with pipes as descriptors 0 to 2, and as the leader of a session
  // whose terminal is `terminal`.
  static void OnATerminal(absl::FunctionRef<void(int terminal)> body) {
    OnAScreen([&](int terminal, int) { body(terminal); });
  }
  // The same, with what a person has in front of them: the other end.
  static void OnAScreen(
      absl::FunctionRef<void(int terminal, int screen)> body) {
    InChild([&] {
      TakeOverSignals();  // SIGTTOU would stop us
      const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
      ASSERT_EQ(::grantpt(master.get()), 0);
      ASSERT_EQ(::unlockpt(master.get()), 0);
      ASSERT_GT(::setsid(), 0);
      const UniqueFd terminal(
          ::open(::ptsname(master.get()), O_RDWR | O_CLOEXEC));
      ASSERT_TRUE(terminal.valid());
      const Pipe pipe;
      for (int fd = 0; fd <= 2; ++fd) ::dup2(pipe.write.get(), fd);
      body(terminal.get(), master.get());
    });
  }
};

// As curses and editors set them.
void MakeRaw(int terminal) {
  termios modes = {};
  ASSERT_EQ(::tcgetattr(terminal, &modes), 0);
  ::cfmakeraw(&modes);
  modes.c_cc[VMIN] = 0;
  ASSERT_EQ(::tcsetattr(terminal, TCSANOW, &modes), 0);
}

bool HasEchoAndControlC(int terminal) {
  termios modes = {};
  EXPECT_EQ(::tcgetattr(terminal, &modes), 0);
  constexpr tcflag_t kBoth = ECHO | ISIG;
  return (modes.c_lflag & kBoth) == kBoth;
}

// All that was written to `terminal` so far.
std::string Shown(int terminal, int screen) {
  constexpr std::string_view kLast = "<last>";
  EXPECT_EQ(::write(terminal, kLast.data(), kLast.size()),
            static_cast<ssize_t>(kLast.size()));
  std::string text;
  while (!absl::EndsWith(text, kLast)) {
    char buffer[4096];
    const ssize_t size = ::read(screen, buffer, sizeof(buffer));
    if (size <= 0) break;
    text.append(buffer, static_cast<size_t>(size));
  }
  return text.substr(0, text.size() - kLast.size());
}

TEST_F(TerminalTest, NoneOnPipes) {
  OnATerminal([](int) {
    EXPECT_FALSE(OnTerminal());
    EXPECT_EQ(ForegroundTerminal(), -1);
  });
}

TEST_F(TerminalTest, AnyOfTheThreeWillDo) {
  for (int fd = 0; fd <= 2; ++fd) {
    OnATerminal([fd](int terminal) {
      ASSERT_EQ(::dup2(terminal, fd), fd);
      EXPECT_TRUE(OnTerminal());
      EXPECT_EQ(ForegroundTerminal(), fd);
    });
  }
}

TEST_F(TerminalTest, NotInTheBackground) {
  OnATerminal([](int terminal) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    const pid_t background = Fork([] {
      ::setpgid(0, 0);
      return OnTerminal() && ForegroundTerminal() == -1 ? 0 : 1;
    });
    EXPECT_EQ(WaitStatus(background), 0);
  });
}

TEST_F(TerminalTest, NotOfAnotherSession) {
  OnATerminal([](int terminal) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    const pid_t stranger = Fork([] {
      ::setsid();
      return OnTerminal() && ForegroundTerminal() == -1 ? 0 : 1;
    });
    EXPECT_EQ(WaitStatus(stranger), 0);
  });
}

TEST_F(TerminalTest, ClosedDescriptorsAreSurvived) {
  InChild([] {
    for (int fd = 0; fd <= 2; ++fd) ::close(fd);
    EXPECT_FALSE(OnTerminal());
    EXPECT_EQ(ForegroundTerminal(), -1);
  });
}

using TerminalModesTest = TerminalTest;

TEST_F(TerminalModesTest, WhatADeadProgramLeftIsPutBack) {
  OnAScreen([](int terminal, int screen) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    termios before = {};
    ASSERT_EQ(::tcgetattr(terminal, &before), 0);
    TerminalModes modes;
    modes.Save();
    MakeRaw(terminal);
    ASSERT_FALSE(HasEchoAndControlC(terminal));
    modes.Restore();
    EXPECT_TRUE(HasEchoAndControlC(terminal));
    termios after = {};
    ASSERT_EQ(::tcgetattr(terminal, &after), 0);
    EXPECT_EQ(after.c_iflag, before.c_iflag);
    EXPECT_EQ(after.c_oflag, before.c_oflag);
    EXPECT_EQ(after.c_lflag, before.c_lflag);
    EXPECT_EQ(after.c_cc[VMIN], before.c_cc[VMIN]);
    const std::string shown = Shown(terminal, screen);
    for (const std::string_view off :
         {"[?1049l", "[?1000l", "[?1002l", "[?1003l", "[?1006l", "[?2004l",
          "[?25h", "[?1l", "[=0u", "[>4;0m"}) {
      EXPECT_TRUE(absl::StrContains(shown, off)) << off << " in " << shown;
    }
    // A terminal that was on its main screen keeps its cursor: no end of the
    // alternate screen, and no margins, without a saved one.
    EXPECT_TRUE(absl::StartsWith(shown, "\0337\033[r\0338\0337"));
  });
}

TEST_F(TerminalModesTest, OnlyOnce) {
  OnAScreen([](int terminal, int screen) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    TerminalModes modes;
    modes.Save();
    MakeRaw(terminal);
    modes.Restore();
    EXPECT_NE(Shown(terminal, screen), "");
    modes.Restore();
    EXPECT_EQ(Shown(terminal, screen), "");
  });
}

TEST_F(TerminalModesTest, AProgramThatTidiedUpNeedsNothing) {
  OnAScreen([](int terminal, int screen) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    TerminalModes modes;
    modes.Save();
    modes.Restore();
    EXPECT_EQ(Shown(terminal, screen), "");
  });
}

TEST_F(TerminalModesTest, RawModeIsKeptWhereItWasThereBefore) {
  OnAScreen([](int terminal, int screen) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    MakeRaw(terminal);
    TerminalModes modes;
    modes.Save();
    modes.Restore();
    EXPECT_FALSE(HasEchoAndControlC(terminal));
    EXPECT_EQ(Shown(terminal, screen), "");
  });
}

TEST_F(TerminalModesTest, NothingIsDoneInTheBackground) {
  OnAScreen([](int terminal, int screen) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    TerminalModes modes;
    modes.Save();
    MakeRaw(terminal);
    const pid_t background = Fork([&modes] {
      ::setpgid(0, 0);
      modes.Restore();
      return 0;
    });
    EXPECT_EQ(WaitStatus(background), 0);
    EXPECT_FALSE(HasEchoAndControlC(terminal));
    EXPECT_EQ(Shown(terminal, screen), "");
  });
}

// There they are those of a shell that waits for its next line.
TEST_F(TerminalModesTest, NothingIsSavedInTheBackground) {
  OnAScreen([](int terminal, int screen) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    const pid_t background = Fork([terminal] {
      ::setpgid(0, 0);
      TerminalModes modes;
      modes.Save();
      // As the shell's `fg` does.
      ::tcsetpgrp(terminal, ::getpid());
      MakeRaw(terminal);
      modes.Restore();
      return HasEchoAndControlC(terminal) ? 1 : 0;
    });
    EXPECT_EQ(WaitStatus(background), 0);
    EXPECT_EQ(Shown(terminal, screen), "");
  });
}

TEST_F(TerminalModesTest, NothingBeforeSave) {
  OnAScreen([](int terminal, int screen) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    MakeRaw(terminal);
    TerminalModes().Restore();
    EXPECT_FALSE(HasEchoAndControlC(terminal));
    EXPECT_EQ(Shown(terminal, screen), "");
  });
}

// Ctrl-S: a write would wait, and so would any tcsetattr but TCSANOW.
TEST_F(TerminalModesTest, AStoppedTerminalDoesNotHangIt) {
  OnAScreen([](int terminal, int) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    TerminalModes modes;
    modes.Save();
    MakeRaw(terminal);
    ASSERT_EQ(::tcflow(terminal, TCOOFF), 0);
    modes.Restore();
    EXPECT_TRUE(HasEchoAndControlC(terminal));
    ASSERT_EQ(::tcflow(terminal, TCOON), 0);
  });
}

// A terminal emulator that reads nothing.
TEST_F(TerminalModesTest, AFullTerminalDoesNotHangIt) {
  OnAScreen([](int terminal, int) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    TerminalModes modes;
    modes.Save();
    MakeRaw(terminal);
    const int flags = ::fcntl(terminal, F_GETFL);
    ASSERT_EQ(::fcntl(terminal, F_SETFL, flags | O_NONBLOCK), 0);
    const std::string much(4096, 'x');
    while (::write(terminal, much.data(), much.size()) > 0) {
    }
    ASSERT_EQ(::fcntl(terminal, F_SETFL, flags), 0);
    modes.Restore();
    EXPECT_TRUE(HasEchoAndControlC(terminal));
  });
}

TEST_F(TerminalModesTest, ReadsAndWritesBlockAgain) {
  OnAScreen([](int terminal, int screen) {
    for (const int fd : {0, 1}) ASSERT_EQ(::dup2(terminal, fd), fd);
    TerminalModes modes;
    modes.Save();
    const int flags = ::fcntl(0, F_GETFL);
    ASSERT_EQ(::fcntl(0, F_SETFL, flags | O_NONBLOCK), 0);
    const int pipe_flags = ::fcntl(2, F_GETFL);
    ASSERT_EQ(::fcntl(2, F_SETFL, pipe_flags | O_NONBLOCK), 0);
    modes.Restore();
    EXPECT_EQ(::fcntl(0, F_GETFL), flags);
    // That is not the terminal.
    EXPECT_EQ(::fcntl(2, F_GETFL), pipe_flags | O_NONBLOCK);
    EXPECT_EQ(Shown(terminal, screen), "");
  });
}

TEST_F(TerminalModesTest, WhatNeverBlockedStaysThatWay) {
  OnATerminal([](int terminal) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    const int flags = ::fcntl(0, F_GETFL) | O_NONBLOCK;
    ASSERT_EQ(::fcntl(0, F_SETFL, flags), 0);
    TerminalModes modes;
    modes.Save();
    modes.Restore();
    EXPECT_EQ(::fcntl(0, F_GETFL), flags);
  });
}

TEST_F(TerminalModesTest, ATerminalThatIsGoneIsSurvived) {
  InChild([] {
    TakeOverSignals();
    UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_EQ(::grantpt(master.get()), 0);
    ASSERT_EQ(::unlockpt(master.get()), 0);
    ASSERT_GT(::setsid(), 0);
    const UniqueFd terminal(
        ::open(::ptsname(master.get()), O_RDWR | O_CLOEXEC));
    ASSERT_EQ(::dup2(terminal.get(), 0), 0);
    TerminalModes modes;
    modes.Save();
    MakeRaw(terminal.get());
    master.reset();
    modes.Restore();
  });
}

TEST_F(TerminalModesTest, NothingOnPipes) {
  OnATerminal([](int) {
    TerminalModes modes;
    modes.Save();
    modes.Restore();
  });
}

}  // namespace
}  // namespace reinit
