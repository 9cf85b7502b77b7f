#include "cmd/command_line.h"

#include <signal.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cmd/parse_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/value/version.h"

namespace reinit {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using Action = CommandLine::Action;
using Policy = RestartOptions::Policy;

// --- Where flags end -------------------------------------------------------

struct Split {
  Words args;
  std::vector<std::string> command;
};

class CommandLineSplit : public testing::TestWithParam<Split> {};

TEST_P(CommandLineSplit, LeavesTheCommandAlone) {
  EXPECT_EQ(Good(GetParam().args).command, GetParam().command);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, CommandLineSplit,
    testing::ValuesIn<Split>({
        {{"true"}, {"true"}},
        {{"--", "true"}, {"true"}},
        // tini and catatonit take this -l for themselves.
        {{"ls", "-l", "/"}, {"ls", "-l", "/"}},
        {{"--dev", "ls", "--dev", "--"}, {"ls", "--dev", "--"}},
        {{"--", "--dev"}, {"--dev"}},
        {{"--", "--", "x"}, {"--", "x"}},
        {{"-", "x"}, {"-", "x"}},
        {{"sh", "-c", "exit 3"}, {"sh", "-c", "exit 3"}},
        {{"--stop-timeout", "3", "x"}, {"x"}},
        {{"--stop-timeout=3", "x"}, {"x"}},
        {{"--clear", "yes"}, {"yes"}},
        {{"x", ""}, {"x", ""}},
        // Subcommand words count as the first operand only.
        {{"--", "probe", "tcp://h:1"}, {"probe", "tcp://h:1"}},
        {{"--dev", "--", "probe"}, {"probe"}},
        {{"x", "probe"}, {"x", "probe"}},
        {{"--", "ctl", "status"}, {"ctl", "status"}},
    }));

// --- Values ----------------------------------------------------------------

TEST(CommandLineValues, DefaultsOfAPlainInit) {
  const Options options = Good({"true"});
  EXPECT_FALSE(options.Supervising());
  EXPECT_EQ(options.log_level, LogLevel::kWarning);
  EXPECT_EQ(options.stop.signal, SIGTERM);
  EXPECT_FALSE(options.clear);
}

TEST(CommandLineValues, SupervisingLogsMore) {
  EXPECT_EQ(Good({"--watch=.", "x"}).log_level, LogLevel::kInfo);
  EXPECT_EQ(Good({"--restart=always", "x"}).log_level, LogLevel::kInfo);
  EXPECT_EQ(Good({"--log-level=info", "x"}).log_level, LogLevel::kInfo);
  EXPECT_EQ(Good({"--log-level=warn", "--dev", "x"}).log_level,
            LogLevel::kWarning);
}

TEST(CommandLineValues, BothFormsAndUnderscores) {
  for (const Words& args :
       {Words{"--stop-timeout=3s", "x"}, Words{"--stop-timeout", "3s", "x"},
        Words{"--stop_timeout=3s", "x"}, Words{"--stop_timeout", "3s", "x"},
        Words{"--stop-timeout=3", "x"},
        Words{"--stop-timeout=3000ms", "--", "x"},
        Words{"--stop-timeout=1h", "--stop-timeout=3", "x"}}) {
    EXPECT_EQ(Good(args).stop.timeout, absl::Seconds(3));
  }
}

TEST(CommandLineValues, Switches) {
  for (const std::string_view on :
       {"--clear", "--clear=yes", "--clear=1", "--clear=TRUE", "--clear=on"})
    EXPECT_TRUE(Good({on, "x"}).clear) << on;
  for (const std::string_view off :
       {"--no-clear", "--no_clear", "--clear=no", "--clear=0", "--clear=off"})
    EXPECT_FALSE(Good({"--clear", off, "x"}).clear) << off;
}

TEST(CommandLineValues, EachReachesItsOption) {
  const Options o = Good({"--watch=.",
                          "--watch",
                          "/",
                          "--watch-mode=mtime",
                          "--reload-delay=1",
                          "--watch-settle=0",
                          "--watch-ext=py, .html",
                          "--watch-ext=tar.gz",
                          "--on-change=restart",
                          "--restart=on-failure",
                          "--restart-delay=2",
                          "--restart-delay-max=3",
                          "--restart-reset=infinity",
                          "--start-limit-burst=0",
                          "--start-limit-interval=4",
                          "--start-limit-action=stay",
                          "--health=tcp://localhost:80",
                          "--health=exec:true",
                          "--health-interval=5",
                          "--health-timeout=6",
                          "--health-retries=7",
                          "--health-start-period=8",
                          "--health-expect=200,301-308",
                          "--health-on-failure=restart",
                          "--stop-signal=int",
                          "--leftover-timeout=9",
                          "--log-level=debug",
                          "x"});
  EXPECT_THAT(o.watch.paths, ElementsAre(".", "/"));
  EXPECT_EQ(o.watch.mode, WatchOptions::Mode::kPoll);
  EXPECT_EQ(o.reload_delay, absl::Seconds(1));
  EXPECT_EQ(o.watch.settle, absl::ZeroDuration());
  EXPECT_THAT(o.watch.filter.extensions, ElementsAre("py", "html", "tar.gz"));
  EXPECT_EQ(o.restart.policy, Policy::kOnFailure);
  EXPECT_EQ(o.restart.delay, absl::Seconds(2));
  EXPECT_EQ(o.restart.delay_max, absl::Seconds(3));
  EXPECT_EQ(o.restart.reset, absl::InfiniteDuration());
  EXPECT_EQ(o.restart.limit_burst, 0);
  EXPECT_EQ(o.restart.limit_interval, absl::Seconds(4));
  EXPECT_EQ(o.restart.limit_action, RestartOptions::LimitAction::kStay);
  ASSERT_EQ(o.health.checks.size(), 2u);
  EXPECT_EQ(o.health.checks[0].kind, ProbeTarget::Kind::kTcp);
  EXPECT_EQ(o.health.checks[1].kind, ProbeTarget::Kind::kExec);
  EXPECT_EQ(o.health.interval, absl::Seconds(5));
  EXPECT_EQ(o.health.timeout, absl::Seconds(6));
  EXPECT_EQ(o.health.retries, 7);
  EXPECT_EQ(o.health.start_period, absl::Seconds(8));
  EXPECT_THAT(o.health.expect, ElementsAre(Pair(200, 200), Pair(301, 308)));
  EXPECT_EQ(o.stop.signal, SIGINT);
  EXPECT_EQ(o.stop.leftover_timeout, absl::Seconds(9));
  EXPECT_EQ(o.log_level, LogLevel::kDebug);
}

// --- Wrong lines -----------------------------------------------------------

struct Wrong {
  std::string_view arg;
  std::string_view error;  // a part of it
};

class CommandLineWrong : public testing::TestWithParam<Wrong> {};

TEST_P(CommandLineWrong, IsOneErrorThatNamesFlagAndValue) {
  const Wrong& param = GetParam();
  const std::vector<std::string> errors = Errors({param.arg, "--", "x"});
  ASSERT_EQ(errors.size(), 1u) << testing::PrintToString(errors);
  EXPECT_THAT(errors[0], testing::StartsWith(std::string(param.arg) + ": "));
  EXPECT_THAT(errors[0], HasSubstr(std::string(param.error)));
  EXPECT_FALSE(absl::StrContains(errors[0], '\n'));
}

INSTANTIATE_TEST_SUITE_P(
    Lines, CommandLineWrong,
    testing::ValuesIn<Wrong>({
        {"--wacth=.", "unknown flag; did you mean --watch?"},
        {"--no-claer", "did you mean --no-clear?"},
        {"--qqqqqq", "--help=all"},
        {"-s", "unknown flag"},
        {"-h", "did you mean --help?"},
        {"-dev", "did you mean --dev?"},
        {"---", "unknown flag"},
        {"--=x", "unknown flag"},
        {"--watch", "the value is missing; write --watch=PATH"},
        {"--watch=", "the value is empty; write --watch=PATH"},
        {"--clear=", "the value is empty; write --clear"},
        {"--clear=maybe", "allowed are yes, no"},
        {"--no-clear=yes", "takes no value"},
        {"--no-watch", "is not a switch; write --watch=PATH"},
        {"--watch=/no/such/path", "no such file or directory"},
        {"--watch=/dev/null/x", "no such file or directory"},
        {"--watch-mode=fanotify",
         "allowed are auto, inotify, poll, mtime, hash"},
        {"--watch-compare=size", "allowed are auto, mtime, hash"},
        {"--watch-scan=often", "not a duration; write 250ms"},
        {"--watch-scan=infinity", "finite"},
        {"--reload-delay=0", "1ms or more"},
        {"--reload-delay=infinity", "finite"},
        {"--reload-delay=-1s", "cannot be negative"},
        {"--reload-delay=fast", "not a duration; write 250ms"},
        {"--watch-settle=infinity", "finite"},
        {"--watch-settle=5001ms", "at most 5s"},
        {"--watch=/proc", "/sys"},
        {"--watch=/proc/self/status", "/sys"},
        {"--watch-ext=,", "extensions with commas"},
        {"--watch-ext=py,,html", "extensions with commas"},
        {"--watch-ext=*.py", "extensions with commas"},
        {"--watch-ext=py html", "extensions with commas"},
        {"--watch-ext={py,html}", "extensions with commas"},
        {"--watch-include=!*.py", "begins with !"},
        {"--watch-exclude=*.py,*.html", "a comma outside of braces"},
        {"--watch-exclude=../x", "never matches"},
        {"--on-change=http:POST", "allowed is METHOD URL"},
        {"--on-change=http:SEND http://a/", "allowed is METHOD URL"},
        {"--on-change=http:POST https://a/", "no TLS"},
        {"--on-change=http:POST tcp://a:1", "http:// or http+unix://"},
        {"--on-change=exec:", "exec:"},
        {"--on-change=reload", "http:METHOD URL"},
        {"--on-change=signal:XYZ", "XYZ"},
        {"--on-change=exit:256", "0 to 255"},
        {"--listen=8080", "allowed are tcp://"},
        {"--listen-env=apache", "allowed are all"},
        {"--listen-backlog=0", "1 to"},
        {"--ready=fd:2", "3 to 255"},
        {"--ready=soon", "allowed are exec"},
        {"--ready=delay:infinity", "infinity"},
        {"--max-memory=0", "512Mi"},
        {"--max-memory=9999999999Gi", "512Mi"},
        {"--max-age=0", "1ms"},
        {"--ready-timeout=0", "1ms or more, and infinity for no limit"},
        {"--watchdog=0", "infinity"},
        {"--reload-signal=TERM", "something else"},
        {"--ready-file=/no/such/folder/x", "folder is not there"},
        {"--after-exit=stop", "allowed are exit, wait"},
        {"--restart=sometimes",
         "allowed are no, on-failure, on-failure:N, on-abnormal, always"},
        {"--restart=on-failure:", "N from 1"},
        {"--restart=on-failure:0", "N from 1"},
        {"--restart=on-failure:-1", "N from 1"},
        {"--restart=on-failure:3x", "N from 1"},
        {"--restart=always:3", "allowed are no"},
        {"--restart-delay=infinity", "finite"},
        {"--start-limit-burst=-1", "whole number from 0"},
        {"--start-limit-burst=+1", "whole number from 0"},
        {"--start-limit-burst=99999999999", "whole number from 0 to 1000000"},
        {"--start-limit-action=reboot", "allowed are exit, stay"},
        {"--health=ftp://x", "ftp://x"},
        {"--health=nonsense", "nonsense"},
        {"--health-interval=0", "1ms or more"},
        {"--health-timeout=0s", "1ms or more"},
        {"--health-retries=0", "whole number from 1"},
        {"--health-retries=1.5", "whole number from 1"},
        {"--health-expect=99", "from 100 to 599"},
        {"--health-expect=399-200", "from 100 to 599"},
        {"--health-expect=200-", "from 100 to 599"},
        {"--health-expect=200-300-400", "from 100 to 599"},
        {"--health-expect=200,", "from 100 to 599"},
        {"--health-on-failure=stop", "restart, exit, signal:SIG, none"},
        {"--health-on-failure=signal:", "no such signal"},
        {"--health-on-failure=signal:FOO", "no such signal"},
        {"--stop-signal=FOO", "no such signal"},
        {"--stop-signal=0", "no such signal"},
        {"--stop-timeout=99999999999999999999h", "hundred years"},
        {"--log-level=loud", "allowed are error, warning, warn, info, debug"},
        {"--help=some", "allowed is all"},
        {"--no-help", "is not a switch"},
    }));

TEST(CommandLineErrors, AllAtOnce) {
  EXPECT_THAT(
      Errors({"--bogus", "--watch=/no/such", "--stop-timeout=abc",
              "--stop-signal", "XYZ", "--health=bad", "--watch"},
             {"REINIT_RELOAD_DELAY=never", "REINIT_HEALTH_RETRIES=0"}),
      ElementsAre(
          HasSubstr("--bogus"), HasSubstr("--watch: "),
          HasSubstr("--watch=/no/such"), HasSubstr("--stop-timeout=abc"),
          HasSubstr("--stop-signal=XYZ"), HasSubstr("--health=bad"),
          HasSubstr("REINIT_RELOAD_DELAY=never"),
          HasSubstr("REINIT_HEALTH_RETRIES=0"), HasSubstr("no command")));
}

TEST(CommandLineErrors, NoValueOfAQueryIsShown) {
  for (const std::string flag :
       {"--health=http://x:1/h?token=s3cret#f", "--health=htp://x?token=s3cret",
        "--on-change=http:POST http://x/?token=s3cret#f"}) {
    EXPECT_THAT(Errors({"--watch=.", flag, "x"}),
                ElementsAre(AllOf(HasSubstr("token=***"),
                                  testing::Not(HasSubstr("s3cret")))))
        << flag;
  }
  EXPECT_THAT(Errors({"probe", "http://x:1/h?token=s3cret#f"}),
              ElementsAre(testing::Not(HasSubstr("s3cret"))));
}

// The line and the log are for many eyes.
TEST(CommandLineErrors, NoPasswordOfAUrlIsShown) {
  for (const std::string flag :
       {"--on-change=http:POST http://u:s3cret@h/",
        "--on-change=http:POST http://u:s3/c?ret@h/",
        "--health=http://u:s3cret@h/", "--ready=tcp://u:s3/cret@h:1"}) {
    for (const std::string& error : Errors({"--watch=.", flag, "x"})) {
      EXPECT_THAT(error, testing::Not(HasSubstr("s3")));
    }
    EXPECT_THAT(Errors({"--watch=.", flag, "x"}), SizeIs(1)) << flag;
  }
  EXPECT_THAT(Errors({"--watch=.", "x"},
                     {"REINIT_ON_CHANGE=http:POST http://u:s3cret@h/"}),
              ElementsAre(AllOf(HasSubstr("--on-change-auth-file"),
                                testing::Not(HasSubstr("s3")))));
}

TEST(CommandLineErrors, MissingCommand) {
  for (const Words& args :
       {Words{}, Words{"--"}, Words{"--dev"}, Words{"--watch=.", "--"}})
    EXPECT_THAT(Errors(args), ElementsAre(HasSubstr("no command to run")));
  EXPECT_THAT(Errors({""}), ElementsAre(HasSubstr("empty word")));
}

// --- Without a command -----------------------------------------------------

Words SidecarLine() {
  return {"--watch=.", "--on-change=signal:HUP", "--target-process=nginx"};
}

Words With(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(Sidecar, NeedsNoCommand) {
  const CommandLine line = Parse(SidecarLine());
  EXPECT_THAT(line.errors, IsEmpty());
  EXPECT_THAT(line.warnings, IsEmpty());
  EXPECT_EQ(line.action, CommandLine::Action::kRun);
  EXPECT_TRUE(line.options.Sidecar());
  EXPECT_TRUE(line.options.Supervising());
  for (const std::string_view action :
       {"exec:true", "http:POST http://127.0.0.1:9/-/reload", "exit", "none"}) {
    const std::string flag = absl::StrCat("--on-change=", action);
    EXPECT_THAT(Errors({"--watch=.", flag}), IsEmpty()) << flag;
  }
  EXPECT_THAT(Errors({"--reload-signal=HUP", "--on-change=exec:true"}),
              IsEmpty());
  EXPECT_THAT(Errors({}, {"REINIT_WATCH=.", "REINIT_ON_CHANGE=exec:true"}),
              IsEmpty());
}

TEST(Sidecar, WhatItMustHave) {
  EXPECT_THAT(Errors({"--watch=.", "--on-change=signal:HUP"}),
              ElementsAre(HasSubstr("needs one of --target-process")));
  EXPECT_THAT(Errors({"--on-change=exec:true"}),
              ElementsAre(HasSubstr("without a command it needs --watch")));
  EXPECT_THAT(Errors({"--watch=.", "--on-change=restart"}),
              ElementsAre(HasSubstr("=restart: needs a command")));
}

TEST(Sidecar, WrongTargets) {
  for (const auto& [flag, why] :
       {std::pair{"--target-process=/usr/sbin/nginx", "--target-cmdline"},
        {"--target-cmdline=[a]", "* (any text)"},
        {"--target-pidfile=/no/such/x", "folder is not there"},
        {"--on-missing=stay", "allowed are wait, fail"}}) {
    EXPECT_THAT(Errors(With(SidecarLine(), {flag})),
                ElementsAre(HasSubstr(why)));
  }
}

TEST(Sidecar, TheStartAsAChange) {
  const auto start = [](const Words& more) {
    return Errors(With(SidecarLine(), With({"--on-start=apply"}, more)));
  };
  EXPECT_THAT(start({}), IsEmpty());
  EXPECT_THAT(start({"--on-start-file=/tmp/applied"}), IsEmpty());
  // It would be a change of its own, again and again.
  EXPECT_THAT(start({"--on-start-file=applied"}),
              ElementsAre(HasSubstr("lies in --watch=.")));
  EXPECT_THAT(start({"--watch=/tmp/", "--on-start-file=/tmp/applied"}),
              ElementsAre(HasSubstr("lies in --watch=/tmp/")));
  EXPECT_THAT(start({"--watch=/usr/lib", "--on-start-file=/usr/library"}),
              IsEmpty());
  EXPECT_THAT(Parse(With(SidecarLine(), {"--on-start-file=/tmp/x"})).warnings,
              ElementsAre(HasSubstr("no effect without --on-start=apply")));
  EXPECT_THAT(Errors({"--watch=.", "--on-start=apply", "x"}),
              ElementsAre(HasSubstr("only without a command")));
}

TEST(Sidecar, HeadersNeedARequest) {
  EXPECT_THAT(Parse(With(SidecarLine(), {"--on-change-auth-file=/x"})).warnings,
              ElementsAre(HasSubstr("no effect without --on-change=http:")));
  EXPECT_THAT(Parse({"--watch=.", "--on-change=http:PUT http://h/",
                     "--on-change-auth-file=/x"})
                  .warnings,
              IsEmpty());
}

TEST(Sidecar, WhatItCannotHave) {
  for (const std::string_view flag :
       {"--dev", "--restart=always", "--health=tcp://127.0.0.1:1",
        "--listen=tcp://127.0.0.1:80", "--ready=exec", "--stop-timeout=1s",
        "--pre-start=true", "--max-age=1h", "--rewrite=TERM:INT"}) {
    EXPECT_THAT(Errors(With(SidecarLine(), {flag})),
                ElementsAre(AllOf(HasSubstr(flag),
                                  HasSubstr("needs a command to run"))));
  }
  EXPECT_THAT(
      Errors(With(SidecarLine(), {"--ready-file=/tmp/x", "--control=off",
                                  "--termination-log=/tmp/y"})),
      IsEmpty());
}

TEST(Sidecar, AListenerInTheEnvironmentIsNotHeld) {
  const CommandLine line =
      Parse(SidecarLine(), {"REINIT_LISTEN=tcp://127.0.0.1:80"});
  EXPECT_THAT(line.errors, IsEmpty());
  EXPECT_TRUE(line.options.listen.sockets.empty());
}

TEST(Sidecar, TargetsAreOnlyForIt) {
  EXPECT_THAT(Errors(With(SidecarLine(), {"nginx"})),
              ElementsAre(HasSubstr("only without a command")));
  EXPECT_THAT(Errors({"nginx"}, {"REINIT_TARGET_PROCESS=nginx"}), IsEmpty());
}

TEST(CommandLineErrors, NextFlagIsNotTakenForAValue) {
  EXPECT_THAT(Errors({"--watch", "--dev", "x"}),
              ElementsAre(HasSubstr("--watch: the value is missing")));
  EXPECT_THAT(Errors({"--stop-timeout", "-5", "x"}),
              ElementsAre(HasSubstr("--stop-timeout=-5: a duration cannot")));
  EXPECT_THAT(Errors({"--watch", "", "x"}),
              ElementsAre(HasSubstr("--watch: the value is empty")));
}

TEST(CommandLineErrors, StayOnOneReadableLine) {
  const std::string evil =
      "--stop-timeout=a\nb\x1b[31m" + std::string(9999, 'z');
  const std::vector<std::string> errors = Errors({evil, "x"});
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].find_first_of("\n\x1b"), std::string::npos);
  EXPECT_LT(errors[0].size(), 500u);
}

