#include "supervisor/run/last_end.h"

#include <signal.h>

#include <optional>

#include "gtest/gtest.h"

namespace reinit {
namespace {

constexpr ExitStatus kKilled{.signal = SIGKILL};

TEST(LastEndTest, NoneHasEndedYet) {
  const LastEnd end;
  EXPECT_EQ(end.count(), 0U);
  EXPECT_EQ(end.text(), "");
  EXPECT_TRUE(end.status().Success());
}

TEST(LastEndTest, EachEndCountsAndOnlyTheOneThatCountsStands) {
  LastEnd end;
  end.OnStart(std::nullopt);
  EXPECT_EQ(end.Count({.code = 3}, "", std::nullopt), "");
  end.Stand({.code = 3});
  EXPECT_EQ(end.Count({.signal = SIGTERM}, "", std::nullopt), "");
  EXPECT_EQ(end.count(), 2U);
  EXPECT_EQ(end.text(), "SIGTERM");
  EXPECT_EQ(end.status().code, 3);
  EXPECT_EQ(end.InWords(), "exit code 3");
}

TEST(LastEndTest, TheResultIsThatOfTheInstance) {
  LastEnd end;
  end.OnStart(0);
  EXPECT_EQ(end.Count(kKilled, "timeout", 0), "timeout");
  // Known before the end, so it comes first.
  EXPECT_EQ(end.Count(kKilled, "watchdog", 1), "watchdog");
}

TEST(LastEndTest, AKillWhileTheKernelsCountGrowsIsForMemory) {
  LastEnd end;
  end.OnStart(4);
  EXPECT_EQ(end.Count(kKilled, "", 5), "oom-kill");
  end.Stand(kKilled);
  EXPECT_EQ(end.InWords(), "SIGKILL, by the kernel: out of memory");
  EXPECT_EQ(end.text(), end.InWords());
}

TEST(LastEndTest, OtherwiseItIsNot) {
  struct Case {
    const char* what;
    ExitStatus status;
    std::optional<int64_t> at_start;
    std::optional<int64_t> at_end;
  };
  const Case cases[] = {
      {"none was killed since its start", kKilled, 4, 4},
      {"another was killed, and it ended well", {.code = 0}, 4, 5},
      {"ended by another signal", {.signal = SIGTERM}, 4, 5},
      {"not known at the start", kKilled, std::nullopt, 5},
      {"not known at the end", kKilled, 4, std::nullopt},
      {"never known", kKilled, std::nullopt, std::nullopt},
  };
  for (const Case& one : cases) {
    LastEnd end;
    end.OnStart(one.at_start);
    EXPECT_EQ(end.Count(one.status, "", one.at_end), "") << one.what;
    end.Stand(one.status);
    EXPECT_EQ(end.InWords(), one.status.ToString()) << one.what;
  }
}

// Its workers were.
TEST(LastEndTest, AFailureWhileTheKernelsCountGrowsIsAfterThat) {
  LastEnd end;
  end.OnStart(4);
  EXPECT_EQ(end.Count({.code = 1}, "", 6), "");
  end.Stand({.code = 1});
  EXPECT_TRUE(end.ForMemory());
  EXPECT_EQ(end.InWords(),
            "exit code 1, after the kernel had killed 2 processes below it: "
            "out of memory");
}

// A shell makes this of a command that was killed.
TEST(LastEndTest, Code137WhileTheKernelsCountGrowsHasTheResultOfAKill) {
  LastEnd end;
  end.OnStart(4);
  EXPECT_EQ(end.Count({.code = 137}, "", 5), "oom-kill");
  end.Stand({.code = 137});
  EXPECT_EQ(end.InWords(),
            "exit code 137, after the kernel had killed 1 process below it: "
            "out of memory");
}

TEST(LastEndTest, KillsThatTheProcessHasOutlivedAreNotWhyItEnds) {
  LastEnd end;
  end.OnStart(4);
  end.ForgetOomKills(5);
  EXPECT_EQ(end.Count({.code = 137}, "", 5), "");
  end.ForgetOomKills(3);  // it was started later
  end.ForgetOomKills(std::nullopt);
  EXPECT_EQ(end.Count({.code = 137}, "", 5), "");
  EXPECT_EQ(end.Count({.code = 137}, "", 6), "oom-kill");
}

TEST(LastEndTest, OneThatSurvivesIsShownAsKilled) {
  LastEnd end;
  end.OnStart(4);
  end.Survive();
  EXPECT_EQ(end.status().signal, SIGKILL);
  EXPECT_EQ(end.text(), "SIGKILL, which it survives");
  end.Count({.code = 1}, "", std::nullopt);
  end.Stand({.code = 1});
  EXPECT_EQ(end.InWords(), "exit code 1");
}

TEST(LastEndTest, TheNextEndIsNotForMemoryBecauseThisOneWas) {
  LastEnd end;
  end.OnStart(4);
  EXPECT_EQ(end.Count(kKilled, "", 5), "oom-kill");
  end.Stand(kKilled);
  end.OnStart(5);
  EXPECT_EQ(end.Count(kKilled, "", 5), "");
  end.Stand(kKilled);
  EXPECT_EQ(end.InWords(), "SIGKILL");
}

// The one that goes on is not charged with what killed its replacement.
TEST(LastEndTest, KillsCanBeCountedFromLaterOn) {
  LastEnd end;
  end.OnStart(4);
  end.CountOomKillsFrom(5);
  EXPECT_EQ(end.Count(kKilled, "", 5), "");
  EXPECT_EQ(end.Count(kKilled, "", 6), "oom-kill");
}

TEST(LastEndTest, WhatTheProcessSaidIsPartOfTheWords) {
  LastEnd end;
  end.OnStart(4);
  end.OnSaid("errno 2");
  EXPECT_EQ(end.said(), "errno 2");
  end.Count({.code = 1}, "", 4);
  EXPECT_EQ(end.text(), "exit code 1");
  end.Stand({.code = 1});
  EXPECT_EQ(end.InWords(), "exit code 1, after it had said: errno 2");
  EXPECT_EQ(end.text(), end.InWords());
}

TEST(LastEndTest, WhatOneProcessSaidIsNotSaidOfTheNext) {
  LastEnd end;
  end.OnSaid("errno 2");
  end.OnStart(std::nullopt);
  EXPECT_EQ(end.said(), "");
  end.Count({.code = 1}, "", std::nullopt);
  end.Stand({.code = 1});
  EXPECT_EQ(end.InWords(), "exit code 1");
}

TEST(LastEndTest, TheEndOfAnotherProcessChangesNothingOfTheOneThatIsShown) {
  LastEnd end;
  end.OnStart(4);
  EXPECT_EQ(end.Count({.signal = SIGKILL}, "", 5), "oom-kill");
  end.Stand({.signal = SIGKILL});
  end.Count({.signal = SIGTERM}, "", std::nullopt);
  EXPECT_EQ(end.InWords(), "SIGKILL, by the kernel: out of memory");
}

}  // namespace
}  // namespace reinit
