#include "supervisor/run/restart_history.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

Reason Of(Reason::Cause cause, const std::string& text) {
  Reason reason;
  reason.cause = cause;
  reason.text = text;
  return reason;
}

TEST(RestartHistoryTest, EachCauseIsCountedByItself) {
  RestartHistory history;
  for (int cause = 0; cause < Reason::kCauses; ++cause) {
    for (int i = 0; i <= cause; ++i) {
      history.Note(Of(static_cast<Reason::Cause>(cause), "x"),
                   absl::UnixEpoch(), 1);
    }
  }
  for (int cause = 0; cause < Reason::kCauses; ++cause) {
    EXPECT_EQ(history.count(static_cast<Reason::Cause>(cause)),
              static_cast<uint64_t>(cause) + 1);
  }
}

TEST(RestartHistoryTest, TheLastFewAreKeptNewestFirst) {
  RestartHistory history;
  const int many = static_cast<int>(RestartHistory::kKept) + 2;
  for (int i = 1; i <= many; ++i) {
    history.Note(Of(Reason::Cause::kFile, absl::StrCat("change ", i)),
                 absl::UnixEpoch() + absl::Seconds(i), i);
  }
  ASSERT_EQ(history.last().size(), RestartHistory::kKept);
  EXPECT_EQ(history.last().front().text, absl::StrCat("change ", many));
  EXPECT_EQ(history.last().front().generation, many);
  EXPECT_EQ(history.last().front().when,
            absl::UnixEpoch() + absl::Seconds(many));
  EXPECT_EQ(history.last().front().cause, Reason::Cause::kFile);
  EXPECT_EQ(history.last().back().text, "change 3");
  EXPECT_EQ(history.count(Reason::Cause::kFile), static_cast<uint64_t>(many));
}

TEST(RestartHistoryTest, ALongTextIsCut) {
  RestartHistory history;
  history.Note(Of(Reason::Cause::kExit, std::string(5000, 'x')),
               absl::UnixEpoch(), 1);
  EXPECT_EQ(history.last().front().text, std::string(1000, 'x'));
}

}  // namespace
}  // namespace reinit
