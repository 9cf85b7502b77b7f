#include "supervisor/strategy/flap_guard.h"

#include <string>

#include "gtest/gtest.h"

namespace reinit {
namespace {

// One story, in steps: `a` and `b` are changes of these files, `?` one of an
// unknown file, 100 ms after the step before; `.` lets three seconds pass; `R`
// reloads for the last change and starts 5 s later. Answers to the changes: -
// at once, ! found, and a digit the seconds to wait (9 for more).
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
  std::string last;
  for (const char step : GetParam().steps) {
    if (step == '.') {
      now += absl::Seconds(3);
    } else if (step == 'R') {
      guard.OnReload(now, last);
      now += absl::Seconds(5);
      guard.OnStart(now);
    } else {
      now += absl::Milliseconds(100);
      last = step == '?' ? "" : std::string(1, step);
      if (guard.OnChange(now, last)) answers += '!';
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
        Story{"circle", "aRaRaRaRaRaRaRaRaR", "-----!2489"},
        Story{"one_short", "aRaRaRaRaRbR", "------"},
        Story{"edits_take_time", "aR.aR.aR.aR.aR.aR.aR.aR", "--------"},
        Story{"other_files", "aRbRaRbRaRbRaRbR", "--------"},
        Story{"nobody_knows_the_file", "?R?R?R?R?R?R?R", "-------"},
        Story{"another_file_is_acted_upon", "aRaRaRaRaRabRaR", "-----!2--"},
        Story{"more_of_the_same_waits_with_it", "aRaRaRaRaRaaa", "-----!211"},
        Story{"writes_all_the_time", "aRaRaRaRaRa.aRaRa.aRa", "-----!2-4849"},
        Story{"stops", "aRaRaRaRaRaRaR.aRaRa", "-----!24---"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace reinit