TEST(CommandLineErrors, FlagIsNamedAsItWasGiven) {
  EXPECT_THAT(Errors({"--stop_timeout=x", "y"}),
              ElementsAre(HasSubstr("--stop_timeout=x")));
}

// --- Printing --------------------------------------------------------------

TEST(CommandLinePrint, VersionAndHelp) {
  const CommandLine version = Parse({"--version"});
  EXPECT_EQ(version.action, Action::kPrint);
  EXPECT_EQ(version.text, "reinit 0.1.0\n");
  EXPECT_EQ(kVersion, "0.1.0");

  const CommandLine help = Parse({"--help"});
  const CommandLine all = Parse({"--help=all"});
  EXPECT_EQ(help.action, Action::kPrint);
  EXPECT_EQ(all.action, Action::kPrint);
  EXPECT_GT(all.text.size(), help.text.size());
  EXPECT_EQ(Parse({"probe", "--help"}).action, Action::kPrint);
}

TEST(CommandLinePrint, ComesBeforeErrors) {
  const CommandLine line = Parse({"--bogus", "--stop-timeout=x", "--help"});
  EXPECT_EQ(line.action, Action::kPrint);
  EXPECT_THAT(line.errors, IsEmpty());
}

TEST(CommandLinePrint, TheCommandsOwnHelpIsNotOurs) {
  EXPECT_THAT(Good({"x", "--help"}).command, ElementsAre("x", "--help"));
}

