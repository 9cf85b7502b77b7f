#include "supervisor/probe/file_age.h"

#include <string>

#include "gtest/gtest.h"

namespace reinit {
namespace {

// Looks every 10 s with a max-age of 30 s. Looks: a letter is the file's time
// as found, - no file, a digit in front the epoch (1 until told).
// Verdicts: u unknown, + fresh, ! stale.
struct Row {
  const char* name;
  std::string looks;
  std::string verdicts;
};

class FileAgeTest : public ::testing::TestWithParam<Row> {};

TEST_P(FileAgeTest, ComparesWithTheLookBefore) {
  FileAge age(absl::Seconds(30));
  absl::Time now = absl::UnixEpoch() + absl::Hours(1);
  uint32_t epoch = 1;
  std::string verdicts;
  for (const char look : GetParam().looks) {
    if (look >= '0' && look <= '9') {
      epoch = static_cast<uint32_t>(look - '0');
      continue;
    }
    std::optional<int64_t> mtime;
    if (look != '-') mtime = look;
    switch (age.Look(now, epoch, mtime)) {
      case FileAge::Verdict::kUnknown:
        verdicts += 'u';
        break;
      case FileAge::Verdict::kFresh:
        verdicts += '+';
        break;
      case FileAge::Verdict::kStale:
        verdicts += '!';
        break;
    }
    now += absl::Seconds(10);
  }
  EXPECT_EQ(verdicts, GetParam().verdicts);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, FileAgeTest,
    ::testing::Values(
        Row{"touched", "abcde", "u++++"},
        Row{"touched_now_and_then", "abbbbccc", "u+++++++"},
        Row{"no_more", "abbbbbc", "u++++!+"},
        Row{"left_behind", "aaaaaa", "uuuu!!"},
        Row{"left_behind_then_touched", "aaabbbbb", "uuu++++!"},
        Row{"missing", "---", "!!!"}, Row{"comes", "--a", "!!+"},
        Row{"goes", "ab-c", "u+!+"},
        // Any difference counts: what the time says is not looked at.
        Row{"clock_set_back", "zab", "u++"},
        Row{"the_next_process", "ab2bbbbb3b", "u+uuuu!u"},
        Row{"the_next_process_touches_it", "ab2bc", "u+u+"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace reinit
