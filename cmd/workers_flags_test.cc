// --workers and the flags that go with it.
#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cmd/command_line.h"
#include "cmd/flags/given.h"
#include "cmd/parse_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Policy = RestartOptions::Policy;

CpuCount One() { return {1, "0.5 CPUs by cgroup quota, 8 by affinity", ""}; }
CpuCount Three() { return {3, "3 CPUs by affinity, no cgroup quota", ""}; }
CpuCount Unread() { return {8, "8 CPUs by affinity", "no quota to be seen"}; }

CommandLine ParseOn(CpuCount (*cpus)(), const Words& args,
                    const Words& environment = {}) {
  CommandLineContext context;
  context.count_cpus = cpus;
  return ParseCommandLine(args, environment, context);
}

Options GoodOn(CpuCount (*cpus)(), const Words& args) {
  const CommandLine line = ParseOn(cpus, args);
  EXPECT_THAT(line.errors, IsEmpty());
  return line.options;
}

// --- The number ------------------------------------------------------------

TEST(Workers, ThereIsOneByDefault) {
  const Options options = Good({"x", "{worker}"});
  EXPECT_EQ(options.workers.count, 1);
  EXPECT_FALSE(options.workers.given);
  EXPECT_FALSE(options.Supervising());
  EXPECT_THAT(options.command, ElementsAre("x", "{worker}"));
  EXPECT_THAT(options.process.environment, IsEmpty());
}

TEST(Workers, EachFlagReachesItsOption) {
  const Options options =
      Good({"--workers=1024", "--workers-ready=1000", "--restart-parallelism=7",
            "--restart-monitor=2s", "--scale-signals", "--log-prefix", "x"});
  EXPECT_EQ(options.workers.count, 1024);
  EXPECT_EQ(options.workers.ready, 1000);
  EXPECT_EQ(options.workers.parallelism, 7);
  EXPECT_EQ(options.workers.monitor, absl::Seconds(2));
  EXPECT_TRUE(options.workers.scale_signals);
  EXPECT_TRUE(options.workers.log_prefix);
  EXPECT_EQ(options.workers.count_reason, "");
  EXPECT_TRUE(options.Supervising());
  EXPECT_EQ(options.log_level, LogLevel::kInfo);
  EXPECT_EQ(Good({"x"}, {"REINIT_WORKERS=5"}).workers.count, 5);
}

TEST(Workers, NonsenseIsOneClearLine) {
  for (const std::string_view value :
       {"0", "-1", "1025", "99999999999", "2.5", "+2", " 2", "two", "AUTO",
        "auto ", "0x2", "2,3"}) {
    const std::string flag = absl::StrCat("--workers=", value);
    EXPECT_THAT(Errors({flag, "x"}),
                ElementsAre(absl::StrCat(
                    flag,
                    ": allowed are auto and whole numbers from 1 to "
                    "1024")));
  }
  for (const std::string_view flag :
       {"--workers-ready=0", "--workers-ready=1025", "--restart-parallelism=0",
        "--restart-parallelism=x", "--restart-monitor=infinity",
        "--restart-monitor=-1", "--scale-signals=2", "--log-prefix=maybe"}) {
    EXPECT_THAT(Errors({"--workers=2", flag, "x"}),
                ElementsAre(HasSubstr(absl::StrCat(flag, ": "))));
  }
  EXPECT_THAT(Errors({"--workers"}), Contains(HasSubstr("value is missing")));
}