// --- probe -----------------------------------------------------------------

TEST(CommandLineProbe, TakesOneUrl) {
  for (const Words& args :
       {Words{"probe", "http://127.0.0.1:8080/healthz"},
        Words{"probe", "--", "http://127.0.0.1:8080/healthz"}}) {
    const CommandLine line = Parse(args);
    EXPECT_THAT(line.errors, IsEmpty());
    EXPECT_EQ(line.action, Action::kProbe);
    ASSERT_EQ(line.options.health.checks.size(), 1u);
    EXPECT_EQ(line.options.health.checks[0].text,
              "http://127.0.0.1:8080/healthz");
  }
}

TEST(CommandLineProbe, TakesItsFlagsOnBothSides) {
  for (const Words& args : {Words{"--health-timeout=1", "--health-expect=204",
                                  "probe", "tcp://h:1"},
                            Words{"probe", "--health-timeout=1",
                                  "--health-expect", "204", "tcp://h:1"},
                            Words{"probe", "tcp://h:1", "--health-timeout", "1",
                                  "--health-expect=204"}}) {
    const CommandLine line = Parse(args);
    EXPECT_THAT(line.errors, IsEmpty());
    EXPECT_THAT(line.warnings, IsEmpty());
    EXPECT_EQ(line.action, Action::kProbe);
    EXPECT_EQ(line.options.health.timeout, absl::Seconds(1));
    EXPECT_THAT(line.options.health.expect, ElementsAre(Pair(204, 204)));
  }
}

