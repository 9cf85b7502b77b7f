#include "supervisor/strategy/rules/flap_guard.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace reinit {
namespace {

// One story, in steps: `a` and `b` are changes of these files, `?` one of an
// unknown file, 100 ms after the step before, and `A` and `B` the same while a
// command of ours runs; `.` lets three seconds pass; `R` reloads for the last
// change and starts 5 s later, `r` reloads and no process starts. Answers to
// the changes: - at once, ! found, and a digit the seconds to wait (9 for
// more).
struct Story {
  const char* name;
  std::string steps;
  std::string answers;
};

class FlapGuardTest : public ::testing::TestWithParam<Story> {};

TEST_P(FlapGuardTest, FindsCircles) {
  FlapGuard guard;
  absl::Time now = absl::UnixEpoch() + absl::Hours(1);
  std::string answers;
  uint64_t last = 0;
  for (const char step : GetParam().steps) {
    if (step == '.') {
      now += absl::Seconds(3);
    } else if (step == 'r') {
      guard.OnReload(last);
    } else if (step == 'R') {
      guard.OnReload(last);
      now += absl::Seconds(5);
      guard.OnStart(now);
    } else {
      now += absl::Milliseconds(100);
      last = step == '?' ? 0 : static_cast<uint64_t>(step);
      const bool by_command = step == 'A' || step == 'B';
      if (guard.OnChange(now, {last, by_command})) answers += '!';
      const auto wait = absl::ToInt64Seconds(guard.due() - now);
      answers += guard.due() <= now ? '-'
                 : wait > 9         ? '9'
                                    : static_cast<char>('0' + wait);
    }
  }
  EXPECT_EQ(answers, GetParam().answers);
}

INSTANTIATE_TEST_SUITE_P(
    Stories, FlapGuardTest,
    ::testing::Values(
        Story{"nothing_is_reloaded", "aaaaaaaa", "--------"},
        // The first one is not caused by a reload.
        Story{"circle", "aRaRaRaRaRaRaRaRaRaRaRaRa", "-----!11111369"},
        Story{"one_short", "aRaRaRaRaRbR", "------"},
        Story{"edits_take_time", "aR.aR..aR.aR..aR.aR..aR.aR", "--------"},
        Story{"a_build_of_three_seconds", "aR.aR.aR.aR.aR.aR.aR.aR",
              "------!11"},
        Story{"other_files", "aRbRaRbRaRbRaRbR", "--------"},
        Story{"nobody_knows_the_file", "?R?R?R?R?R?R?R", "-------"},
        Story{"a_slow_copy_of_the_program", "arararararararar", "--------"},
        Story{"a_command_writes", "ArArArArArAr", "-----!1"},
        Story{"a_command_writes_this_and_that", "ArBrArBrArBr", "-----!1"},
        Story{"another_file_is_acted_upon", "aRaRaRaRaRabRaR", "-----!1--"},
        Story{"more_of_the_same_waits_with_it", "aRaRaRaRaRaaa", "-----!111"},
        Story{"a_second_one_is_brought_forward", "aRaRaRaRaRaRaRaRaRaRaaRa",
              "-----!1111131-"},
        Story{"somebody_saves_and_saves",
              "aRaRaRaRaRaaRaaRaaRaaRaaRaaRaaRaaRaaRa",
              "-----!1111111111111111111"},
        Story{"writes_all_the_time", "aRaRaRaRaRa.aRaRa.aRa", "-----!1-11-1"},
        Story{"stops", "aRaRaRaRaRaRaR.aRaRa", "-----!11---"}),
    [](const auto& test) { return std::string(test.param.name); });

// Two writes after each start look like a person who saves again, but nobody
// does that for so long.
TEST(FlapGuardTwiceTest, AProcessThatWritesTwiceAfterEachStartIsSlowedDown) {
  FlapGuard guard;
  absl::Time now = absl::UnixEpoch() + absl::Hours(1);
  absl::Duration longest;
  for (int i = 0; i < 60; ++i) {
    for (int write = 0; write < 2; ++write) {
      now += absl::Milliseconds(100);
      guard.OnChange(now, {.files = 7, .by_command = false});
    }
    longest = std::max(longest, guard.due() - now);
    now = std::max(now, guard.due());
    guard.OnReload(7);
    guard.OnStart(now);
  }
  EXPECT_GT(longest, absl::Seconds(20));
}

}  // namespace
}  // namespace reinit
