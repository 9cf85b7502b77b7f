// Flags that meet: with each other, with the environment, with --dev.
#include <string_view>

#include "absl/time/time.h"
#include "cmd/command_line.h"
#include "cmd/parse_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Policy = RestartOptions::Policy;

// --- Combinations ----------------------------------------------------------

TEST(CommandLineCombinations, OnFailureCountIsAStartLimit) {
  const RestartOptions limited = Good({"--restart=on-failure:3", "x"}).restart;
  EXPECT_EQ(limited.policy, Policy::kOnFailure);
  EXPECT_EQ(limited.limit_burst, 3);
  EXPECT_EQ(limited.limit_interval, absl::InfiniteDuration());
  // The last --restart counts, with all that belongs to it.
  const RestartOptions last =
      Good({"--restart=on-failure:3", "--restart=always", "x"}).restart;
  EXPECT_EQ(last.limit_burst, RestartOptions().limit_burst);
  EXPECT_EQ(last.limit_interval, RestartOptions().limit_interval);
}

TEST(CommandLineCombinations, OnFailureCountAgainstStartLimit) {
  for (const Words& args :
       {Words{"--restart=on-failure:3", "--start-limit-burst=5", "x"},
        Words{"--start-limit-burst=5", "--restart=on-failure:3", "x"}}) {
    EXPECT_THAT(Errors(args),
                ElementsAre(AllOf(HasSubstr("--start-limit-burst=5"),
                                  HasSubstr("--restart=on-failure:3"))));
  }
  EXPECT_EQ(Errors({"--restart=on-failure:3", "--start-limit-burst=5",
                    "--start-limit-interval=5", "x"})
                .size(),
            2u);
  // Otherwise the command line wins, whichever of the two is on it.
  EXPECT_EQ(
      Good({"--restart=on-failure:3", "x"}, {"REINIT_START_LIMIT_BURST=5"})
          .restart.limit_burst,
      3);
  EXPECT_EQ(
      Good({"--start-limit-burst=5", "x"}, {"REINIT_RESTART=on-failure:3"})
          .restart.limit_burst,
      5);
}

TEST(CommandLineCombinations, RestartDelayAndItsMaximum) {
  EXPECT_THAT(Errors({"--restart=always", "--restart-delay=5",
                      "--restart-delay-max=4", "x"}),
              ElementsAre(AllOf(HasSubstr("--restart-delay=5"),
                                HasSubstr("--restart-delay-max=4"))));
  EXPECT_EQ(
      Good({"--restart=always", "--restart-delay=20s", "x"}).restart.delay_max,
      absl::Seconds(20));
  EXPECT_EQ(
      Good({"--restart=always", "--restart-delay-max=1ms", "x"}).restart.delay,
      absl::Milliseconds(1));
  EXPECT_EQ(Good({"--restart=always", "--restart-delay-max=4", "x"},
                 {"REINIT_RESTART_DELAY=5"})
                .restart.delay,
            absl::Seconds(4));
}

TEST(CommandLineCombinations, WaitingAfterAnExitThatNeverComes) {
  EXPECT_THAT(
      Errors({"--watch=.", "--after-exit=wait", "--restart=always", "x"}),
      ElementsAre(AllOf(HasSubstr("--after-exit=wait"),
                        HasSubstr("--restart=always"))));
  Good({"--watch=.", "--after-exit=wait", "--restart=on-failure", "x"});
  Good({"--dev", "--restart=always", "x"});
  Good({"--restart=always", "x"}, {"REINIT_AFTER_EXIT=wait"});
  EXPECT_THAT(Warnings({"--after-exit=wait", "x"}),
              ElementsAre(HasSubstr("without --watch")));
}

