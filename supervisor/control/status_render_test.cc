#include "supervisor/control/status_render.h"

#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/control/control_server.h"
#include "supervisor/control/limits.h"

namespace reinit {
namespace {

using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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

void AddThreeWorkers(Status* status) {
  status->workers.resize(3);
  Status::Worker& first = status->workers[0];
  first.number = 1;
  first.state = "ready";
  first.generation = 4;
  first.serves = true;
  first.process = {11, absl::Seconds(61), absl::Seconds(60), {11, 31}};
  first.other_process = {21, absl::Seconds(1), std::nullopt, {21}};
  first.last_exit = "SIGKILL";
  first.exits = 3;
  first.restarts = {{"file", 2}, {"signal", 0}, {"exit", 1}};
  first.outdated = true;
  Status::Worker& second = status->workers[1];
  second.number = 2;
  second.state = "ready";
  second.generation = 1;
  second.serves = true;
  second.process = {12, absl::Seconds(5), absl::Seconds(4), {12}};
  Status::Worker& third = status->workers[2];
  third.number = 3;
  third.state = "backoff";
  third.generation = 5;
  third.last_exit = "exit code 1";
  third.exits = 5;
  third.restarts = {{"exit", 4}};
  third.next_start = absl::Milliseconds(1500);
  third.end_reason = "start limit";
  third.checks = {{"http://a/3", CheckStatus::State::kFailing, 2, "HTTP 503",
                   absl::Milliseconds(1200)}};
}

void AddHugeWorkers(Status* status) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  const std::string worst(5000, '\x01');
  Status::Worker worker;
  worker.number = 1024;
  worker.state = "ready" + worst;
  worker.generation = std::numeric_limits<int>::max();
  worker.serves = worker.outdated = true;
  worker.process = {4'194'304, absl::Hours(9999), absl::Hours(9999),
                    std::vector<pid_t>(100, 4'194'304)};
  worker.other_process = worker.process;
  worker.last_exit = worker.end_reason = worst;
  worker.exits = kMost;
  worker.next_start = absl::Hours(9999);
  for (const std::string_view cause :
       {"file", "signal", "control", "health", "exit", "not ready", "watchdog",
        "memory", "age"}) {
    worker.restarts.emplace_back(cause, kMost / 9);
  }
  worker.checks.assign(
      5, {worst, CheckStatus::State::kFailing, 999, worst, absl::Hours(9)});
  status->workers.assign(1024, worker);
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

TEST(StatusRenderTest, WorkersAsText) {
  Status status = Example();
  AddThreeWorkers(&status);
  EXPECT_THAT(
      StatusText(status),
      StartsWith("state: ready\n"
                 "workers: 3, 2 ready, 1 to be replaced\n"
                 "  worker  state       pid      uptime     restarts  last "
                 "exit         "
                 "notes\n"
                 "  1       ready       11       1m1s       3         SIGKILL  "
                 "         "
                 "process 21 takes over when ready; to be replaced\n"
                 "  2       ready       12       5s         0         -\n"
                 "  3       backoff     -        -          4         exit "
                 "code 1       "
                 "next start in 1.5s; http://a/3 fails: HTTP 503; start limit\n"
                 "reinit: 1, runs for 5m\n"
                 "restarts: 2 (file 2)\n"));
  status.workers[0].other_process->stopping = true;
  EXPECT_THAT(StatusText(status), HasSubstr("  process 21 stops; to be"));
}

TEST(StatusRenderTest, WorkersAsJson) {
  Status status = Example();
  AddThreeWorkers(&status);
  const std::string one_process = StatusJson(Example());
  EXPECT_EQ(
      StatusJson(status),
      absl::StrCat(
          std::string_view(one_process).substr(0, one_process.size() - 1),
          R"(,"workers_count":3,"workers_ready":2,"workers":[)"
          R"({"worker":1,"state":"ready","ready":true,"outdated":true,)"
          R"("generation":4,"process":{"pid":11,"uptime_seconds":61.000,)"
          R"("ready_seconds":60.000,"stopping":false,"count":2},)"
          R"("other_process":{"pid":21,"uptime_seconds":1.000,)"
          R"("ready_seconds":null,"stopping":false,"count":1},)"
          R"("restarts":{"file":2,"exit":1},"exits":3,"last_exit":"SIGKILL",)"
          R"("end_reason":"","next_start_seconds":null,"health":[]},)"
          R"({"worker":2,"state":"ready","ready":true,"outdated":false,)"
          R"("generation":1,"process":{"pid":12,"uptime_seconds":5.000,)"
          R"("ready_seconds":4.000,"stopping":false,"count":1},)"
          R"("other_process":null,"restarts":{},"exits":0,"last_exit":"",)"
          R"("end_reason":"","next_start_seconds":null,"health":[]},)"
          R"({"worker":3,"state":"backoff","ready":false,"outdated":false,)"
          R"("generation":5,"process":null,"other_process":null,)"
          R"("restarts":{"exit":4},"exits":5,"last_exit":"exit code 1",)"
          R"("end_reason":"start limit","next_start_seconds":1.500,)"
          R"("health":[{"check":"http://a/3","state":"failing","failures":2,)"
          R"("text":"HTTP 503","seconds_ago":1.200}]}]})"));
}

TEST(StatusRenderTest, WorkersAsMetrics) {
  Status status = Example();
  status.process.reset();
  AddThreeWorkers(&status);
  const std::string text =
      StatusMetrics(status, absl::FromUnixSeconds(1'000'000));
  for (const std::string_view line :
       {"\nreinit_process_running 1\n", "\nreinit_processes 3\n",
        "\nreinit_workers 3\n", "\nreinit_workers_up 2\n",
        "\nreinit_workers_ready 2\n", "\nreinit_workers_outdated 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, HasSubstr("# TYPE reinit_worker_up gauge\n"
                              "reinit_worker_up{worker=\"1\"} 1\n"
                              "reinit_worker_up{worker=\"2\"} 1\n"
                              "reinit_worker_up{worker=\"3\"} 0\n# HELP"));
  EXPECT_THAT(text, HasSubstr("# TYPE reinit_worker_ready gauge\n"
                              "reinit_worker_ready{worker=\"1\"} 1\n"
                              "reinit_worker_ready{worker=\"2\"} 1\n"
                              "reinit_worker_ready{worker=\"3\"} 0\n# HELP"));
  EXPECT_THAT(text, HasSubstr("# TYPE reinit_worker_restarts_total counter\n"
                              "reinit_worker_restarts_total{worker=\"1\"} 3\n"
                              "reinit_worker_restarts_total{worker=\"2\"} 0\n"
                              "reinit_worker_restarts_total{worker=\"3\"} 4\n"
                              "# HELP"));
  EXPECT_THAT(
      text,
      EndsWith("# TYPE reinit_worker_start_time_seconds gauge\n"
               "reinit_worker_start_time_seconds{worker=\"1\"} 999939.000\n"
               "reinit_worker_start_time_seconds{worker=\"2\"} 999995.000\n"));
  // A metric without a sample has no head either.
  for (Status::Worker& worker : status.workers) worker.process.reset();
  EXPECT_THAT(StatusMetrics(status, absl::UnixEpoch()),
              Not(HasSubstr("reinit_worker_start_time_seconds")));
}

// One process has none of it.
TEST(StatusRenderTest, NoWorkersNoWord) {
  EXPECT_THAT(StatusText(Example()), Not(HasSubstr("worker")));
  EXPECT_THAT(StatusJson(Example()), Not(HasSubstr("worker")));
  EXPECT_THAT(StatusMetrics(Example(), absl::UnixEpoch()),
              Not(HasSubstr("worker")));
}

// What promtool finds. Where it is installed, a test of one process proves the
// rest of the metrics (tests/pid1/status_test.py).
TEST(StatusRenderTest, PromtoolFindsNoFaultInWorkers) {
  if (std::system("command -v promtool >/dev/null") != 0) {
    GTEST_SKIP() << "promtool (Debian's prometheus) is not installed";
  }
  const auto check = [](const std::string& metrics) {
    const std::string path = absl::StrCat(::testing::TempDir(), "/metrics");
    std::ofstream(path) << metrics;
    return std::system(
        absl::StrCat("promtool check metrics <'", path, "'").c_str());
  };
  Status status = Example();
  AddThreeWorkers(&status);
  EXPECT_EQ(check(StatusMetrics(status, absl::UnixEpoch())), 0);
  EXPECT_NE(check("# TYPE reinit_worker_restarts counter\n"
                  "reinit_worker_restarts{worker=\"1\"} 1\n"),
            0);
}

// As many as can be configured, doing well.
Status ManyWorkers() {
  Status status = Example();
  status.workers.resize(1024);
  int number = 0;
  for (Status::Worker& worker : status.workers) {
    worker.number = ++number;
    worker.state = "ready";
    worker.generation = 3;
    worker.serves = number != 1024;
    worker.process = {10'000 + number,
                      absl::Seconds(61),
                      absl::Seconds(60),
                      {10'000 + number}};
    worker.restarts = {{"file", 2}, {"exit", 0}};
    worker.exits = 2;
    worker.last_exit = "exit code 0";
  }
  return status;
}

size_t Count(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

TEST(StatusRenderTest, OfManyWorkersTheFirstAreShownAndAllCounted) {
  const Status status = ManyWorkers();
  const std::string text = StatusText(status);
  EXPECT_THAT(text, HasSubstr("workers: 1024, 1023 ready\n"));
  EXPECT_THAT(text, HasSubstr("\n  192     ready  "));
  EXPECT_THAT(text, HasSubstr("\n  ... and 832 more\nreinit: 1,"));
  const std::string json = StatusJson(status);
  EXPECT_THAT(json, HasSubstr(R"("workers_count":1024,"workers_ready":1023,)"));
  EXPECT_EQ(Count(json, R"({"worker":)"), kMaxShownWorkers);
  EXPECT_THAT(json, EndsWith("}]}"));
  const std::string metrics = StatusMetrics(status, absl::UnixEpoch());
  EXPECT_THAT(metrics, HasSubstr("\nreinit_workers 1024\n"));
  EXPECT_THAT(metrics, HasSubstr("\nreinit_workers_ready 1023\n"));
  EXPECT_EQ(Count(metrics, "\nreinit_worker_up{"), kMaxShownWorkers);
  EXPECT_LE(text.size(), kMaxRendered);
  EXPECT_LE(json.size(), kMaxRendered);
  EXPECT_LE(metrics.size(), kMaxRendered);
}

TEST(StatusRenderTest, WorkersThatAreLongAreShownAsFarAsThereIsRoom) {
  Status status = Example();
  AddHugeWorkers(&status);
  const std::string json = StatusJson(status);
  EXPECT_THAT(json, HasSubstr(R"({"worker":1024,)"));
  EXPECT_THAT(json, EndsWith("]}]}"));
  EXPECT_LT(Count(json, R"({"worker":)"), kMaxShownWorkers);
  EXPECT_THAT(StatusText(status), HasSubstr("\n  1024    ready"));
  EXPECT_THAT(StatusText(status),
              ContainsRegex("\n  \\.\\.\\. and [0-9]+ more"));
  EXPECT_EQ(
      Count(StatusMetrics(status, absl::UnixEpoch()), "\nreinit_worker_up{"),
      kMaxShownWorkers);
}

TEST(StatusRenderTest, NoneIsLongerThanPromised) {
  Status status = Huge();
  for (const bool workers : {false, true}) {
    if (workers) AddHugeWorkers(&status);
    EXPECT_LE(StatusText(status).size(), kMaxRendered);
    EXPECT_LE(StatusJson(status).size(), kMaxRendered);
    EXPECT_LE(StatusMetrics(status, absl::UnixEpoch()).size(), kMaxRendered);
  }
}

TEST(StatusRenderTest, WhatIsRenderedFitsIntoAMessage) {
  EXPECT_LE(kMaxRendered + 16, kMaxControlAnswer);
}

TEST(StatusRenderTest, NoLineIsMadeByATextInIt) {
  Status status = Example();
  status.change_text = status.last_restarts[0].text = "x\ny: 1";
  EXPECT_THAT(StatusText(status), Not(HasSubstr("\ny: 1")));
  status.checks[0].check = "x\nreinit_ready 0\n";
  EXPECT_THAT(StatusMetrics(status, absl::UnixEpoch()),
              Not(HasSubstr("\nreinit_ready 0")));
  status.workers.resize(1);
  status.workers[0].state = status.workers[0].last_exit =
      status.workers[0].end_reason = "x\ny: 1";
  EXPECT_THAT(StatusText(status), Not(HasSubstr("\ny: 1")));
}

}  // namespace
}  // namespace reinit
