#include "reaper/value/signals.h"

#include <signal.h>

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using testing::HasSubstr;

// By number, from signal(7); written down again so that a wrong line in the
// table under test is seen.
constexpr const char* kStandard[] = {
    "",       "HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",
    "FPE",    "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",
    "XCPU",   "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS"};

TEST(Signals, StandardOnesHaveTheirNames) {
  for (int signo = 1; signo < 32; ++signo) {
    EXPECT_EQ(SignalName(signo), absl::StrCat("SIG", kStandard[signo]));
  }
}

TEST(Signals, EveryNumberIsParsed) {
  for (int signo = 1; signo <= kMaxSignal; ++signo) {
    EXPECT_EQ(ParseSignal(absl::StrCat(signo)).value_or(-1), signo);
  }
}

TEST(Signals, EveryNameIsParsedBack) {
  for (int signo = 1; signo <= kMaxSignal; ++signo) {
    // glibc's own two have no name; their numbers work.
    if (signo == 32 || signo == 33) {
      EXPECT_EQ(SignalName(signo), absl::StrCat("signal ", signo));
      continue;
    }
    const std::string name = SignalName(signo);
    EXPECT_EQ(ParseSignal(name).value_or(-1), signo) << name;
    EXPECT_EQ(ParseSignal(name.substr(3)).value_or(-1), signo) << name;
    EXPECT_EQ(ParseSignal(absl::AsciiStrToLower(name)).value_or(-1), signo);
    EXPECT_EQ(ParseSignal(absl::AsciiStrToLower(name.substr(3))).value_or(-1),
              signo);
  }
}

TEST(Signals, OtherSpellings) {
  const std::pair<const char*, int> spellings[] = {
      {"IOT", SIGABRT},
      {"SIGIOT", SIGABRT},
      {"POLL", SIGIO},
      {"CLD", SIGCHLD},
      {"Term", SIGTERM},
      {"sigTerm", SIGTERM},
      {"RTMIN", SIGRTMIN},
      {"SIGRTMIN", SIGRTMIN},
      {"RTMIN+0", SIGRTMIN},
      {"RTMIN+3", SIGRTMIN + 3},
      {"rtmin+3", SIGRTMIN + 3},
      {"SIGRTMIN+30", SIGRTMAX},
      {"RTMAX", SIGRTMAX},
      {"RTMAX-0", SIGRTMAX},
      {"RTMAX-1", SIGRTMAX - 1},
      {"SIGRTMAX-30", SIGRTMIN},
      {"sigrtmax-14", SIGRTMAX - 14},
  };
  for (const auto& [text, signo] : spellings) {
    EXPECT_EQ(ParseSignal(text).value_or(-1), signo) << text;
  }
}

TEST(Signals, RealTimeOnesAreCountedFromTheFirst) {
  EXPECT_EQ(SignalName(SIGRTMIN), "SIGRTMIN");
  EXPECT_EQ(SignalName(SIGRTMIN + 1), "SIGRTMIN+1");
  EXPECT_EQ(SignalName(SIGRTMAX - 1), "SIGRTMIN+29");
  EXPECT_EQ(SignalName(SIGRTMAX), "SIGRTMAX");
}

TEST(Signals, NumbersThatAreNone) {
  for (const int number : {-1, 0, 65, 99, 1 << 30}) {
    EXPECT_EQ(SignalName(number), absl::StrCat("signal ", number));
  }
}

TEST(Signals, BadInputIsRefusedWithItsText) {
  for (const char* text : {"",
                           "0",
                           "-1",
                           "65",
                           "128",
                           "99999999999999999999",
                           "TERMS",
                           "SIG",
                           "SIGSIGTERM",
                           "TERM ",
                           "T",
                           "15x",
                           "0x0f",
                           "1.5",
                           "signal 15",
                           "RTMIN-1",
                           "RTMIN+31",
                           "RTMIN+",
                           "RTMIN+x",
                           "RTMIN+-1",
                           "RTMIN++1",
                           "RTMIN+ 1",
                           "RTMIN+2147483647",
                           "RTMIN+9999999999",
                           "RTMAX+1",
                           "RTMAX-31",
                           "RTMAX-",
                           "RTMAX--1",
                           "RTMAX-2147483647",
                           "RTMI",
                           "RTMIN3"}) {
    const absl::StatusOr<int> parsed = ParseSignal(text);
    ASSERT_FALSE(parsed.ok()) << "'" << text << "' gave " << *parsed;
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(parsed.status().message(),
                HasSubstr(absl::StrCat("'", text, "'")));
    EXPECT_THAT(parsed.status().message(), HasSubstr("1 to 64"));
  }
}

TEST(Signals, EndsByDefault) {
  for (const int signo : {SIGHUP, SIGTERM, SIGUSR1, SIGKILL, SIGRTMIN, SIGIO}) {
    EXPECT_TRUE(EndsByDefault(signo)) << signo;
  }
  for (const int signo : {SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP}) {
    EXPECT_FALSE(EndsByDefault(signo)) << signo;
  }
}

}  // namespace
}  // namespace reinit
