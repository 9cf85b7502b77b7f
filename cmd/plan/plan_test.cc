#include "cmd/plan/plan.h"

#include <string>
#include <string_view>

#include "cmd/parse_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// The plan of a line that is right.
std::string Plan(Words args) {
  args.insert(args.begin(), "--check");
  const CommandLine line = Parse(args);
  EXPECT_THAT(line.errors, IsEmpty());
  EXPECT_EQ(line.action, CommandLine::Action::kCheck);
  return line.text;
}

TEST(Plan, OfAPlainInit) {
  EXPECT_THAT(Plan({"ls", "-l", "a b", "it's", ""}),
              AllOf(HasSubstr("ls -l 'a b' 'it'\\''s' ''"),
                    HasSubstr("none: a plain init"),
                    HasSubstr("exits with the status of the process"),
                    HasSubstr("passed on"), Not(HasSubstr("SIGKILL")),
                    Not(HasSubstr("watches")), Not(HasSubstr("healthy"))));
}

TEST(Plan, OfDevelopment) {
  EXPECT_THAT(Plan({"--dev", "--watch-ext=py,html", "python", "app.py"}),
              AllOf(HasSubstr("inotify\n"),
                    HasSubstr("only files that end in .py, .html"),
                    HasSubstr("every 500ms"), HasSubstr("for 50ms"),
                    HasSubstr("waits for the next change"),
                    HasSubstr("SIGTERM, SIGKILL 2s later"),
                    Not(HasSubstr("gives up"))));
}

TEST(Plan, OfSettleTimes) {
  const auto of = [](const std::string& flag) {
    return Plan({"--watch=/etc", flag, "true"});
  };
  EXPECT_THAT(of("--watch-settle=auto"),
              HasSubstr("for 50ms, or for 10ms if it was a single saved file"));
  EXPECT_THAT(of("--watch-settle=50ms"), HasSubstr("for 50ms\n"));
  EXPECT_THAT(of("--watch-settle=0"),
              HasSubstr("for 0 (10ms where file stamps are coarse)\n"));
  EXPECT_THAT(
      Plan({"--watch=/etc", "--watch-settle=0", "--watch-mode=poll", "true"}),
      HasSubstr("for 10ms\n"));
  EXPECT_THAT(Plan({"--watch=/etc", "--watch-mode=poll", "true"}),
              HasSubstr("for 50ms\n"));
  EXPECT_THAT(of("--watch-scan=auto"), HasSubstr("every 30s, or less often"));
  EXPECT_THAT(of("--watch-scan=30s"), HasSubstr("at all every 30s; "));
}

TEST(Plan, OfASidecar) {
  EXPECT_THAT(
      Plan({"--watch=/etc", "--on-change=exec:nginx -t",
            "--on-change=signal:HUP", "--target-process=nginx",
            "--target-cmdline=*nginx *", "--target-all",
            "--stop-signal=WINCH"}),
      AllOf(HasSubstr("nothing: tells others of changes\n"),
            HasSubstr("exec:nginx -t, then signal:HUP, once nothing"),
            HasSubstr("all processes named nginx, with arguments '*nginx *'"),
            HasSubstr("TERM, INT, QUIT, WINCH end it, with status 0"),
            Not(HasSubstr("SIGKILL")), Not(HasSubstr("when it exits"))));
}

TEST(Plan, OfAService) {
  EXPECT_THAT(
      Plan({"--restart=on-failure:1", "--health=http://127.0.0.1:80/ok",
            "--health=tcp://127.0.0.1:81", "--health-expect=200-299,404",
            "--stop-signal=INT", "--stop-timeout=infinity",
            "--leftover-timeout=0", "server"}),
      AllOf(HasSubstr("health, exit\n"),
            HasSubstr("http://127.0.0.1:80/ok answers 200-299,404\n"),
            HasSubstr("tcp://127.0.0.1:81\n"), HasSubstr("every 10s"),
            HasSubstr("3 failures in a row"), HasSubstr("at most 3s"),
            HasSubstr("starts it again if it failed"),
            HasSubstr("after 1 restart; then exits"),
            HasSubstr("SIGINT, and waits as long as it takes"),
            HasSubstr("TERM, INT, QUIT   end it all"),
            HasSubstr("SIGINT for TERM"), HasSubstr("SIGKILL 0 later")));
}

