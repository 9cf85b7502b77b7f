#include "supervisor/strategy/strategies.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What one of them says, and what all of them were told, in order.
struct Script {
  std::optional<Reason> reason;
  std::optional<std::string> must_end;
  bool ready = true;
  bool decides_ready = false;
};

class ScriptedStrategy : public Strategy {
 public:
  ScriptedStrategy(std::string name, const Script* script,
                   std::vector<std::string>* told)
      : name_(std::move(name)), script_(script), told_(told) {}
  ~ScriptedStrategy() override { Tell("ended"); }

  std::string_view name() const override { return name_; }
  void Start(WakeFn wake) override {
    Tell("start");
    wake_ = std::move(wake);
    wake_(Wake::kAsk);
  }
  std::optional<Reason> ShouldRestart(const InstanceView& view) override {
    Tell(absl::StrCat("asked about ", view.pid));
    return script_->reason;
  }
  std::optional<std::string> MustEnd() override { return script_->must_end; }
  bool Ready() const override { return script_->ready; }
  bool DecidesReady() const override { return script_->decides_ready; }
  void Prepare(LaunchExtras* launch) override {
    launch->environment.push_back(absl::StrCat("BY=", name_));
  }
  void OnInstance(const InstanceView& view) override {
    Tell(absl::StrCat("instance ", view.pid));
  }
  void OnNotify(const NotifyMessage& message) override {
    Tell(message.ready ? "notify ready" : "notify");
  }
  void AddChecks(std::vector<CheckStatus>* to) const override {
    to->emplace_back();
    to->back().check = name_;
  }

 private:
  void Tell(const std::string& what) {
    told_->push_back(absl::StrCat(name_, ": ", what));
  }
  const std::string name_;
  const Script* const script_;
  std::vector<std::string>* const told_;
  WakeFn wake_;
};

class StrategiesTest : public ::testing::Test {
 protected:
  StrategiesTest() : all_(Make({"a", "b"})) {}

  std::vector<std::unique_ptr<Strategy>> Make(
      const std::vector<std::string>& names) {
    std::vector<std::unique_ptr<Strategy>> made;
    made.reserve(names.size());
    for (const std::string& name : names) {
      made.push_back(
          std::make_unique<ScriptedStrategy>(name, &scripts_[name], &told_));
    }
    return made;
  }
  Script& Of(const std::string& name) { return scripts_[name]; }
  static Reason Because(const std::string& text) {
    Reason reason;
    reason.text = text;
    return reason;
  }

  std::map<std::string, Script> scripts_;
  std::vector<std::string> told_;
  Strategies all_;
};

TEST_F(StrategiesTest, TheFirstThatAnswersIsHeardAndNoneAfterIt) {
  InstanceView view;
  view.pid = 7;
  EXPECT_FALSE(all_.ShouldRestart(view).has_value());
  EXPECT_THAT(told_, ElementsAre("a: asked about 7", "b: asked about 7"));
  Of("b").reason = Because("b");
  EXPECT_EQ(all_.ShouldRestart(view)->text, "b");
  told_.clear();
  Of("a").reason = Because("a");
  EXPECT_EQ(all_.ShouldRestart(view)->text, "a");
  // An answer is handed over once: b's is not to be lost.
  EXPECT_THAT(told_, ElementsAre("a: asked about 7"));
}

TEST_F(StrategiesTest, AnyCanSayThatReinitMustEnd) {
  EXPECT_EQ(all_.MustEnd(), std::nullopt);
  Of("b").must_end = "stale mount";
  EXPECT_EQ(all_.MustEnd(), "stale mount");
  Of("a").must_end = "first";
  EXPECT_EQ(all_.MustEnd(), "first");
}

// Every combination, against the sentence in the header.
TEST_F(StrategiesTest, ReadyIsSaidByTheOneThatDecidesElseByAll) {
  for (unsigned bits = 0; bits < 16U; ++bits) {
    Of("a").ready = (bits & 1U) != 0;
    Of("b").ready = (bits & 2U) != 0;
    Of("a").decides_ready = (bits & 4U) != 0;
    Of("b").decides_ready = (bits & 8U) != 0;
    const bool none_decides = !Of("a").decides_ready && !Of("b").decides_ready;
    bool ready = true;
    for (const char* const name : {"a", "b"}) {
      const bool counts = none_decides || Of(name).decides_ready;
      if (counts && !Of(name).ready) ready = false;
    }
    EXPECT_EQ(all_.Ready(), ready) << bits;
  }
}

TEST_F(StrategiesTest, AllAreStartedPreparedAndTold) {
  int wakes = 0;
  all_.Start([&wakes](Strategy::Wake) { ++wakes; });
  EXPECT_EQ(wakes, 2);
  LaunchExtras launch;
  all_.Prepare(&launch);
  EXPECT_THAT(launch.environment, ElementsAre("BY=a", "BY=b"));
  InstanceView view;
  view.pid = 7;
  all_.OnInstance(view);
  NotifyMessage message;
  message.ready = true;
  all_.OnNotify(message);
  EXPECT_THAT(told_, ElementsAre("a: start", "b: start", "a: instance 7",
                                 "b: instance 7", "a: notify ready",
                                 "b: notify ready"));
  EXPECT_THAT(all_.Names(), ElementsAre("a", "b"));
  ASSERT_EQ(all_.Checks().size(), 2U);
  EXPECT_EQ(all_.Checks()[0].check, "a");
  EXPECT_EQ(all_.Checks()[1].check, "b");
}

TEST_F(StrategiesTest, ClearEndsAllAndThenNothingIsSaid) {
  Of("a").reason = Because("a");
  Of("a").must_end = "a";
  all_.Clear();
  EXPECT_THAT(told_, ElementsAre("a: ended", "b: ended"));
  EXPECT_FALSE(all_.ShouldRestart(InstanceView()).has_value());
  EXPECT_EQ(all_.MustEnd(), std::nullopt);
  EXPECT_THAT(all_.Names(), IsEmpty());
  EXPECT_THAT(all_.Checks(), IsEmpty());
}

TEST_F(StrategiesTest, APlainInitHasNoneAndIsReady) {
  const Strategies none({});
  EXPECT_TRUE(none.Ready());
  EXPECT_THAT(none.Names(), IsEmpty());
}

}  // namespace
}  // namespace reinit
