// What editors and tools announce, on a fake clock: a single saved file is
// reported after 10 ms, and no burst leads to one report more.
#include <sys/inotify.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "supervisor/watch/settle.h"
#include "supervisor/watch/tree/findings.h"
#include "supervisor/watch/tree/save_sequence.h"

namespace reinit {
namespace {

// What is announced of one name, `us` after the one before, and what a look
// then finds there; a name that the filter leaves out is found unchanged.
struct Step {
  int64_t us;
  uint32_t mask;
  std::string_view name;
  uint32_t cookie = 0;
};
struct Burst {
  std::string_view name;
  std::vector<Step> steps;
  bool quick = false;  // one finished save
};

bool LeftOut(std::string_view name) {
  return name == "4913" || name == ".git" || name.ends_with("~") ||
         name.ends_with(".swp") || name.starts_with(".#") ||
         name.find("___jb_") != name.npos;
}

std::vector<Burst> Bursts() {
  std::vector<Burst> bursts = {
      {"in place", {{0, IN_MODIFY, "a"}, {80, IN_CLOSE_WRITE, "a"}}, true},
      {"VS Code: truncated, written, synced, closed",
       {{0, IN_MODIFY, "a"},
        {150, IN_MODIFY, "a"},
        {7000, IN_CLOSE_WRITE, "a"}},
       true},
      {"truncated by name, then written",
       {{0, IN_MODIFY, "a"},
        {20, IN_CLOSE_WRITE, "a"},
        {9000, IN_MODIFY, "a"},
        {90, IN_CLOSE_WRITE, "a"}}},
      {"sed -i: a new file in its place",
       {{0, IN_CREATE, "sedX"},
        {60, IN_MODIFY, "sedX"},
        {20, IN_ATTRIB, "sedX"},
        {20, IN_CLOSE_WRITE, "sedX"},
        {30, IN_MOVED_FROM, "sedX", 1},
        {0, IN_MOVED_TO, "a", 1}},
       true},
      {"mv from elsewhere", {{0, IN_MOVED_TO, "a", 1}}, true},
      {"vim, by rename",
       {{0, IN_CREATE, "4913"},
        {40, IN_CLOSE_WRITE, "4913"},
        {5, IN_ATTRIB, "4913"},
        {5, IN_DELETE, "4913"},
        {90, IN_MOVED_FROM, "a", 2},
        {0, IN_MOVED_TO, "a~", 2},
        {70, IN_CREATE, "a"},
        {80, IN_MODIFY, "a"},
        {6000, IN_CLOSE_WRITE, "a"},
        {12'000, IN_ATTRIB, "a"},
        {60, IN_DELETE, "a~"}}},
      {"vim, in place with a backup",
       {{0, IN_CREATE, "a~"},
        {50, IN_MODIFY, "a~"},
        {20, IN_CLOSE_WRITE, "a~"},
        {90, IN_MODIFY, "a"},
        {60, IN_MODIFY, "a"},
        {5000, IN_CLOSE_WRITE, "a"},
        {15'000, IN_DELETE, "a~"}}},
      {"JetBrains",
       {{0, IN_CREATE, "a___jb_tmp___"},
        {60, IN_MODIFY, "a___jb_tmp___"},
        {30, IN_CLOSE_WRITE, "a___jb_tmp___"},
        {11'000, IN_MOVED_FROM, "a", 3},
        {0, IN_MOVED_TO, "a___jb_old___", 3},
        {40, IN_MOVED_FROM, "a___jb_tmp___", 4},
        {0, IN_MOVED_TO, "a", 4},
        {12'000, IN_DELETE, "a___jb_old___"}}},
      {"Emacs",
       {{0, IN_CREATE, ".#a"},
        {500, IN_MOVED_FROM, "a", 5},
        {0, IN_MOVED_TO, "a~", 5},
        {60, IN_CREATE, "a"},
        {40, IN_MODIFY, "a"},
        {3000, IN_CLOSE_WRITE, "a"},
        {14'000, IN_DELETE, ".#a"}}},
      {"git checkout of one file",
       {{0, IN_DELETE, "a"},
        {30, IN_CREATE, "a"},
        {20, IN_MODIFY, "a"},
        {10, IN_CLOSE_WRITE, "a"}}},
      {"a new folder", {{0, IN_CREATE | IN_ISDIR, "d"}}},
      {"a writer that pauses",
       {{0, IN_MODIFY, "a"},
        {40'000, IN_MODIFY, "a"},
        {9, IN_CLOSE_WRITE, "a"}}},
  };
  // What writes many: the next begins where the one before has ended.
  Burst copy = {"cp -r over what is there", {}};
  Burst checkout = {"git checkout of many", {}};
  Burst compiler = {"a compiler, 40 ms for each new file", {}};
  Burst rsync = {"rsync", {}};
  constexpr std::string_view kNames[] = {"a", "b", "c", "d", "e"};
  constexpr std::string_view kParts[] = {".a.X", ".b.X", ".c.X", ".d.X",
                                         ".e.X"};
  constexpr std::string_view kNew[] = {"a.o", "b.o", "c.o", "d.o", "e.o"};
  for (uint32_t i = 0; i < 5; ++i) {
    const std::string_view name = kNames[i];
    copy.steps.push_back({9'000, IN_MODIFY, name});
    copy.steps.push_back({20'000, IN_MODIFY, name});
    copy.steps.push_back({20, IN_CLOSE_WRITE, name});
    checkout.steps.push_back({9'000, IN_DELETE, name});
    checkout.steps.push_back({20, IN_CREATE, name});
    checkout.steps.push_back({20, IN_MODIFY, name});
    checkout.steps.push_back({20, IN_CLOSE_WRITE, name});
    compiler.steps.push_back({40'000, IN_CREATE, kNew[i]});
    compiler.steps.push_back({100, IN_MODIFY, kNew[i]});
    compiler.steps.push_back({100, IN_CLOSE_WRITE, kNew[i]});
    rsync.steps.push_back({9'000, IN_CREATE, kParts[i]});
    rsync.steps.push_back({20'000, IN_MODIFY, kParts[i]});
    rsync.steps.push_back({20, IN_CLOSE_WRITE, kParts[i]});
    rsync.steps.push_back({5, IN_ATTRIB, kParts[i]});
    rsync.steps.push_back({5, IN_MOVED_FROM, kParts[i], 10 + i});
    rsync.steps.push_back({0, IN_MOVED_TO, name, 10 + i});
  }
  for (Burst& many : {std::ref(copy), std::ref(checkout), std::ref(compiler),
                      std::ref(rsync)}) {
    bursts.push_back(many);
  }
  return bursts;
}

// The watch helper as far as it matters here: looks `late` after each event and
// when something is due.
class Helper {
 public:
  using Rule = std::function<bool(const SaveSequence&, const Findings&)>;
  explicit Helper(Rule rule) : rule_(std::move(rule)) {}

  // One burst after a calm time; how often it was reported, and when last.
  int Reports(const Burst& burst, absl::Duration late) {
    now_ += absl::Minutes(5);
    reports_ = 0;
    std::map<std::string_view, int> before = {
        {"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}};
    state_ = before;
    version_ = 1;
    began_ = now_;
    for (const Step& step : burst.steps) {
      RunUntil(now_ + absl::Microseconds(step.us));
      Apply(step);
      look_ = std::min(look_, now_ + late);
    }
    RunUntil(now_ + absl::Seconds(1));
    return reports_;
  }
  absl::Duration took() const { return reported_ - began_; }

 private:
  void Apply(const Step& step) {
    save_.OnEvent({1, step.mask, step.cookie, step.name}, now_);
    const uint64_t hash = std::hash<std::string_view>()(step.name);
    if (LeftOut(step.name) || (step.mask & IN_ISDIR) != 0) return;
    int& known = state_[step.name];
    const bool was_there = known != 0;
    if ((step.mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
      known = 0;
    } else if ((step.mask & (IN_CREATE | IN_MODIFY | IN_MOVED_TO)) != 0) {
      known = ++version_;
    } else {
      return;
    }
    findings_.NoteChange(
        hash, was_there,
        known != 0 ? Findings::Is::kThere : Findings::Is::kGone,
        [] { return Findings::Path(); });
  }
  void Look() {
    if (findings_.revision() != revision_) settle_.OnChange(now_);
    revision_ = findings_.revision();
    settle_.OnSave(rule_(save_, findings_), now_);
  }
  void RunUntil(absl::Time end) {
    for (;;) {
      const absl::Time next = std::min(look_, settle_.next());
      if (next > end) break;
      now_ = std::max(now_, next);
      look_ = absl::InfiniteFuture();
      Look();
      if (!settle_.Over(now_)) continue;
      reports_ += findings_.TakeChanges(1).count > 0 ? 1 : 0;
      reported_ = now_;
      settle_.Finish(now_);
    }
    now_ = end;
  }

  const Rule rule_;
  Settle settle_{absl::Milliseconds(50), true};
  SaveSequence save_;
  Findings findings_;
  std::map<std::string_view, int> state_;
  int version_ = 0;
  uint64_t revision_ = 0;
  int reports_ = 0;
  absl::Time now_ = absl::UnixEpoch();
  absl::Time look_ = absl::InfiniteFuture();  // due because of an event
  absl::Time began_;
  absl::Time reported_;
};

bool TheRule(const SaveSequence& save, const Findings& findings) {
  return save.finished() && findings.OnlyOneRewritten();
}

constexpr int64_t kLates[] = {0, 100, 1'000, 5'000};

TEST(SaveBurstTest, EachBurstIsReportedOnceAndASaveSoon) {
  for (const int64_t late : kLates) {
    for (const Burst& burst : Bursts()) {
      Helper helper(TheRule);
      EXPECT_EQ(helper.Reports(burst, absl::Microseconds(late)),
                burst.name == "a new folder" ? 0 : 1)
          << burst.name << ", looked at " << late << " us late";
      if (!burst.quick) continue;
      absl::Duration needs = absl::Microseconds(late);
      for (const Step& step : burst.steps) needs += absl::Microseconds(step.us);
      EXPECT_LE(helper.took(), needs + Settle::kQuick) << burst.name;
    }
  }
}

// The twins: with less evidence bursts are cut in two.
TEST(SaveBurstTest, OneClosedFileAloneIsNotEvidenceEnough) {
  std::map<std::string_view, Helper::Rule> rules = {
      {"any change", [](const auto&, const auto&) { return true; }},
      {"one file that was rewritten",
       [](const auto&, const Findings& findings) {
         return findings.OnlyOneRewritten();
       }},
      {"one file that was closed",
       [](const SaveSequence& save, const auto&) { return save.finished(); }}};
  for (const auto& [name, rule] : rules) {
    int more = 0;
    for (const Burst& burst : Bursts()) {
      Helper helper(rule);
      more += helper.Reports(burst, absl::Microseconds(100)) > 1 ? 1 : 0;
    }
    EXPECT_GT(more, 0) << name;
  }
}

// A tool that rewrites files 30 ms apart looks like several saves: one report
// more for the first, and none for the rest, nor for the next minute.
TEST(SaveBurstTest, AToolThatSavesSlowlyIsGuessedWrongOnce) {
  Burst formatter = {"a formatter", {}};
  for (const std::string_view name : {"a", "b", "c", "d", "e"}) {
    formatter.steps.push_back({30'000, IN_MODIFY, name});
    formatter.steps.push_back({50, IN_CLOSE_WRITE, name});
  }
  Helper helper(TheRule);
  EXPECT_EQ(helper.Reports(formatter, absl::Microseconds(100)), 2);
}

}  // namespace
}  // namespace reinit
