#include "supervisor/control/status_render.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Status Example() {
  Status status;
  status.state = "ready";
  status.reinit_pid = 1;
  status.uptime = absl::Minutes(5);
  status.generation = 3;
  status.serves = true;
  status.process = {7, absl::Seconds(61), absl::Seconds(60), {7, 8}};
  status.last_exit = "exit code 1";
  status.exits = 2;
  status.oom_kills = 5;
  status.restarts = {{"file", 2}, {"not ready", 0}};
  status.last_restarts = {{"file", "a\xff.py", absl::Seconds(61), 2}};
  status.change = "pending";
  status.change_text = "b.conf";
  status.attempted_content = 0x1234;
  status.changes_applied = 4;
  status.changes_failed = 1;
  status.change_failure = "b.conf: no";
  status.last_applied = {"file", "a\xff.py", absl::FromUnixMillis(1500),
                         absl::Seconds(61), absl::Milliseconds(2250)};
  status.awaited = {"--reload-check", absl::Seconds(12)};
  status.reload_succeeded = false;
  status.reload_success_time = absl::FromUnixMillis(1500);
  status.checks = {{"http://a/\"x\"", CheckStatus::State::kFailing, 2,
                    "HTTP 503", absl::Milliseconds(1200)}};
  status.next_start = absl::Milliseconds(1500);
  status.limit.used = 3;
  status.limit.burst = 10;
  status.zombies = {{33, "sh", {40, 41}, "true"}};
  status.strategies = {"inotify", "health"};
  status.listeners = {{"web", "tcp://0.0.0.0:80"}};
  return status;
}

