#include "supervisor/watch/tree/findings.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kManyNames = 1000;
constexpr int kExamples = FoundChanges::kMaxPaths;
constexpr int kWarnings = 20;

class FindingsTest : public ::testing::Test {
 protected:
  // `below` is the path below the root /app.
  void Note(uint64_t path_hash, bool was_there, bool is_there,
            const std::string& below = "a.py") {
    const auto is = is_there ? Findings::Is::kThere : Findings::Is::kGone;
    findings_.NoteChange(path_hash, was_there, is, [&] {
      ++asked_;
      return Findings::Path{below, "/app/" + below};
    });
  }
  void Create(uint64_t path_hash, const std::string& below = "a.py") {
    Note(path_hash, false, true, below);
  }
  void Modify(uint64_t path_hash, const std::string& below = "a.py") {
    Note(path_hash, true, true, below);
  }
  void Delete(uint64_t path_hash, const std::string& below = "a.py") {
    Note(path_hash, true, false, below);
  }
  FoundChanges Take(size_t max_names = kManyNames) {
    return findings_.TakeChanges(max_names);
  }

  Findings findings_;
  int asked_ = 0;  // for a path
};

TEST_F(FindingsTest, OneRewrittenFileIsToldFromMore) {
  EXPECT_FALSE(findings_.OnlyOneRewritten());
  Create(1);
  EXPECT_FALSE(findings_.OnlyOneRewritten()) << "a new file";
  Modify(2);
  EXPECT_FALSE(findings_.OnlyOneRewritten());
  Delete(1);  // a temporary file
  EXPECT_TRUE(findings_.OnlyOneRewritten());
  Delete(2);
  EXPECT_FALSE(findings_.OnlyOneRewritten());
  Create(2);
  EXPECT_TRUE(findings_.OnlyOneRewritten()) << "it was there before";
  findings_.NoteChange(2, true, Findings::Is::kEmpty,
                       [] { return Findings::Path(); });
  EXPECT_FALSE(findings_.OnlyOneRewritten()) << "truncated";
  Modify(2);
  EXPECT_TRUE(findings_.OnlyOneRewritten());
  Modify(3);
  EXPECT_FALSE(findings_.OnlyOneRewritten());
  Take();
  EXPECT_FALSE(findings_.OnlyOneRewritten());
}

// What counts as a change.

TEST_F(FindingsTest, NothingFoundIsNoChange) {
  EXPECT_FALSE(findings_.changed());
  const FoundChanges changes = Take();
  EXPECT_EQ(changes.count, 0u);
  EXPECT_EQ(changes.first, "");
  EXPECT_THAT(changes.names, IsEmpty());
}

TEST_F(FindingsTest, CreatedModifiedAndDeletedPathsAreChanges) {
  Create(1);
  Modify(2);
  Delete(3);
  EXPECT_TRUE(findings_.changed());
  EXPECT_EQ(Take().count, 3u);
}

TEST_F(FindingsTest, APathThatChangesTwiceCountsOnce) {
  Modify(1);
  Modify(1);
  EXPECT_EQ(Take().count, 1u);
}

TEST_F(FindingsTest, APathThatCameAndWentIsNoChange) {
  Create(1);
  Delete(1);
  EXPECT_FALSE(findings_.changed());
  const FoundChanges changes = Take();
  EXPECT_EQ(changes.count, 0u);
  EXPECT_EQ(changes.first, "");
  EXPECT_THAT(changes.names, IsEmpty());
}

TEST_F(FindingsTest, APathThatCameAndWasModifiedAndWentIsNoChange) {
  Create(1);
  Modify(1);
  Delete(1);
  EXPECT_FALSE(findings_.changed());
}

TEST_F(FindingsTest, APathThatCameAndWentAndCameIsAChange) {
  Create(1);
  Delete(1);
  Create(1);
  const FoundChanges changes = Take();
  EXPECT_EQ(changes.count, 1u);
  EXPECT_EQ(changes.first, "/app/a.py");
}

TEST_F(FindingsTest, APathThatWentAndCameBackIsAChange) {
  Delete(1);
  Create(1);
  EXPECT_EQ(Take().count, 1u);
}

TEST_F(FindingsTest, APathThatWasThereAndWentLaterIsAChange) {
  Modify(1);
  Delete(1);
  EXPECT_EQ(Take().count, 1u);
}

TEST_F(FindingsTest, APathThatCameBeforeTakeAndWentAfterItIsTwoChanges) {
  Create(1);
  EXPECT_EQ(Take().count, 1u);
  Delete(1);
  EXPECT_EQ(Take().count, 1u);
}

