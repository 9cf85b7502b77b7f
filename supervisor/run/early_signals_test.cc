#include "supervisor/run/early_signals.h"

#include <signal.h>

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int> Numbers(const std::vector<SignalInfo>& signals) {
  std::vector<int> numbers;
  numbers.reserve(signals.size());
  for (const SignalInfo& signal : signals) numbers.push_back(signal.signo);
  return numbers;
}

TEST(EarlySignalsTest, AStandardSignalIsKeptOnce) {
  EarlySignals early;
  EXPECT_TRUE(early.empty());
  for (const int signo : {SIGUSR1, SIGHUP, SIGUSR1, SIGHUP, SIGSYS, SIGSYS}) {
    early.Add({.signo = signo});
  }
  EXPECT_FALSE(early.empty());
  EXPECT_THAT(Numbers(early.Take()), ElementsAre(SIGUSR1, SIGHUP, SIGSYS));
}

TEST(EarlySignalsTest, ARealTimeSignalIsKeptEachTimeWithItsValue) {
  EarlySignals early;
  // The first that the kernel has, which glibc keeps for itself, is one too.
  for (const int signo : {32, SIGRTMIN, SIGRTMAX}) {
    early.Add({.signo = signo, .code = SI_QUEUE, .value = 1});
    early.Add({.signo = signo, .code = SI_QUEUE, .value = 2});
    const std::vector<SignalInfo> kept = early.Take();
    ASSERT_THAT(Numbers(kept), ElementsAre(signo, signo));
    EXPECT_EQ(kept[0].value, 1U);
    EXPECT_EQ(kept[1].value, 2U);
    EXPECT_EQ(kept[1].code, SI_QUEUE);
  }
}

TEST(EarlySignalsTest, TheOrderIsThatOfTheirComing) {
  EarlySignals early;
  for (const int signo : {SIGRTMAX, SIGUSR2, SIGRTMIN, SIGUSR1}) {
    early.Add({.signo = signo});
  }
  EXPECT_THAT(Numbers(early.Take()),
              ElementsAre(SIGRTMAX, SIGUSR2, SIGRTMIN, SIGUSR1));
}

TEST(EarlySignalsTest, TakenOnceTheyAreGone) {
  EarlySignals early;
  early.Add({.signo = SIGUSR1});
  early.Take();
  EXPECT_TRUE(early.empty());
  EXPECT_THAT(early.Take(), IsEmpty());
  early.Add({.signo = SIGUSR1});
  EXPECT_THAT(Numbers(early.Take()), ElementsAre(SIGUSR1));
}

TEST(EarlySignalsTest, TheyAreBoundedAndTheFirstStay) {
  EarlySignals early;
  for (size_t i = 0; i < EarlySignals::kMax + 10; ++i) {
    early.Add({.signo = SIGRTMIN, .value = i});
  }
  early.Add({.signo = SIGUSR1});
  const std::vector<SignalInfo> kept = early.Take();
  ASSERT_EQ(kept.size(), EarlySignals::kMax);
  EXPECT_EQ(kept.front().value, 0U);
  EXPECT_EQ(kept.back().value, EarlySignals::kMax - 1);
}

}  // namespace
}  // namespace reinit