// A HEALTHCHECK has the environment of the supervisor that it asks about.
TEST(CommandLineProbe, ReadsOnlyItsOwnVariables) {
  const CommandLine line =
      Parse({"probe", "tcp://h:1"},
            {"REINIT_HEALTH_TIMEOUT=1", "REINIT_HEALTH=tcp://other:2",
             "REINIT_WATCH=/gone", "REINIT_DEV=1", "REINIT_STOP_SIGNAL=X"});
  EXPECT_THAT(line.errors, IsEmpty());
  EXPECT_EQ(line.options.health.timeout, absl::Seconds(1));
  ASSERT_EQ(line.options.health.checks.size(), 1u);
  EXPECT_EQ(line.options.health.checks[0].text, "tcp://h:1");
  EXPECT_FALSE(line.options.clear);
}

TEST(CommandLineProbe, Errors) {
  EXPECT_THAT(Errors({"probe"}), ElementsAre(AllOf(HasSubstr("URL is missing"),
                                                   HasSubstr("-- probe"))));
  EXPECT_THAT(Errors({"probe", "tcp://h:1", "tcp://h:2"}),
              ElementsAre(HasSubstr("one URL only")));
  EXPECT_THAT(Errors({"probe", "exec:true"}),
              ElementsAre(AllOf(HasSubstr("probe exec:true: "),
                                HasSubstr("run the command itself"))));
  EXPECT_THAT(Errors({"probe", "junk"}),
              ElementsAre(HasSubstr("probe junk: ")));
  EXPECT_THAT(Errors({"--watch=.", "probe", "tcp://h:1"}),
              ElementsAre(AllOf(HasSubstr("--watch=.: not a flag of"),
                                HasSubstr("-- probe"))));
  EXPECT_THAT(Errors({"probe", "--health-timeout=x", "--bogus", "junk"}),
              ElementsAre(HasSubstr("--bogus"), HasSubstr("--health-timeout=x"),
                          HasSubstr("probe junk")));
}

