#include "supervisor/strategy/registry.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What the made strategies call themselves.
std::vector<std::string> Made(const Options& options) {
  FakeWorld world;
  const std::vector<std::string> environment;
  std::vector<std::string> names;
  for (const auto& strategy : MakeStrategies(
           world.context(), &options, environment, [] { return 0; },
           /*sockets=*/nullptr)) {
    names.emplace_back(strategy->name());
  }
  return names;
}

TEST(StrategyRegistry, APlainInitHasNone) {
  EXPECT_THAT(StrategiesOf(Options()), IsEmpty());
  EXPECT_THAT(Made(Options()), IsEmpty());
}

TEST(StrategyRegistry, NamesThemAsTheyNameThemselves) {
  Options options;
  options.watch.paths = {"."};
  options.health.checks = {*ParseProbeTarget("tcp://127.0.0.1:1")};
  options.restart.policy = RestartOptions::Policy::kAlways;
  options.ready.kind = ReadyOptions::Kind::kNotify;
  options.limits.watchdog = absl::Seconds(1);
  options.limits.memory = 1;
  options.limits.age = absl::Hours(1);
  EXPECT_THAT(StrategiesOf(options),
              ElementsAre("inotify", "health", "exit", "readiness", "watchdog",
                          "memory", "age"));
  EXPECT_THAT(Made(options),
              ::testing::ElementsAreArray(StrategiesOf(options)));
  options.watch.mode = WatchOptions::Mode::kPoll;
  EXPECT_EQ(StrategiesOf(options).front(), "mtime");
  EXPECT_EQ(Made(options).front(), "mtime");
}

TEST(StrategyRegistry, AForcedRestartIsOneOfExit) {
  Options options;
  options.restart.force = *ExitCodes::Parse("3");
  EXPECT_THAT(StrategiesOf(options), ElementsAre("exit"));
  EXPECT_THAT(Made(options), ElementsAre("exit"));
}

}  // namespace
}  // namespace reinit
