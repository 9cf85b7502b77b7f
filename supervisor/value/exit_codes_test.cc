#include "supervisor/value/exit_codes.h"

#include <signal.h>

#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(ExitCodesTest, HoldsCodesRangesAndSignals) {
  const ExitCodes codes = *ExitCodes::Parse("3, 64-66,TERM,SIGRTMIN+1");
  for (int code = 0; code < 256; ++code) {
    EXPECT_EQ(codes.Contains({.code = code}),
              code == 3 || (code >= 64 && code <= 66))
        << code;
  }
  for (int signo = 1; signo <= kMaxSignal; ++signo) {
    EXPECT_EQ(codes.Contains({.signal = signo}),
              signo == SIGTERM || signo == SIGRTMIN + 1)
        << signo;
  }
}

TEST(ExitCodesTest, ItsTextMeansTheSame) {
  EXPECT_EQ(ExitCodes().ToString(), "");
  EXPECT_EQ(ExitCodes::Parse("TERM,255,0, 64-66 ,67")->ToString(),
            "0,64-67,255,SIGTERM");
  for (const char* list : {"0-255", "3", "SIGHUP,SIGRTMIN+1", "1,3,5-6"}) {
    const std::string text = ExitCodes::Parse(list)->ToString();
    EXPECT_EQ(ExitCodes::Parse(text)->ToString(), text) << list;
  }
}

TEST(ExitCodesTest, ADefaultOneIsEmpty) {
  EXPECT_FALSE(ExitCodes().Contains({.code = 0}));
  EXPECT_FALSE(ExitCodes().Contains({.signal = SIGTERM}));
}

TEST(ExitCodesTest, RefusesWhatIsNone) {
  for (const char* list : {"", ",", "1,", "256", "-1", "3-", "5-3", "1-256",
                           "x", "1-2-3", "0x10", "NOPE"}) {
    EXPECT_FALSE(ExitCodes::Parse(list).ok()) << list;
  }
}

}  // namespace
}  // namespace reinit