TEST(CommandLineListenExec, TakesACommand) {
  for (const Words& args : {Words{"listen-exec", "--", "server", "--flag"},
                            Words{"listen-exec", "server", "--flag"}}) {
    const CommandLine line = Parse(args, {"REINIT_STOP_SIGNAL=X"});
    EXPECT_THAT(line.errors, IsEmpty());
    EXPECT_EQ(line.action, Action::kListenExec);
    EXPECT_THAT(line.options.command, ElementsAre("server", "--flag"));
  }
  EXPECT_EQ(Parse({"--", "listen-exec"}).action, Action::kRun);
  EXPECT_THAT(Errors({"listen-exec"}),
              ElementsAre(HasSubstr("the command is missing")));
  EXPECT_THAT(Errors({"--watch=.", "listen-exec", "x"}),
              ElementsAre(HasSubstr("--watch=.: not a flag of")));
}

TEST(CommandLineSelfInstall, TakesAFolder) {
  for (const Words& args : {Words{"self-install", "/tools"},
                            Words{"self-install", "--", "/tools"}}) {
    const CommandLine line = Parse(args, {"REINIT_STOP_SIGNAL=X"});
    EXPECT_THAT(line.errors, IsEmpty());
    EXPECT_EQ(line.action, Action::kSelfInstall);
    EXPECT_THAT(line.options.command, ElementsAre("/tools"));
  }
  EXPECT_EQ(Parse({"--", "self-install"}).action, Action::kRun);
  for (const Words& args : {Words{"self-install"}, Words{"self-install", ""}}) {
    EXPECT_THAT(Errors(args), ElementsAre(HasSubstr("the folder is missing")));
  }
  EXPECT_THAT(Errors({"self-install", "a", "b"}),
              ElementsAre(HasSubstr("takes one folder only")));
  EXPECT_THAT(Errors({"--dev", "self-install", "a"}),
              ElementsAre(HasSubstr("--dev: not a flag of")));
}

