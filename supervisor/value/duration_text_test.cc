#include "supervisor/value/duration_text.h"

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

struct Good {
  std::string_view text;
  absl::Duration duration;
  std::string_view shortest;  // what DurationText makes of it
};

class DurationTextGood : public testing::TestWithParam<Good> {};

TEST_P(DurationTextGood, IsReadAndWritten) {
  const Good& param = GetParam();
  const absl::StatusOr<absl::Duration> duration = ParseDuration(param.text);
  ASSERT_TRUE(duration.ok()) << param.text << ": " << duration.status();
  EXPECT_EQ(*duration, param.duration) << param.text;
  EXPECT_EQ(DurationText(*duration), param.shortest);
  const absl::StatusOr<absl::Duration> again = ParseDuration(param.shortest);
  ASSERT_TRUE(again.ok()) << param.shortest;
  EXPECT_EQ(*again, *duration);
}

INSTANTIATE_TEST_SUITE_P(Texts, DurationTextGood,
                         testing::ValuesIn<Good>({
                             {"250ms", absl::Milliseconds(250), "250ms"},
                             {"2s", absl::Seconds(2), "2s"},
                             {"5m", absl::Minutes(5), "5m"},
                             {"1h", absl::Hours(1), "1h"},
                             {"24h", absl::Hours(24), "24h"},
                             {"infinity", absl::InfiniteDuration(), "infinity"},
                             {"0", absl::ZeroDuration(), "0"},
                             {"0s", absl::ZeroDuration(), "0"},
                             {"3", absl::Seconds(3), "3s"},
                             {"007", absl::Seconds(7), "7s"},
                             {"0.5", absl::Milliseconds(500), "500ms"},
                             {".5s", absl::Milliseconds(500), "500ms"},
                             {"1.5s", absl::Milliseconds(1500), "1.5s"},
                             {"1.5h", absl::Minutes(90), "1h30m"},
                             {"0.25ms", absl::Microseconds(250), "0.25ms"},
                             {"1m30s", absl::Seconds(90), "1m30s"},
                             {"90", absl::Seconds(90), "1m30s"},
                             {"1h0m5s", absl::Seconds(3605), "1h5s"},
                             {"2m500ms", absl::Milliseconds(120500), "2m0.5s"},
                             {"1.0000000000000000001s", absl::Seconds(1), "1s"},
                         }));

TEST(DurationText, RefusesWhatIsNone) {
  constexpr std::string_view kBad[] = {
      "",      " ",     "s",    "ms",       "1 s",   "1s ",      " 1s",
      "abc",   "1x",    "1d",   "1S",       "1.s",   ".",        ".s",
      "1..5s", "1s1h",  "1s1s", "1m30",     "1e3s",  "0x10",     "+1s",
      "inf",   "nan",   "1,5s", "1s,",      "1sfoo", "INFINITY", "٣s",
      "1s\n",  "1ms2h", "1h2h", "infinitys"};
  for (const std::string_view text : kBad) {
    const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
    EXPECT_FALSE(duration.ok()) << text;
    EXPECT_NE(duration.status().message().find("write 250ms"),
              std::string_view::npos)
        << text << duration.status();
  }
}

TEST(DurationText, RefusesNegativeOnes) {
  for (const std::string_view text : {"-1s", "-1", "-0", "-infinity", "-"}) {
    const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
    ASSERT_FALSE(duration.ok()) << text;
    EXPECT_EQ(duration.status().message(), "a duration cannot be negative");
  }
}

TEST(DurationText, RefusesOverflowInsteadOfTurningItIntoInfinity) {
  for (const std::string_view text :
       {"876001h", "9223372036854775807s", "9223372036854775808",
        "99999999999999999999999999999999999999h", "999999999999999h",
        "876000h1ms"}) {
    const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
    ASSERT_FALSE(duration.ok()) << text;
    EXPECT_NE(duration.status().message().find("hundred years"),
              std::string_view::npos)
        << text;
  }
  EXPECT_TRUE(ParseDuration("876000h").ok());
}

}  // namespace
}  // namespace reinit