TEST(CommandLineCombinations, FlagsWithoutTheirSwitchAreWarnings) {
  EXPECT_THAT(Warnings({"--watch-ext=py", "x"}),
              ElementsAre(AllOf(HasSubstr("--watch-ext=py"),
                                HasSubstr("without --watch"))));
  // `reinit ctl` reloads and restarts.
  EXPECT_THAT(Warnings({"--reload-check=t", "--restart=always", "x"}),
              IsEmpty());
  EXPECT_THAT(Warnings({"--reload-stop-signal=QUIT", "--max-age=1h", "x"}),
              IsEmpty());
  for (const std::string flag : {"--restart=always", "--control=off"}) {
    EXPECT_THAT(Warnings({"--reload-check=t", flag, "--control=off", "x"}),
                ElementsAre(HasSubstr(
                    "no effect without --watch, --dev or --reload-signal")));
  }
  EXPECT_THAT(Warnings({"--listen-env=nginx", "x"}),
              ElementsAre(HasSubstr("no effect without --listen")));
  EXPECT_THAT(Warnings({"--listen-env=nginx", "--restart=always", "x"}),
              IsEmpty());
  EXPECT_THAT(Warnings({"--listen-env=nginx", "--listen=tcp://0.0.0.0:1", "x"}),
              IsEmpty());
  EXPECT_THAT(Warnings({"--health_retries", "2", "x"}),
              ElementsAre(AllOf(HasSubstr("--health_retries=2"),
                                HasSubstr("without --health"))));
  EXPECT_THAT(Warnings({"--restart-delay=1", "x"}),
              ElementsAre(HasSubstr("without --restart")));
  EXPECT_THAT(Warnings({"--watch-ext=py", "--watch=.", "x"}), IsEmpty());
  EXPECT_THAT(Warnings({"--watch-ext=py", "--dev", "x"}), IsEmpty());
  // What an image is prepared for may be switched on from outside.
  EXPECT_THAT(Warnings({"--watch-ext=py", "x"}, {"REINIT_WATCH=."}), IsEmpty());
  EXPECT_THAT(Warnings({"--start-limit-burst=3", "--health=tcp://h:1", "x"}),
              IsEmpty());
  EXPECT_THAT(Warnings({"x"}, {"REINIT_WATCH_EXT=py", "REINIT_HEALTH_RETRIES=2",
                               "REINIT_RESTART_DELAY=1"}),
              IsEmpty());
}

// --- Environment -----------------------------------------------------------

TEST(CommandLineEnvironment, GivesWhatTheCommandLineDoesNot) {
  const Words environment = {"PATH=/bin", "REINIT_RELOAD_DELAY=1s",
                             "REINIT_STOP_TIMEOUT=7", "REINIT_CLEAR=yes"};
  const Options options = Good({"--stop-timeout=8", "x"}, environment);
  EXPECT_EQ(options.reload_delay, absl::Seconds(1));
  EXPECT_EQ(options.stop.timeout, absl::Seconds(8));
  EXPECT_TRUE(options.clear);
  EXPECT_FALSE(Good({"--no-clear", "x"}, environment).clear);
}

TEST(CommandLineEnvironment, OverriddenValuesAreNotEvenRead) {
  EXPECT_EQ(
      Good({"--stop-timeout=8", "x"}, {"REINIT_STOP_TIMEOUT=x"}).stop.timeout,
      absl::Seconds(8));
}

TEST(CommandLineEnvironment, OneRepeatableValuePerLine) {
  EXPECT_THAT(Good({"x"}, {"REINIT_WATCH=.\n/\n\n"}).watch.paths,
              ElementsAre(".", "/"));
  EXPECT_THAT(Good({"--watch=..", "x"}, {"REINIT_WATCH=.\n/"}).watch.paths,
              ElementsAre(".."));
  EXPECT_THAT(Errors({"x"}, {"REINIT_WATCH=/no/such\n.\n/nor/this"}),
              ElementsAre(HasSubstr("REINIT_WATCH=/no/such:"),
                          HasSubstr("REINIT_WATCH=/nor/this:")));
}