TEST(CommandLineSidecar, SignalsThatNobodyHandles) {
  for (const std::string signal : {"KILL", "STOP", "9"}) {
    const std::string flag = "--on-change=signal:" + signal;
    EXPECT_THAT(Errors({"--watch=.", flag, "--target-process=nginx"}),
                ElementsAre(HasSubstr(flag)));
    EXPECT_THAT(Errors({"--watch=.", flag, "x"}), ElementsAre(HasSubstr(flag)));
  }
  EXPECT_THAT(Errors({"--watch=.", "--on-change=signal:KILL",
                      "--target-process=nginx", "--target-force"}),
              IsEmpty());
  EXPECT_THAT(Errors({"--watch=.", "--on-change=signal:STOP",
                      "--target-process=nginx", "--target-force"}),
              ElementsAre(HasSubstr("freezes")));
}

TEST(CommandLineListen, IsJudgedWithTheOthers) {
  EXPECT_THAT(Errors({"--listen=a=tcp://0.0.0.0:1", "--listen=a=unix:/a", "x"}),
              ElementsAre(HasSubstr("the name of --listen=a=tcp://0.0.0.0:1")));
  EXPECT_THAT(Errors({"--listen=tcp://0.0.0.0:1", "--ready=fd:3", "x"}),
              ElementsAre(HasSubstr("allowed is fd:4 or more")));
  EXPECT_THAT(Errors({"--listen=tcp://0.0.0.0:1", "--ready=fd:4", "x"}),
              IsEmpty());
  EXPECT_THAT(Warnings({"--listen-backlog=5", "x"}),
              ElementsAre(HasSubstr("no effect without --listen")));
  EXPECT_TRUE(Good({"--listen=tcp://0.0.0.0:1", "x"}).Supervising());
  EXPECT_EQ(Good({"--listen=tcp://0.0.0.0:1", "x"}).ready.kind,
            ReadyOptions::Kind::kAccept);
  EXPECT_EQ(Good({"--listen=tcp://0.0.0.0:1", "--ready=exec", "x"}).ready.kind,
            ReadyOptions::Kind::kExec);
}

// reinit holds it, so to connect proves nothing.
TEST(CommandLineListen, ACheckThatOnlyConnectsToItIsWarnedOf) {
  const auto warnings = [](const std::string& listen,
                           const std::string& check) {
    return Warnings({"--listen=" + listen, check, "x"});
  };
  for (const auto& [listen, check] :
       {std::pair{"tcp://127.0.0.1:80", "--health=tcp://127.0.0.1:80"},
        {"tcp://0.0.0.0:80", "--health=tcp://127.0.0.1:80"},
        {"tcp://[::]:80", "--health=tcp://localhost:80"},
        {"unix:/run/a", "--health=unix:///run/a"}}) {
    EXPECT_THAT(warnings(listen, check),
                ElementsAre(HasSubstr("use http://, grpc:// or stall:")))
        << check;
  }
  EXPECT_THAT(warnings("tcp://0.0.0.0:80", "--ready=tcp://127.0.0.1:80"),
              ElementsAre(HasSubstr("succeeds; use accept")));
  for (const auto& [listen, check] :
       {std::pair{"tcp://0.0.0.0:80", "--health=tcp://127.0.0.1:81"},
        {"tcp://127.0.0.1:80", "--health=tcp://127.0.0.2:80"},
        {"tcp://0.0.0.0:80", "--health=tcp://10.0.0.1:80"},
        {"tcp://0.0.0.0:80", "--health=http://127.0.0.1:80"},
        {"unix:/run/a", "--health=unix:///run/b"}}) {
    EXPECT_THAT(warnings(listen, check), IsEmpty()) << check;
  }
}