// With each text and list as long as can be.
Status Huge() {
  Status status = Example();
  const std::string worst(5000, '\x01');
  status.process->pids.assign(100'000, 4'194'304);
  status.other_process = status.process;
  status.last_exit = status.end_reason = status.change_text = worst;
  status.change_failure = status.last_applied->text = worst;
  status.last_restarts.assign(8, {"watchdog", worst, absl::Hours(9999), 9999});
  status.checks.assign(
      1000, {worst, CheckStatus::State::kFailing, 999, worst, absl::Hours(9)});
  status.zombies.assign(1000, {4'194'304, std::string(15, '\x01'),
                               std::vector<pid_t>(100'000, 4'194'304), "x"});
  status.strategies.assign(100, "watchdog");
  status.listeners.assign(1000, {worst, worst});
  return status;
}

TEST(StatusRenderTest, Json) {
  EXPECT_EQ(
      StatusJson(Example()),
      R"({"state":"ready","sidecar":false,"applies_at_start":false,)"
      R"("ready":true,"settled":false,)"
      R"("generation":3,)"
      R"("reinit":{"pid":1,"uptime_seconds":300.000},)"
      R"("process":{"pid":7,"uptime_seconds":61.000,"ready_seconds":60.000,)"
      R"("stopping":false,"count":2,"pids":[7,8]},"other_process":null,)"
      R"("restarts":{"file":2,"not ready":0},)"
      R"("last_restarts":[{"cause":"file","reason":"a\\xff.py",)"
      R"("seconds_ago":61.000,"generation":2}],"exits":2,"oom_kills":5,)"
      R"("last_exit":"exit code 1","end_reason":"",)"
      R"("backoff":{"next_start_seconds":1.500,"restarts_counted":3,)"
      R"("start_limit_burst":10},"last_applied":{"cause":"file",)"
      R"("reason":"a\\xff.py","time":"1970-01-01T00:00:01.500Z",)"
      R"("seconds_ago":61.000,"took_seconds":2.250},)"
      R"("awaited":{"what":"--reload-check","seconds":12.000},)"
      R"("change":{"state":"pending",)"
      R"("reason":"b.conf","applied":4,"failed":1,"failure":"b.conf: no",)"
      R"("succeeded":false,"success_time":"1970-01-01T00:00:01.500Z",)"
      R"("content_attempted":"0000000000001234","content_applied":null},)"
      R"("health":[{"check":"http://a/\"x\"","state":"failing","failures":2,)"
      R"("text":"HTTP 503","seconds_ago":1.200}],)"
      R"("zombies":[{"parent":33,"parent_name":"sh","count":2,)"
      R"("pids":[40,41]}],"strategies":["inotify","health"],)"
      R"("listeners":[{"name":"web","address":"tcp://0.0.0.0:80"}]})");
}

TEST(StatusRenderTest, JsonOfNothing) {
  Status status;
  status.change = "none";
  EXPECT_THAT(StatusJson(status), HasSubstr(R"("process":null)"));
  EXPECT_THAT(StatusJson(status), HasSubstr(R"("next_start_seconds":null)"));
  EXPECT_THAT(StatusJson(status),
              HasSubstr(R"("last_applied":null,"awaited":null)"));
  EXPECT_THAT(StatusJson(status),
              HasSubstr(R"("succeeded":null,"success_time":null)"));
}

TEST(StatusRenderTest, Text) {
  EXPECT_EQ(StatusText(Example()),
            "state: ready, generation 3\n"
            "process: 7, runs for 1m1s, ready for 1m\n"
            "processes: 2: 7 8\n"
            "reinit: 1, runs for 5m\n"
            "restarts: 2 (file 2)\n"
            "  1m1s ago: file: a\\xff.py\n"
            "last exit: exit code 1\n"
            "out of memory: the kernel has killed 5 processes\n"
            "backoff: next start in 1.5s\n"
            "start limit: 3 of 10 used\n"
            "last applied: 1970-01-01T00:00:01.500Z, 1m1s ago, after 2.2s: "
            "file: a\\xff.py\n"
            "last reload: failed\n"
            "waits for: --reload-check, for 12s\n"
            "change: pending: b.conf\n"
            "not applied: b.conf: no\n"
            "health: http://a/\"x\" fails (HTTP 503, 1.2s ago, 2 in a row)\n"
            "zombies: 2 of process 33 'sh', which does not wait for them: 40 "
            "41\n"
            "strategies: inotify, health\n"
            "listens: web tcp://0.0.0.0:80\n");
}

TEST(StatusRenderTest, OtherProcess) {
  Status status = Example();
  status.other_process = {9, absl::Seconds(1), std::nullopt, {9}};
  EXPECT_THAT(StatusText(status),
              HasSubstr("processes: 2: 7 8\n"
                        "other process: 9, runs for 1s, not ready\n"));
  EXPECT_THAT(StatusJson(status),
              HasSubstr(R"("other_process":{"pid":9,"uptime_seconds":1.000,)"
                        R"("ready_seconds":null,"stopping":false,"count":1,)"
                        R"("pids":[9]},"restarts")"));
  status.other_process->stopping = true;
  EXPECT_THAT(StatusText(status),
              HasSubstr("other process: 9, runs for 1s, stopping\n"));
  EXPECT_THAT(StatusJson(status), HasSubstr(R"("stopping":true)"));
}

TEST(StatusRenderTest, Metrics) {
  const std::string text =
      StatusMetrics(Example(), absl::FromUnixSeconds(1'000'000));
  for (const std::string_view line :
       {"reinit_ready 1\n", "reinit_generation 3\n", "reinit_processes 2\n",
        "reinit_restarts_total{cause=\"file\"} 2\n",
        "reinit_restarts_total{cause=\"not_ready\"} 0\n",
        "reinit_changes_total{result=\"failed\"} 1\n",
        "reinit_change_pending 1\n", "reinit_zombies 2\n",
        "reinit_last_reload_successful 0\n",
        "reinit_last_reload_success_timestamp_seconds 1.500\n",
        "reinit_health_check_passing{check=\"http://a/\\\"x\\\"\"} 0\n",
        "reinit_start_time_seconds 999700.000\n",
        "reinit_process_start_time_seconds 999939.000\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

// An alert on 0, or on what is long ago, is not to fire before there was one.
TEST(StatusRenderTest, NoReloadYetHasNoMetric) {
  Status status = Example();
  status.reload_success_time.reset();
  std::string text = StatusMetrics(status, absl::UnixEpoch());
  EXPECT_THAT(text, HasSubstr("reinit_last_reload_successful 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("reinit_last_reload_success_timestamp")));
  status.reload_succeeded.reset();
  text = StatusMetrics(status, absl::UnixEpoch());
  EXPECT_THAT(text, Not(HasSubstr("reinit_last_reload")));
}

TEST(StatusRenderTest, ALabelComesOnce) {
  Status status = Example();
  status.checks.resize(3);
  status.checks[0].check = status.checks[1].check = "a";
  const std::string text = StatusMetrics(status, absl::UnixEpoch());
  const size_t first = text.find("{check=\"a\"}");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(text.find("{check=\"a\"}", first + 1), std::string::npos);
}

TEST(StatusRenderTest, NoneIsLongerThanPromised) {
  const Status status = Huge();
  EXPECT_LE(StatusText(status).size(), kMaxRendered);
  EXPECT_LE(StatusJson(status).size(), kMaxRendered);
  EXPECT_LE(StatusMetrics(status, absl::UnixEpoch()).size(), kMaxRendered);
}

TEST(StatusRenderTest, NoLineIsMadeByATextInIt) {
  Status status = Example();
  status.change_text = status.last_restarts[0].text = "x\ny: 1";
  EXPECT_THAT(StatusText(status), Not(HasSubstr("\ny: 1")));
  status.checks[0].check = "x\nreinit_ready 0\n";
  EXPECT_THAT(StatusMetrics(status, absl::UnixEpoch()),
              Not(HasSubstr("\nreinit_ready 0")));
}

}  // namespace
}  // namespace reinit
