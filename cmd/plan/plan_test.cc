#include "cmd/plan.h"

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

TEST(Plan, OfASidecar) {
  EXPECT_THAT(
      Plan({"--watch=/etc", "--on-change=exec:nginx -t",
            "--on-change=signal:HUP", "--target-process=nginx",
            "--target-cmdline=*nginx *", "--target-all"}),
      AllOf(HasSubstr("nothing: tells others of changes\n"),
            HasSubstr("exec:nginx -t, then signal:HUP, once nothing"),
            HasSubstr("all processes named nginx, with arguments '*nginx *'"),
            HasSubstr("end it, with status 0"), Not(HasSubstr("SIGKILL")),
            Not(HasSubstr("when it exits"))));
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
            HasSubstr("SIGINT for TERM"), HasSubstr("SIGKILL 0 later")));
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

TEST(Plan, ShowsTheSockets) {
  EXPECT_THAT(Plan({"--listen=web=tcp://0.0.0.0:80", "--listen=unix:/run/s",
                    "--listen-env=nginx,unicorn", "x"}),
              AllOf(HasSubstr("web=tcp://0.0.0.0:80, for the process web, "
                              "descriptor 3\n"),
                    HasSubstr("s, descriptor 4\n"),
                    HasSubstr("nginx, unicorn; up to 4096 connections wait")));
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