CtlRequest GoodCtl(const Words& args, const Words& environment = {}) {
  const CommandLine line = Parse(args, environment);
  EXPECT_THAT(line.errors, IsEmpty());
  EXPECT_EQ(line.action, Action::kCtl);
  return line.ctl;
}

TEST(CommandLineCtl, TakesItsWords) {
  EXPECT_EQ(GoodCtl({"ctl", "status"}).request, "status");
  EXPECT_EQ(GoodCtl({"ctl", "status", "--json"}).request, "status json");
  EXPECT_EQ(GoodCtl({"ctl", "restart"}).request, "restart");
  EXPECT_EQ(GoodCtl({"ctl", "--json", "reload"}).request, "reload");
  EXPECT_EQ(GoodCtl({"ctl", "stop"}).request, "stop");
  EXPECT_EQ(GoodCtl({"ctl", "stop", "--now"}).request, "stop now");
  EXPECT_EQ(GoodCtl({"ctl", "signal", "HUP"}).request, "signal 1");
  const CtlRequest wait =
      GoodCtl({"ctl", "wait", "--ready", "--timeout", "5s"});
  EXPECT_TRUE(wait.wait);
  EXPECT_TRUE(wait.until_ready);
  EXPECT_EQ(wait.timeout, absl::Seconds(5));
  for (const std::string what : {"reload", "restart"}) {
    const CtlRequest until_done =
        GoodCtl({"ctl", what, "--wait", "--timeout=7s"});
    EXPECT_EQ(until_done.request, what + " wait");
    EXPECT_TRUE(until_done.until_done);
    EXPECT_FALSE(until_done.wait);
    EXPECT_EQ(until_done.timeout, absl::Seconds(7));
    EXPECT_FALSE(GoodCtl({"ctl", what}).until_done);
  }
  EXPECT_EQ(Parse({"--", "ctl", "status"}).action, Action::kRun);
}

TEST(CommandLineCtl, RestartsOneWorker) {
  EXPECT_EQ(GoodCtl({"ctl", "restart", "--worker=2"}).request, "restart 2");
  EXPECT_EQ(GoodCtl({"ctl", "--worker", "1024", "restart"}).request,
            "restart 1024");
  const CtlRequest wait =
      GoodCtl({"ctl", "restart", "--wait", "--worker=2", "--timeout=7s"});
  EXPECT_EQ(wait.request, "restart 2 wait");
  EXPECT_TRUE(wait.until_done);
  EXPECT_EQ(wait.timeout, absl::Seconds(7));
}

TEST(CommandLineCtl, Scales) {
  const CtlRequest scale = GoodCtl({"ctl", "scale", "4"});
  EXPECT_EQ(scale.request, "scale 4");
  EXPECT_FALSE(scale.until_scaled);
  EXPECT_FALSE(scale.wait);
  const CtlRequest wait = GoodCtl({"ctl", "scale", "1", "--wait"});
  EXPECT_EQ(wait.request, "scale 1");
  EXPECT_EQ(wait.progress, "progress 1");
  EXPECT_TRUE(wait.until_scaled);
  EXPECT_FALSE(wait.until_done);
  EXPECT_EQ(wait.timeout, absl::Seconds(60));
  EXPECT_EQ(GoodCtl({"ctl", "wait"}).progress, "progress");
}

TEST(CommandLineCtl, FindsEveryErrorOfWorkers) {
  for (const std::string number :
       {"0", "-1", "1025", "x", "", "2x", "+2", "99999999999999999999"}) {
    const std::string allowed = "allowed is a whole number from 1 to 1024";
    EXPECT_THAT(
        Errors({"ctl", "restart", absl::StrCat("--worker=", number)}),
        ElementsAre(absl::StrCat("ctl --worker=", number, ": ", allowed)));
    if (number == "-1") continue;  // a flag
    EXPECT_THAT(Errors({"ctl", "scale", number}),
                ElementsAre(absl::StrCat("ctl scale ", number, ": ", allowed)));
  }
  EXPECT_THAT(Errors({"ctl", "scale", "-1"}),
              ElementsAre(HasSubstr("ctl -1: unknown flag"),
                          HasSubstr("the number of workers is missing")));
  EXPECT_THAT(Errors({"ctl", "scale"}),
              ElementsAre("ctl scale: the number of workers is missing; write "
                          "`ctl scale 4`"));
  EXPECT_THAT(Errors({"ctl", "scale", "2", "3"}),
              ElementsAre("ctl 3: one word too many"));
  EXPECT_THAT(Errors({"ctl", "restart", "2"}),
              ElementsAre("ctl 2: one word too many"));
  EXPECT_THAT(Errors({"ctl", "restart", "--worker"}),
              ElementsAre("ctl --worker: the value is missing"));
  for (const std::string what : {"reload", "stop", "status", "wait"}) {
    EXPECT_THAT(
        Errors({"ctl", what, "--worker=2"}),
        ElementsAre("ctl " + what + ": --worker is a flag of `ctl restart`"));
  }
  EXPECT_THAT(Errors({"ctl", "scale", "2", "--timeout=1s"}),
              ElementsAre(HasSubstr("--timeout is a flag of `ctl wait`, or")));
}