TEST(Workers, NeedACommand) {
  const Words sidecar = {"--watch=/", "--on-change=exec:true"};
  for (const std::string_view flag :
       {"--workers=2", "--workers=auto", "--workers-ready=1",
        "--restart-parallelism=2", "--restart-monitor=1s", "--scale-signals",
        "--log-prefix"}) {
    Words words = sidecar;
    words.push_back(flag);
    EXPECT_THAT(Errors(words),
                ElementsAre(absl::StrCat(flag, ": needs a command to run")));
  }
  EXPECT_THAT(Errors({"--workers=2"}),
              ElementsAre(HasSubstr("no command to run")));
  // A variable may be there for others.
  const Options options = Good(sidecar, {"REINIT_WORKERS=4"});
  EXPECT_EQ(options.workers.count, 1);
  EXPECT_FALSE(options.workers.given);
  EXPECT_EQ(options.restart.policy, Policy::kNo);
  EXPECT_THAT(ParseOn(Unread, sidecar, {"REINIT_WORKERS=auto"}).warnings,
              IsEmpty());
}

TEST(Workers, AutoCountsTheProcessors) {
  const Options three = GoodOn(Three, {"--workers=auto", "x"});
  EXPECT_EQ(three.workers.count, 3);
  EXPECT_EQ(three.workers.count_reason, "3 CPUs by affinity, no cgroup quota");
  EXPECT_EQ(GoodOn(Three, {"--workers=auto", "--workers=2", "x"}).workers.count,
            2);
  EXPECT_EQ(GoodOn(Three, {"--workers=2", "--workers=auto", "x"}).workers.count,
            3);
  const CommandLine unread = ParseOn(Unread, {"--workers=auto", "x"});
  EXPECT_EQ(unread.options.workers.count, 8);
  EXPECT_THAT(unread.errors, IsEmpty());
  EXPECT_THAT(unread.warnings,
              ElementsAre("--workers=auto: no quota to be seen"));
  // On whatever machine this runs.
  EXPECT_GE(Parse({"--workers=auto", "x"}).options.workers.count, 1);
}

// --- Together with other flags ---------------------------------------------

TEST(Workers, ReadyAreNoMoreThanThereAre) {
  EXPECT_THAT(Errors({"--workers=2", "--workers-ready=3", "x"}),
              ElementsAre("--workers-ready=3: more than --workers=2; allowed "
                          "is up to that"));
  EXPECT_EQ(Good({"--workers=2", "--workers-ready=2", "x"}).workers.ready, 2);
  EXPECT_EQ(
      Good({"--workers=2", "x"}, {"REINIT_WORKERS_READY=3"}).workers.ready, 2);
  EXPECT_EQ(
      GoodOn(Three, {"--workers=auto", "--workers-ready=4", "x"}).workers.ready,
      3);
}

TEST(Workers, RestartWhateverTheStatusUnlessToldOtherwise) {
  const auto policy = [](const Words& args, const Words& environment = {}) {
    return Good(args, environment).restart.policy;
  };
  EXPECT_EQ(policy({"--workers=2", "x"}), Policy::kAlways);
  EXPECT_EQ(policy({"--workers=1", "x"}), Policy::kNo);
  EXPECT_EQ(policy({"--workers=2", "--restart=no", "x"}), Policy::kNo);
  EXPECT_EQ(policy({"--workers=2", "--restart=on-failure", "x"}),
            Policy::kOnFailure);
  EXPECT_EQ(policy({"--workers=2", "x"}, {"REINIT_RESTART=on-abnormal"}),
            Policy::kOnAbnormal);
  // To wait for a change is an answer to the same question.
  EXPECT_EQ(policy({"--workers=2", "--dev", "x"}), Policy::kNo);
  EXPECT_EQ(policy({"--workers=2", "--watch=/", "--after-exit=wait", "x"}),
            Policy::kNo);
  // `auto` does the same on each machine.
  EXPECT_EQ(GoodOn(One, {"--workers=auto", "x"}).restart.policy,
            Policy::kAlways);
}

TEST(Workers, FlagsForSeveralHaveNoEffectOnOne) {
  for (const std::string_view flag :
       {"--workers-ready=1", "--restart-parallelism=2", "--restart-monitor=1s",
        "--scale-signals", "--log-prefix"}) {
    for (const Words& args :
         {Words{flag, "x"}, Words{flag, "--workers=1", "x"}})
      EXPECT_THAT(Warnings(args),
                  ElementsAre(absl::StrCat(
                      flag,
                      ": has no effect without --workers=2 or more, or "
                      "auto")));
    EXPECT_THAT(Warnings({flag, "--workers=2", "x"}), IsEmpty());
    EXPECT_THAT(ParseOn(One, {flag, "--workers=auto", "x"}).warnings,
                IsEmpty());
  }
}

