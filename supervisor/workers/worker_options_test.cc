#include "supervisor/workers/worker_options.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/options.h"
#include "supervisor/probe/target.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ProbeTarget Check(std::string_view text) {
  auto target = ParseProbeTarget(ForWorker(text, 1));
  EXPECT_TRUE(target.ok()) << target.status();
  target->text = std::string(text);
  target->shown = std::string(text);
  return *target;
}

std::vector<std::string> Texts(const std::vector<ProbeTarget>& checks) {
  std::vector<std::string> texts;
  texts.reserve(checks.size());
  for (const ProbeTarget& check : checks) texts.push_back(check.text);
  return texts;
}

Options Four() {
  Options all;
  all.command = {"server", "--port=808{worker}", "{worker}{worker}"};
  all.workers.count = 4;
  all.workers.given = true;
  return all;
}

TEST(WorkerText, HasTheNumberForEachPlaceholder) {
  EXPECT_EQ(ForWorker("", 3), "");
  EXPECT_EQ(ForWorker("plain", 3), "plain");
  EXPECT_EQ(ForWorker("{worker}", 12), "12");
  EXPECT_EQ(ForWorker("a{worker}b{worker}", 3), "a3b3");
  EXPECT_EQ(ForWorker("{{worker}}", 3), "{3}");
  for (const std::string_view other :
       {"{Worker}", "{worker", "worker}", "{ worker}", "{workers}", "{}",
        "{fd:worker}"}) {
    EXPECT_EQ(ForWorker(other, 3), other);
    EXPECT_FALSE(NamesWorker(other));
  }
}

TEST(WorkerText, AVariableOfAShellIsNone) {
  EXPECT_EQ(ForWorker("echo ${worker} {worker}", 3), "echo ${worker} 3");
  EXPECT_FALSE(NamesWorker("${worker}"));
  EXPECT_TRUE(NamesWorker("${worker}{worker}"));
}

TEST(OptionsOfWorkerTest, FillsInTheNumber) {
  Options all = Four();
  all.process.as.directory = "/srv/{worker}";
  all.process.environment = {"PORT=900{worker}", "{worker}=x", "A=b"};
  all.health.checks = {Check("http://127.0.0.1:808{worker}/h?w={worker}")};
  all.ready.kind = ReadyOptions::Kind::kCheck;
  all.ready.check = {Check("unix:///run/{worker}.sock")};
  const Options own = OptionsOfWorker(all, 3);
  EXPECT_THAT(own.command, ElementsAre("server", "--port=8083", "33"));
  EXPECT_EQ(own.process.as.directory, "/srv/3");
  EXPECT_THAT(own.process.environment,
              ElementsAre("PORT=9003", "{worker}=x", "A=b", "REINIT_WORKER=3",
                          "REINIT_WORKERS=4"));
  ASSERT_EQ(own.health.checks.size(), 1u);
  EXPECT_EQ(own.health.checks[0].port, 8083);
  EXPECT_EQ(own.health.checks[0].path, "/h?w=3");
  EXPECT_EQ(own.health.checks[0].text, "http://127.0.0.1:8083/h?w=3");
  ASSERT_EQ(own.ready.check.size(), 1u);
  EXPECT_EQ(own.ready.check[0].socket, "/run/3.sock");
  EXPECT_EQ(own.workers.self, 3);
  EXPECT_EQ(own.workers.count, 4);
}

TEST(OptionsOfWorkerTest, HasNoTerminal) {
  EXPECT_FALSE(Four().process.background);
  EXPECT_TRUE(OptionsOfWorker(Four(), 1).process.background);
}

TEST(OptionsOfWorkerTest, SupervisesEvenTheLastOneLeft) {
  Options all = Four();
  EXPECT_TRUE(all.Supervising());
  all.workers.count = 1;
  EXPECT_FALSE(all.Supervising());
  EXPECT_TRUE(OptionsOfWorker(all, 1).Supervising());
}

TEST(OptionsOfWorkerTest, EachCheckIsForOneOrForAll) {
  Options all = Four();
  all.health.checks = {Check("tcp://127.0.0.1:80"),
                       Check("tcp://127.0.0.1:808{worker}"), Check("stall:"),
                       Check("exec:check --worker={worker}")};
  const Options own = OptionsOfWorker(all, 2);
  EXPECT_THAT(Texts(own.health.checks),
              ElementsAre("tcp://127.0.0.1:8082", "exec:check --worker=2"));
  EXPECT_THAT(own.health.checks[1].argv, ElementsAre("check", "--worker=2"));
  EXPECT_THAT(Texts(OptionsForAll(all).health.checks),
              ElementsAre("tcp://127.0.0.1:80", "stall:"));
  all.health.checks = {Check("file:/run/{worker}/alive?max-age=30s")};
  EXPECT_EQ(OptionsOfWorker(all, 4).health.checks[0].file, "/run/4/alive");
  EXPECT_THAT(OptionsForAll(all).health.checks, IsEmpty());
}

TEST(OptionsForAllTest, HaveNothingThatJudgesOneProcess) {
  Options all = Four();
  all.restart.policy = RestartOptions::Policy::kAlways;
  all.ready.kind = ReadyOptions::Kind::kNotify;
  all.limits = {
      .memory = 1, .age = absl::Seconds(1), .watchdog = absl::Seconds(1)};
  all.watch.paths = {"."};
  const Options shared = OptionsForAll(all);
  EXPECT_FALSE(shared.RestartsByItself());
  EXPECT_THAT(shared.watch.paths, ElementsAre("."));
}

TEST(CheckWorkerTest, RefusesANumberThatMakesNoSense) {
  Options all = Four();
  all.health.checks = {Check("http://127.0.0.1:808{worker}/")};
  EXPECT_TRUE(CheckWorker(all, 9).ok());
  EXPECT_THAT(std::string(CheckWorker(all, 10).message()),
              HasSubstr("--health=http://127.0.0.1:808{worker}/: for worker "
                        "10: \"http://127.0.0.1:80810/\": the port"));
  all.ready.check = all.health.checks;
  all.health.checks.clear();
  EXPECT_THAT(std::string(CheckWorker(all, 10).message()),
              HasSubstr("--ready=http"));
}

TEST(FillInOnlyWorkerTest, OneWorkerThatWasAskedForHasItsNumber) {
  Options options = Four();
  options.workers.count = 1;
  options.health.checks = {Check("tcp://127.0.0.1:80"),
                           Check("tcp://127.0.0.1:808{worker}")};
  FillInOnlyWorker(&options);
  EXPECT_THAT(options.command, ElementsAre("server", "--port=8081", "11"));
  EXPECT_THAT(options.process.environment,
              ElementsAre("REINIT_WORKER=1", "REINIT_WORKERS=1"));
  EXPECT_THAT(Texts(options.health.checks),
              ElementsAre("tcp://127.0.0.1:80", "tcp://127.0.0.1:8081"));
  EXPECT_EQ(options.workers.self, 0);
  EXPECT_FALSE(options.process.background);
}

TEST(FillInOnlyWorkerTest, ElseTheBracesAreLeftAlone) {
  Options options = Four();
  FillInOnlyWorker(&options);
  EXPECT_EQ(options.command[2], "{worker}{worker}");
  options.workers = {};
  FillInOnlyWorker(&options);
  EXPECT_EQ(options.command[2], "{worker}{worker}");
  EXPECT_THAT(options.process.environment, IsEmpty());
}

}  // namespace
}  // namespace reinit
