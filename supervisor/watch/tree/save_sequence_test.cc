#include "supervisor/watch/tree/save_sequence.h"

#include <sys/inotify.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

struct Step {
  uint32_t mask;
  std::string_view name;
  uint32_t cookie = 0;
  int watch = 1;
};
using Steps = std::vector<Step>;

absl::Time At(int64_t ms) { return absl::UnixEpoch() + absl::Milliseconds(ms); }

void Do(const Steps& steps, int64_t ms, SaveSequence* save) {
  for (const Step& step : steps) {
    save->OnEvent({step.watch, step.mask, step.cookie, step.name}, At(ms));
  }
}

bool Finished(const Steps& steps) {
  SaveSequence save;
  Do(steps, 0, &save);
  return save.finished();
}

const Steps kInPlace = {{IN_MODIFY, "a"}, {IN_CLOSE_WRITE, "a"}};
const Steps kByRename = {{IN_CREATE, "t"},        {IN_MODIFY, "t"},
                         {IN_ATTRIB, "t"},        {IN_CLOSE_WRITE, "t"},
                         {IN_MOVED_FROM, "t", 7}, {IN_MOVED_TO, "a", 7}};

TEST(SaveSequenceTest, NothingIsNoSave) {
  EXPECT_FALSE(SaveSequence().finished());
}

TEST(SaveSequenceTest, OneFileThatWasClosedOrRenamedIsOne) {
  EXPECT_TRUE(Finished(kInPlace));
  EXPECT_TRUE(Finished({{IN_MODIFY, "a"},
                        {IN_MODIFY, "a"},  // truncated first
                        {IN_CLOSE_WRITE, "a"}}));
  EXPECT_TRUE(Finished(kByRename));
  EXPECT_TRUE(Finished({{IN_MOVED_TO, "a", 7}})) << "from elsewhere";
  EXPECT_TRUE(Finished({{IN_MOVED_FROM, "t", 7}, {IN_MOVED_TO, "a", 7, 2}}))
      << "from another watched folder";
}

// No event more may be missing: each beginning of a save is none.
TEST(SaveSequenceTest, AnUnfinishedSaveIsNone) {
  EXPECT_FALSE(Finished({{IN_MODIFY, "a"}})) << "open for writing";
  EXPECT_FALSE(Finished({{IN_CLOSE_WRITE, "a"}})) << "nothing was written";
  EXPECT_FALSE(Finished({{IN_ATTRIB, "a"}}));
  EXPECT_FALSE(Finished({{IN_MOVED_FROM, "a", 7}})) << "removed, as it seems";
  for (size_t size = 0; size < kByRename.size(); ++size) {
    if (size == 4) continue;  // written and closed: a save of `t` as it seems
    EXPECT_FALSE(Finished(Steps(kByRename.begin(), kByRename.begin() + size)))
        << size;
  }
}

// Whatever comes before, in between or afterwards, of another file or of this.
TEST(SaveSequenceTest, AnythingMoreIsMore) {
  const Steps others = {{IN_CREATE, "4913"},
                        {IN_MODIFY, "b"},
                        {IN_ATTRIB, "b"},
                        {IN_CLOSE_WRITE, "b"},
                        {IN_DELETE, "b"},
                        {IN_MOVED_FROM, "b", 8},
                        {IN_MOVED_TO, "b", 8},
                        {IN_MODIFY, "a", 0, 2},
                        {IN_DELETE, "a"},
                        {IN_ATTRIB | IN_ISDIR, "d"},
                        {IN_CREATE | IN_ISDIR, "d"},
                        {IN_DELETE_SELF, ""},
                        {IN_ATTRIB, ""},
                        {IN_IGNORED, ""},
                        {IN_Q_OVERFLOW, ""}};
  for (const Steps& save : {kInPlace, kByRename}) {
    for (const Step& other : others) {
      for (size_t at = 0; at <= save.size(); ++at) {
        Steps steps = save;
        steps.insert(steps.begin() + static_cast<ptrdiff_t>(at), other);
        EXPECT_FALSE(Finished(steps))
            << other.mask << " of '" << other.name << "' at " << at;
      }
    }
  }
  for (const uint32_t more : {IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE}) {
    Steps steps = kInPlace;
    steps.push_back({more, "a"});
    EXPECT_FALSE(Finished(steps)) << more << " after the end";
  }
}

TEST(SaveSequenceTest, TwoSavesAreMore) {
  Steps twice = kInPlace;
  twice.insert(twice.end(), kInPlace.begin(), kInPlace.end());
  EXPECT_FALSE(Finished(twice));
  twice = kByRename;
  twice.insert(twice.end(), kByRename.begin(), kByRename.end());
  EXPECT_FALSE(Finished(twice));
}

TEST(SaveSequenceTest, ACalmSecondBeginsAnew) {
  SaveSequence save;
  Do({{IN_CREATE, "4913"}, {IN_DELETE, "4913"}}, 0, &save);
  Do(kInPlace, 999, &save);
  EXPECT_FALSE(save.finished());
  Do(kInPlace, 1998, &save);
  EXPECT_FALSE(save.finished())
      << "a second after the last event, not the first";
  Do(kInPlace, 2998, &save);
  EXPECT_TRUE(save.finished());
}

// The events of one save may be read in parts.
TEST(SaveSequenceTest, PartsOfASaveBelongTogether) {
  SaveSequence save;
  int64_t now = 0;
  for (const Step& step : kByRename) Do({step}, now += 3, &save);
  EXPECT_TRUE(save.finished());
}

}  // namespace
}  // namespace reinit