TEST(CommandLineCtl, FindsTheSocket) {
  EXPECT_EQ(GoodCtl({"ctl", "status"}).path, "/run/reinit.sock");
  EXPECT_EQ(GoodCtl({"ctl", "status"}, {"REINIT_CONTROL=off"}).path,
            "/run/reinit.sock");
  EXPECT_EQ(GoodCtl({"ctl", "status"}, {"REINIT_CONTROL=/a"}).path, "/a");
  EXPECT_EQ(
      GoodCtl({"--control=/b", "ctl", "status"}, {"REINIT_CONTROL=/a"}).path,
      "/b");
  EXPECT_EQ(GoodCtl({"--control=/b", "ctl", "status", "--control=/c"}).path,
            "/c");
  // It is the supervisor's matter what else there is.
  EXPECT_EQ(GoodCtl({"ctl", "status"}, {"REINIT_STOP_SIGNAL=X"}).path,
            "/run/reinit.sock");
}

TEST(CommandLine, CtlHelp) {
  const CommandLine line = Parse({"ctl", "wait", "--help"});
  EXPECT_EQ(line.action, Action::kPrint);
  EXPECT_THAT(line.text, HasSubstr("reinit ctl status|restart"));
  EXPECT_THAT(line.errors, IsEmpty());
}

TEST(CommandLineCtl, FindsEveryError) {
  EXPECT_THAT(Errors({"ctl"}), ElementsAre(HasSubstr("what to do is missing")));
  EXPECT_THAT(Errors({"ctl", "stauts"}),
              ElementsAre(HasSubstr("ctl stauts: allowed are status,")));
  EXPECT_THAT(Errors({"ctl", "status", "--now", "--x", "more"}),
              ElementsAre(HasSubstr("ctl --x: unknown flag"),
                          HasSubstr("--now is a flag of `ctl stop`"),
                          HasSubstr("ctl more: one word too many")));
  EXPECT_THAT(Errors({"ctl", "signal"}),
              ElementsAre(HasSubstr("the signal is missing")));
  EXPECT_THAT(Errors({"ctl", "signal", "HUPP"}),
              ElementsAre(HasSubstr("ctl signal HUPP: ")));
  EXPECT_THAT(Errors({"ctl", "wait", "--timeout=x"}),
              ElementsAre(HasSubstr("ctl --timeout=x: ")));
  EXPECT_THAT(Errors({"ctl", "stop", "--wait"}),
              ElementsAre(HasSubstr("--wait is a flag of `ctl reload`, ")));
  EXPECT_THAT(Errors({"ctl", "wait", "--wait"}), SizeIs(1));
  EXPECT_THAT(Errors({"ctl", "reload", "--timeout=1s"}),
              ElementsAre(HasSubstr("--timeout is a flag of `ctl wait`, or")));
  EXPECT_THAT(Errors({"ctl", "wait", "--timeout"}),
              ElementsAre(HasSubstr("the value is missing")));
  EXPECT_THAT(Errors({"ctl", "status", "--json=yes"}),
              ElementsAre(HasSubstr("takes no value; write --json")));
  EXPECT_THAT(Errors({"--watch=.", "ctl", "status"}),
              ElementsAre(HasSubstr("--watch=.: not a flag of `reinit ctl`")));
  EXPECT_THAT(Errors({"ctl", "status", "--control=@x"}),
              ElementsAre(HasSubstr("shared by all containers of a pod")));
}

TEST(CommandLineStatusListen, IsAnAddress) {
  EXPECT_TRUE(Good({"--status-listen=tcp://[::]:9100", "x"}).Supervising());
  EXPECT_THAT(Errors({"--status-listen=fd:3", "x"}),
              ElementsAre(HasSubstr("--status-listen=fd:3: allowed are tcp")));
  EXPECT_THAT(Errors({"--status-listen=a=tcp://0.0.0.0:1", "x"}),
              ElementsAre(HasSubstr("without a name")));
  EXPECT_THAT(
      Errors({"--status-listen=9100", "x"}),
      ElementsAre(HasSubstr("--status-listen=9100: allowed are tcp://")));
  EXPECT_THAT(Errors({"--status-listen=tcp://0.0.0.0:99999", "x"}),
              ElementsAre(HasSubstr("--status-listen=tcp://0.0.0.0:99999: ")));
}

TEST(CommandLineControl, IsAPathOrAutoOrOff) {
  EXPECT_FALSE(Good({"x"}).Supervising());
  EXPECT_FALSE(Good({"--control=off", "x"}).Supervising());
  EXPECT_TRUE(Good({"--control=/tmp/a", "x"}).Supervising());
  EXPECT_THAT(Errors({"--control=a", "x"}),
              ElementsAre(HasSubstr("--control=a: allowed are an absolute")));
  const std::string longest = "--control=/" + std::string(106, 'a');
  EXPECT_THAT(Errors({longest, "x"}), IsEmpty());
  const std::string longer = longest + "a";
  EXPECT_THAT(Errors({longer, "x"}),
              ElementsAre(HasSubstr("longer than a socket's may be")));
  EXPECT_THAT(Errors({"--control=@a", "x"}),
              ElementsAre(HasSubstr("abstract")));
}

}  // namespace
}  // namespace reinit