TEST_F(FindingsTest, ATemporaryFileLeavesTheOtherChangesAlone) {
  Create(1, "tmp");
  Modify(2, "b.py");
  Delete(1, "tmp");
  const FoundChanges changes = Take();
  EXPECT_EQ(changes.count, 1u);
  EXPECT_EQ(changes.first, "/app/b.py");
  EXPECT_THAT(changes.names, ElementsAre(2));
}

TEST_F(FindingsTest, TheRevisionGrowsWithEveryDifference) {
  EXPECT_EQ(findings_.revision(), 0u);
  Create(1);
  EXPECT_EQ(findings_.revision(), 1u);
  Modify(1);
  EXPECT_EQ(findings_.revision(), 2u);
  Delete(1);
  EXPECT_EQ(findings_.revision(), 3u);
  Modify(2);
  EXPECT_EQ(findings_.revision(), 4u);
  Take();
  EXPECT_EQ(findings_.revision(), 4u);
}

TEST_F(FindingsTest, TakeForgetsTheChangesAndTheirMemory) {
  Create(1, "first");
  for (uint64_t hash = 2; hash <= 100; ++hash) Create(hash);
  EXPECT_GE(findings_.MemoryUsed(), 100 * sizeof(uint64_t));
  EXPECT_EQ(Take().count, 100u);
  EXPECT_FALSE(findings_.changed());
  EXPECT_EQ(findings_.MemoryUsed(), Findings().MemoryUsed());
  Modify(5, "b.py");
  const FoundChanges changes = Take();
  EXPECT_EQ(changes.count, 1u);
  EXPECT_EQ(changes.first, "/app/b.py");
  EXPECT_THAT(changes.names, ElementsAre(5));
}

// Which path is shown.

TEST_F(FindingsTest, TheFirstPathFoundIsShown) {
  Modify(2, "b.py");
  Modify(1, "a.py");
  EXPECT_EQ(Take().first, "/app/b.py");
}

TEST_F(FindingsTest, AllPathsAreToldAsTheyWereFound) {
  Modify(2, "b.py");
  Modify(1, ".env");
  Create(3, "tmp");
  Delete(3, "tmp");
  EXPECT_THAT(Take().paths, ElementsAre("/app/b.py", "/app/.env"));
  EXPECT_THAT(Take().paths, IsEmpty());
}

TEST_F(FindingsTest, APathIsAskedForOnce) {
  Modify(1);
  Modify(1);
  Delete(1);
  EXPECT_EQ(asked_, 1);
}

TEST_F(FindingsTest, AHiddenPathIsShownLast) {
  for (const char* const hidden : {".git/index", "src/.a.py.swp", ".env"}) {
    Modify(1, hidden);
    Modify(2, "b.py");
    EXPECT_EQ(Take().first, "/app/b.py") << hidden;
  }
}

TEST_F(FindingsTest, AHiddenPathIsShownIfThereIsNoOther) {
  Modify(1, ".git/index");
  Modify(2, ".git/HEAD");
  EXPECT_EQ(Take().first, "/app/.git/index");
}

TEST_F(FindingsTest, ADotInsideANameHidesNothing) {
  Modify(1, "conf.d/a.conf");
  Modify(2, "b");
  EXPECT_EQ(Take().first, "/app/conf.d/a.conf");
}

TEST_F(FindingsTest, AHiddenFolderAboveTheRootHidesNothing) {
  findings_.NoteChange(1, true, Findings::Is::kThere, [] {
    return Findings::Path{"a.py", "/home/me/.app/a.py"};
  });
  Modify(2, "b.py");
  EXPECT_EQ(Take().first, "/home/me/.app/a.py");
}

TEST_F(FindingsTest, TheLastOf64ExamplesCanBeShown) {
  for (uint64_t hash = 1; hash < kExamples; ++hash) Modify(hash, ".hidden");
  Modify(kExamples, "b.py");
  EXPECT_EQ(Take().first, "/app/b.py");
}

TEST_F(FindingsTest, MorePathsThan64CountAndAreNotAskedFor) {
  for (uint64_t hash = 1; hash <= kExamples; ++hash) Modify(hash, ".hidden");
  Modify(kExamples + 1, "b.py");
  EXPECT_EQ(asked_, kExamples);
  const FoundChanges changes = Take();
  EXPECT_EQ(changes.first, "/app/.hidden");
  EXPECT_EQ(changes.count, kExamples + 1u);
  EXPECT_THAT(changes.names, SizeIs(kExamples + 1));
}