TEST(Workers, WhatIsDoneOnceIsNotForEachWorker) {
  for (const char* const action : {"exec:make", "http:POST http://a/reload"}) {
    const std::string flag = absl::StrCat("--on-change=", action);
    EXPECT_THAT(Errors({"--workers=2", "--watch=/", flag, "x"}),
                ElementsAre(AllOf(HasSubstr(flag),
                                  HasSubstr("contradicts --workers=2"))));
    Good({"--watch=/", flag, "x"});
  }
  Good({"--workers=2", "--watch=/", "--on-change=signal:HUP", "x"});
}

TEST(Workers, ASignalCannotScaleAndReload) {
  EXPECT_THAT(
      Errors({"--workers=2", "--scale-signals", "--reload-signal=TTIN", "x"}),
      ElementsAre(AllOf(HasSubstr("--reload-signal=TTIN: contradicts "
                                  "--scale-signals"))));
  EXPECT_THAT(
      Errors({"--workers=2", "--scale-signals", "--stop-signal=TTOU", "x"}),
      ElementsAre(HasSubstr("--stop-signal=TTOU: contradicts")));
  Good({"--workers=2", "--scale-signals", "--reload-signal=HUP", "x"});
  Good({"--workers=2", "--reload-signal=TTIN", "x"});
}

TEST(Workers, EachHasItsOwnReadyDescriptor) {
  const Options options = Good({"--workers=4", "--ready=fd:5", "x"});
  EXPECT_EQ(options.ready.kind, ReadyOptions::Kind::kDescriptor);
  EXPECT_EQ(options.ready.descriptor, 5);
}

TEST(Workers, AreNoneOfAProbe) {
  EXPECT_THAT(Errors({"probe", "--workers=2", "tcp://h:1"}),
              ElementsAre(HasSubstr("--workers=2: not a flag of")));
  EXPECT_THAT(Errors({"probe", "tcp://h:8{worker}"}),
              ElementsAre(HasSubstr("the port must be a number")));
}

// --- {worker} --------------------------------------------------------------

TEST(WorkerPlaceholder, IsKeptForTheWorkers) {
  const Options options =
      Good({"--workers=4", "--health=http://127.0.0.1:808{worker}/x",
            "--health=grpc://127.0.0.1:900{worker}/S",
            "--ready=http+unix:///run/{worker}.sock:/ready", "--env=A={worker}",
            "x", "{worker}"});
  EXPECT_THAT(options.command, ElementsAre("x", "{worker}"));
  EXPECT_EQ(options.health.checks[0].text, "http://127.0.0.1:808{worker}/x");
  EXPECT_EQ(options.health.checks[0].shown, "http://127.0.0.1:808{worker}/x");
  EXPECT_EQ(options.ready.check[0].text,
            "http+unix:///run/{worker}.sock:/ready");
  EXPECT_THAT(options.process.environment, ElementsAre("A={worker}"));
}

TEST(WorkerPlaceholder, MustMakeSenseForEachNumber) {
  Good({"--workers=9", "--health=tcp://127.0.0.1:808{worker}", "x"});
  EXPECT_THAT(
      Errors({"--workers=10", "--health=tcp://127.0.0.1:808{worker}", "x"}),
      ElementsAre(AllOf(HasSubstr("--health=tcp://127.0.0.1:808{worker}: for "
                                  "worker 10"),
                        HasSubstr("from 1 to 65535"))));
  EXPECT_THAT(Errors({"--workers=2", "--ready=tcp://{worker}", "x"}),
              ElementsAre(HasSubstr("--ready=tcp://{worker}")));
  EXPECT_THAT(
      Errors({"--workers=2", "--health=http://:p@h:x{worker}/", "x"}),
      ElementsAre(AllOf(HasSubstr("--health="), Not(HasSubstr(":p@")))));
  // Whatever the order of the flags.
  Good({"--health=tcp://127.0.0.1:808{worker}", "--workers=2", "x"});
}