TEST(Plan, NamesEachSignalThatEndsItAll) {
  EXPECT_THAT(Plan({"--restart=always", "--stop-signal=WINCH", "x"}),
              HasSubstr("TERM, INT, QUIT, WINCH end it all: passed on "
                        "(SIGWINCH for TERM)"));
  EXPECT_THAT(Plan({"--restart=always", "--rewrite=USR1:TERM", "x"}),
              HasSubstr("TERM, INT, QUIT, USR1 end it all: passed on, then"));
  EXPECT_THAT(Plan({"--restart=always", "--stop-signal=QUIT",
                    "--rewrite=WINCH:QUIT", "x"}),
              HasSubstr("TERM, INT, QUIT, WINCH end it all: passed on"));
}

TEST(Plan, SaysWhatAPlainInitMakesOfTerm) {
  constexpr std::string_view kLine = "SIGTERM           passed on as SIGQUIT\n";
  EXPECT_THAT(Plan({"--stop-signal=QUIT", "x"}), HasSubstr(kLine));
  EXPECT_THAT(Plan({"--stop-signal=QUIT", "--rewrite=TERM:INT", "x"}),
              Not(HasSubstr(kLine)));
}

TEST(Plan, ShowsHowTheProcessRunsAndWhatItIsTold) {
  EXPECT_THAT(
      Plan({"--user=4242:7", "--chdir=/", "--env-file=/dev/null",
            "--no-new-privileges", "--rewrite=TERM:QUIT",
            "--rewrite=HUP:", "--forward-to=group", "x"}),
      AllOf(HasSubstr("4242, group 7, groups 7\n"),
            HasSubstr("in folder         /\n"),
            HasSubstr("/dev/null, read at each start"),
            HasSubstr("no new ones"),
            HasSubstr("SIGTERM           passed on as SIGQUIT"),
            HasSubstr("SIGHUP            dropped"), HasSubstr("whole group")));
}

TEST(Plan, SaysWhatNoLimitAndNoPauseAre) {
  EXPECT_THAT(
      Plan({"--ready=notify", "--ready-timeout=infinity", "--restart=always",
            "--restart-delay=0", "--start-limit-interval=0", "x"}),
      AllOf(HasSubstr("READY=1, however long that takes\n"),
            HasSubstr("before a restart  does not wait\n"),
            HasSubstr("gives up          never\n")));
}

TEST(Plan, SaysWhatFollowsEachExitStatus) {
  EXPECT_THAT(Plan({"--restart-force-exit-status=3", "x"}),
              AllOf(HasSubstr("strategies        exit\n"),
                    HasSubstr("after 3: starts it again; otherwise exits with "
                              "the status of the process\n"),
                    HasSubstr("before a restart"), HasSubstr("gives up")));
  EXPECT_THAT(Plan({"--restart=always", "--restart-prevent-exit-status=2,4-5",
                    "--success-exit-status=143,HUP", "x"}),
              AllOf(HasSubstr("after 2,4-5: exits with the status of the "
                              "process; otherwise starts it again, whatever "
                              "its status\n"),
                    HasSubstr("counts as success 143,SIGHUP")));
  // Without a restart there is none to prevent.
  EXPECT_THAT(Plan({"--restart-prevent-exit-status=2", "x"}),
              Not(HasSubstr("after 2")));
}

TEST(Plan, SaysThatTheNewProcessStartsFirst) {
  for (const std::string_view flag :
       {"--watch=/", "--max-age=1h", "--restart=always", "--reload-signal=HUP",
        "--health=tcp://127.0.0.1:1", "--control=/tmp/reinit.sock"}) {
    EXPECT_THAT(Plan({flag, "--restart-order=start-first", "x"}),
                HasSubstr("starts the new process first"))
        << flag;
  }
  EXPECT_THAT(Plan({"--restart-order=start-first", "x"}),
              Not(HasSubstr("first, and")));
}