TEST_F(FindingsTest, AnExampleThatWentMakesRoomForAnother) {
  for (uint64_t hash = 1; hash <= kExamples; ++hash) Create(hash, ".hidden");
  Delete(7, ".hidden");
  Create(kExamples + 1, "b.py");
  EXPECT_EQ(Take().first, "/app/b.py");
}

// The names.

TEST_F(FindingsTest, NamesAscend) {
  for (const uint64_t hash : {9, 2, 7, 4}) Modify(hash);
  EXPECT_THAT(Take(4).names, ElementsAre(2, 4, 7, 9));
}

TEST_F(FindingsTest, TheSmallestNamesAreKept) {
  for (const uint64_t hash : {9, 2, 7, 4}) Modify(hash);
  const FoundChanges changes = Take(2);
  EXPECT_THAT(changes.names, ElementsAre(2, 4));
  EXPECT_EQ(changes.count, 4u);
}

TEST_F(FindingsTest, NoNamesAreKeptWhereNoneAreWanted) {
  Modify(1);
  const FoundChanges changes = Take(0);
  EXPECT_THAT(changes.names, IsEmpty());
  EXPECT_EQ(changes.count, 1u);
}

TEST_F(FindingsTest, TheOrderOfTheChangesDoesNotChangeTheNames) {
  constexpr size_t kKept = 100;
  std::mt19937_64 random(/*seed=*/1);
  std::vector<uint64_t> hashes = {0, std::numeric_limits<uint64_t>::max()};
  while (hashes.size() < 10 * kKept) hashes.push_back(random());
  std::vector<uint64_t> smallest = hashes;
  std::sort(smallest.begin(), smallest.end());
  smallest.resize(kKept);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(hashes.begin(), hashes.end(), random);
    // Each burst in an object that has never held another.
    findings_ = Findings();
    for (const uint64_t hash : hashes) Modify(hash);
    EXPECT_EQ(Take(kKept).names, smallest) << "round " << round;
  }
}

// Warnings and roots.

TEST_F(FindingsTest, WarningsAreTakenOnceInOrder) {
  findings_.Warn("cannot read a");
  findings_.Warn("cannot read b");
  EXPECT_THAT(findings_.TakeWarnings(),
              ElementsAre("cannot read a", "cannot read b"));
  EXPECT_THAT(findings_.TakeWarnings(), IsEmpty());
}

TEST_F(FindingsTest, After20WarningsComesALastOneAndThenNone) {
  for (int i = 1; i <= kWarnings + 5; ++i) findings_.Warn(absl::StrCat(i));
  const std::vector<std::string> warnings = findings_.TakeWarnings();
  ASSERT_THAT(warnings, SizeIs(kWarnings + 1));
  for (int i = 1; i <= kWarnings; ++i) {
    EXPECT_EQ(warnings[i - 1], absl::StrCat(i));
  }
  EXPECT_EQ(warnings.back(),
            "more cannot be read, which is not shown any more");
}

TEST_F(FindingsTest, WarningsThatWereTakenCountOn) {
  for (int i = 0; i < kWarnings; ++i) {
    findings_.Warn("cannot read a");
    EXPECT_THAT(findings_.TakeWarnings(), ElementsAre("cannot read a"));
  }
  findings_.Warn("cannot read b");
  EXPECT_THAT(findings_.TakeWarnings(), SizeIs(1));
  findings_.Warn("cannot read c");
  EXPECT_THAT(findings_.TakeWarnings(), IsEmpty());
}

TEST_F(FindingsTest, RootEventsAreTakenOnceInOrder) {
  findings_.NoteRoot(/*gone=*/true, "/app");
  findings_.NoteRoot(/*gone=*/false, "/app");
  findings_.NoteRoot(/*gone=*/true, "/etc/app");
  const std::vector<RootEvent> events = findings_.TakeRootEvents();
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_TRUE(events[0].gone);
  EXPECT_EQ(events[0].path, "/app");
  EXPECT_FALSE(events[1].gone);
  EXPECT_EQ(events[1].path, "/app");
  EXPECT_TRUE(events[2].gone);
  EXPECT_EQ(events[2].path, "/etc/app");
  EXPECT_THAT(findings_.TakeRootEvents(), IsEmpty());
}

TEST_F(FindingsTest, ARootThatGoesIsNoChange) {
  findings_.NoteRoot(/*gone=*/true, "/app");
  EXPECT_FALSE(findings_.changed());
  EXPECT_EQ(findings_.revision(), 0u);
  Take();
  EXPECT_THAT(findings_.TakeRootEvents(), SizeIs(1));
}

}  // namespace
}  // namespace reinit