TEST(WorkerPlaceholder, IsNothingButItselfWithoutTheFlag) {
  EXPECT_EQ(Good({"--health=http://h/{worker}", "x"}).health.checks[0].path,
            "/{worker}");
  EXPECT_THAT(Errors({"--health=http://h:808{worker}/", "x"}),
              ElementsAre(AllOf(HasSubstr("--health=http://h:808{worker}/: "),
                                HasSubstr("the port must be a number"),
                                HasSubstr("only with --workers"))));
  EXPECT_THAT(Errors({"--ready=tcp://h:808{worker}", "x"}),
              ElementsAre(HasSubstr("--ready=tcp://h:808{worker}: ")));
  EXPECT_THAT(Errors({"--chdir=/no/{worker}", "x"}),
              ElementsAre(HasSubstr("--chdir=/no/{worker}: No such file")));
}

TEST(WorkerPlaceholder, EachFolderMustBeThere) {
  const std::string base = testing::TempDir();
  const std::string flag = absl::StrCat("--chdir=", base, "/{worker}");
  for (const int worker : {1, 2}) {
    ::mkdir(absl::StrCat(base, "/", worker).c_str(), 0755);
  }
  EXPECT_EQ(Good({"--workers=2", flag, "x"}).process.as.directory,
            base + "/{worker}");
  EXPECT_THAT(Errors({"--workers=3", flag, "x"}),
              ElementsAre(AllOf(HasSubstr(flag), HasSubstr("/3: No such"))));
  EXPECT_EQ(Good({"--workers=1", flag, "x"}).process.as.directory, base + "/1");
}

TEST(WorkerPlaceholder, OneThatWasAskedForHasTheNumber1) {
  for (const Options& options :
       {Good({"--workers=1", "--health=tcp://h:808{worker}", "x", "{worker}"}),
        GoodOn(One, {"--workers=auto", "--health=tcp://h:808{worker}", "x",
                     "{worker}"})}) {
    EXPECT_THAT(options.command, ElementsAre("x", "1"));
    EXPECT_EQ(options.health.checks[0].port, 8081);
    EXPECT_THAT(options.process.environment,
                ElementsAre("REINIT_WORKER=1", "REINIT_WORKERS=1"));
    EXPECT_EQ(options.workers.self, 0);
  }
}

// --- A reinit below a worker -----------------------------------------------

TEST(NestedReinit, TakesWhatAWorkerIsToldForNoFlag) {
  const Words environment = {"REINIT_WORKERS=4", "REINIT_WORKER=2",
                             "REINIT_LOG_LEVEL=debug"};
  const Options options = Good({"x", "{worker}"}, environment);
  EXPECT_EQ(options.workers.count, 1);
  EXPECT_FALSE(options.workers.given);
  EXPECT_THAT(options.command, ElementsAre("x", "{worker}"));
  EXPECT_EQ(options.log_level, LogLevel::kDebug);
  // Its own flag counts.
  EXPECT_EQ(Good({"--workers=3", "x"}, environment).workers.count, 3);
  EXPECT_TRUE(IsInWorker(environment));
}

TEST(NestedReinit, IsNoneWithoutANumberOfItsOwn) {
  EXPECT_EQ(Good({"x"}, {"REINIT_WORKERS=4", "REINIT_WORKER="}).workers.count,
            4);
  EXPECT_EQ(
      Good({"x"}, {"REINIT_WORKER_PORT=1", "REINIT_WORKERS=4"}).workers.count,
      4);
  EXPECT_FALSE(IsInWorker({}));
}

}  // namespace
}  // namespace reinit