TEST(CommandLineEnvironment, EmptyCountsAsNotSet) {
  const Options options =
      Good({"x"}, {"REINIT_WATCH=", "REINIT_STOP_TIMEOUT=", "REINIT_DEV="});
  EXPECT_FALSE(options.Supervising());
  EXPECT_EQ(options.stop.timeout, absl::Seconds(10));
}

TEST(CommandLineEnvironment, FirstOfSeveralCountsAsForGetenv) {
  EXPECT_EQ(Good({"x"}, {"REINIT_STOP_TIMEOUT=1", "REINIT_STOP_TIMEOUT=2"})
                .stop.timeout,
            absl::Seconds(1));
}

TEST(CommandLineEnvironment, OthersAreIgnored) {
  Good({"x"},
       {"REINIT_PORT=tcp://10.0.0.1:80", "REINIT_WATCHH=1", "REINIT_", "REINIT",
        "REINIT_WATCH", "=", "", "REINIT_VERSION=2", "REINIT_HELP=all",
        "REINIT_CHECK=1", "reinit_watch=/no/such", "REINIT_NO_CLEAR=maybe"});
}

TEST(CommandLineEnvironment, ErrorsNameTheVariable) {
  EXPECT_THAT(Errors({"x"}, {"REINIT_DEV=perhaps"}),
              ElementsAre(AllOf(HasSubstr("REINIT_DEV=perhaps"),
                                HasSubstr("yes, no"))));
}

// --- --dev -----------------------------------------------------------------

TEST(CommandLineDev, IsAPreset) {
  const Options options = Good({"--dev", "x"});
  EXPECT_THAT(options.watch.paths, ElementsAre("."));
  EXPECT_EQ(options.after_exit, AfterExit::kWait);
  EXPECT_EQ(options.stop.timeout, absl::Seconds(2));
  EXPECT_FALSE(options.clear);
  EXPECT_TRUE(Good({"--dev", "x"}, {}, true).clear);
  EXPECT_FALSE(Good({"x"}, {}, true).clear);
  EXPECT_THAT(Good({"x"}, {"REINIT_DEV=1"}).watch.paths, ElementsAre("."));
  EXPECT_FALSE(Good({"--no-dev", "x"}, {"REINIT_DEV=1"}).Supervising());
}

TEST(CommandLineDev, ExplicitFlagsWinWhateverTheOrder) {
  for (const Words& args :
       {Words{"--dev", "--watch=/", "--after-exit=exit", "--stop-timeout=9",
              "--no-clear", "x"},
        Words{"--watch=/", "--after-exit=exit", "--stop-timeout=9",
              "--no-clear", "--dev", "x"}}) {
    const Options options = Good(args, {}, true);
    EXPECT_THAT(options.watch.paths, ElementsAre("/"));
    EXPECT_EQ(options.after_exit, AfterExit::kExit);
    EXPECT_EQ(options.stop.timeout, absl::Seconds(9));
    EXPECT_FALSE(options.clear);
  }
}

TEST(CommandLineDev, AWatchedFileIsOneMore) {
  EXPECT_THAT(Good({"--dev", "--watch=/bin/sh", "x"}).watch.paths,
              ElementsAre("/bin/sh", "."));
  EXPECT_THAT(Good({"--dev", "--watch=/bin/sh", "--watch=/", "x"}).watch.paths,
              ElementsAre("/bin/sh", "/"));
}

TEST(CommandLineDev, TheEnvironmentWinsToo) {
  const Options options = Good({"--dev", "x"},
                               {"REINIT_WATCH=/", "REINIT_STOP_TIMEOUT=9",
                                "REINIT_CLEAR=no", "REINIT_AFTER_EXIT=exit"},
                               true);
  EXPECT_THAT(options.watch.paths, ElementsAre("/"));
  EXPECT_EQ(options.after_exit, AfterExit::kExit);
  EXPECT_EQ(options.stop.timeout, absl::Seconds(9));
  EXPECT_FALSE(options.clear);
}

}  // namespace
}  // namespace reinit