TEST(Plan, SaysHowRestartsAreLimitedWhereverTheyAre) {
  for (const std::string_view flag :
       {"--max-age=1h", "--max-memory=1Gi", "--watchdog=1s", "--ready=notify",
        "--listen=tcp://127.0.0.1:1", "--health=tcp://127.0.0.1:1",
        "--restart=on-abnormal"}) {
    EXPECT_THAT(Plan({flag, "x"}), AllOf(HasSubstr("before a restart  waits"),
                                         HasSubstr("gives up")))
        << flag;
  }
  EXPECT_THAT(
      Plan({"--health=tcp://127.0.0.1:1", "--health-on-failure=none", "x"}),
      Not(HasSubstr("gives up")));
}

TEST(Plan, ShowsNoValuesOfTheEnvironment) {
  EXPECT_THAT(Plan({"--env=TOKEN=secret", "--env=B=", "x"}),
              AllOf(HasSubstr("sets              TOKEN, B in its environment"),
                    Not(HasSubstr("secret"))));
}

TEST(Plan, ShowsTheSockets) {
  EXPECT_THAT(Plan({"--listen=web=tcp://0.0.0.0:80", "--listen=unix:/run/s",
                    "--listen-env=nginx,unicorn", "x"}),
              AllOf(HasSubstr("web=tcp://0.0.0.0:80, for the process web, "
                              "descriptor 3\n"),
                    HasSubstr("s, descriptor 4\n"),
                    HasSubstr("nginx, unicorn; up to 4096 connections wait")));
  EXPECT_THAT(Plan({"--listen=tcp://0.0.0.0:80?reuseport", "x"}),
              HasSubstr("descriptor 3, one for each worker\n"));
}

TEST(Plan, TellsOfSeveralWorkers) {
  EXPECT_THAT(Plan({"x"}), Not(HasSubstr("worker")));
  EXPECT_THAT(Plan({"--workers=1", "x"}), Not(HasSubstr("replaces workers")));
  EXPECT_THAT(
      Plan({"--workers=4", "x", "{worker}"}),
      AllOf(HasSubstr("runs              x '{worker}'\n"),
            HasSubstr("workers           4\n"),
            HasSubstr("once all workers are; later while 1 worker is\n"),
            HasSubstr("one at first, then 1 at a time\n"),
            HasSubstr("starts it again, whatever its status\n")));
  EXPECT_THAT(
      Plan({"--workers=4", "--workers-ready=3", "--restart-monitor=5s",
            "--restart-parallelism=2", "--scale-signals", "--log-prefix", "x"}),
      AllOf(HasSubstr("while 3 workers are\n"),
            HasSubstr("then 2 at a time, with a pause of 5s\n"),
            HasSubstr("TTIN, TTOU        add and remove a worker\n"),
            HasSubstr("output lines      begin with the number")));
}

TEST(Plan, TellsHowTheWorkersWereCounted) {
  CommandLineContext context;
  context.count_cpus = [] {
    return CpuCount{2, "1.5 CPUs by cgroup quota, 8 by affinity", ""};
  };
  const Words words = {"--check", "--workers=auto", "x"};
  EXPECT_THAT(ParseCommandLine(words, {}, context).text,
              HasSubstr("workers           2 (1.5 CPUs by cgroup quota, 8 by "
                        "affinity)\n"));
}

TEST(Plan, SaysWhatWillNotHelp) {
  EXPECT_THAT(Plan({"--watch-ext=py", "x"}),
              HasSubstr("warning           --watch-ext=py: has no effect"));
}

TEST(Plan, IsNoneWhereThereAreErrors) {
  const CommandLine line =
      Parse({"--check", "--stop-timeout=x", "--watch=/no"});
  EXPECT_EQ(line.action, CommandLine::Action::kCheck);
  EXPECT_THAT(line.errors,
              ElementsAre(HasSubstr("--stop-timeout=x"),
                          HasSubstr("--watch=/no"), HasSubstr("no command")));
  EXPECT_THAT(line.text, IsEmpty());
}

TEST(Plan, ShowsNoControlCharacters) {
  const std::string plan = Plan({"--health=exec:'a\x1b\n'", "x\ny\x1b[1m"});
  EXPECT_THAT(plan, Not(HasSubstr("\x1b")));
  EXPECT_THAT(plan, HasSubstr("'x\\x0ay\\x1b[1m'"));
}

}  // namespace
}  // namespace reinit
