// Runs Workers on the fake world, for its tests.
#ifndef REINIT_SUPERVISOR_WORKERS_WORKERS_FIXTURE_H_
#define REINIT_SUPERVISOR_WORKERS_WORKERS_FIXTURE_H_

#include <signal.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/strategy/exit_strategy.h"
#include "supervisor/workers/workers.h"

namespace reinit {

using Pids = std::vector<pid_t>;

class WorkersTest : public ::testing::Test {
 protected:
  WorkersTest() {
    options_.command = {"app"};
    options_.workers.count = 3;
    options_.restart.policy = RestartOptions::Policy::kAlways;
    options_.restart.delay = absl::Milliseconds(100);
  }

  ~WorkersTest() override {
    if (workers_ == nullptr) return;
    if (workers_->ended()) {
      EXPECT_TRUE(os().processes().empty());
      EXPECT_EQ(world_.children().size(), 0u);
    }
    world_.children().set_on_reaped(nullptr);
    workers_.reset();
    world_.Advance(absl::Seconds(5));
    EXPECT_EQ(world_.loop().armed_timers(), 0u);
    EXPECT_EQ(world_.loop().active_watches(), 0u);
  }

  void Start() {
    WorkerParts parts;
    parts.options = [](const Options& all, int number) {
      Options options = all;
      options.process.environment.push_back(absl::StrCat("WORKER=", number));
      return options;
    };
    parts.strategies = [this](const Context&, const Options* options) {
      std::vector<std::unique_ptr<Strategy>> all;
      all.push_back(
          std::make_unique<FakeStrategy>(&fakes_[options->workers.self]));
      if (options->RestartsAfterExit()) {
        all.push_back(MakeExitStrategy(options));
      }
      return all;
    };
    parts.notify = [] { return nullptr; };
    parts.environment = {"PATH=/bin"};
    parts.random = [] { return 0.5; };
    std::vector<std::unique_ptr<Strategy>> shared;
    shared.push_back(std::make_unique<FakeStrategy>(&shared_));
    workers_ = std::make_unique<Workers>(world_.context(), &options_,
                                         std::move(shared), std::move(parts));
    world_.children().set_on_reaped([this] { workers_->OnReaped(); });
    workers_->Startup();
    Settle();
  }

  // Some chains of events are longer than those of one process.
  void Settle() {
    for (int i = 0; i < 5; ++i) world_.Advance(absl::ZeroDuration());
  }

  void Change(const std::string& file = "a.py") {
    Reason reason;
    reason.cause = Reason::Cause::kFile;
    reason.text = reason.changed = file;
    Wake(reason);
  }
  void Wake(const Reason& reason) {
    shared_.reason = reason;
    shared_.wake(Strategy::Wake::kAsk);
    Settle();
  }
  void Signal(int signo) {
    workers_->OnSignal({.signo = signo, .code = SI_USER, .sender = 1});
    Settle();
  }
  void Exit(pid_t pid, ExitStatus status) {
    os().Exit(pid, status);
    Settle();
  }
  void Ready(int worker, bool ready) {
    fakes_[worker].ready = ready;
    if (fakes_[worker].wake) fakes_[worker].wake(Strategy::Wake::kAsk);
    Settle();
  }

  FakeOs& os() { return world_.os(); }
  Supervisor* Of(int worker) {
    return workers_->workers().at(worker - 1)->supervisor();
  }
  pid_t PidOf(int worker) {
    const Instance* const instance = Of(worker)->instance();
    return instance == nullptr ? 0 : instance->pid();
  }
  Pids All() {
    Pids pids;
    for (const auto& worker : workers_->workers()) {
      const Instance* const instance = worker->supervisor()->instance();
      pids.push_back(instance == nullptr ? 0 : instance->pid());
    }
    return pids;
  }
  int Serving() {
    int count = 0;
    for (const auto& worker : workers_->workers()) {
      count += worker->supervisor()->Serves() ? 1 : 0;
    }
    return count;
  }
  bool Logged(std::string_view text) {
    return std::any_of(
        world_.log().lines().begin(), world_.log().lines().end(),
        [&](const std::string& line) { return absl::StrContains(line, text); });
  }
  void End() {
    Signal(SIGTERM);
    world_.Advance(absl::Seconds(20));
    EXPECT_TRUE(workers_->ended());
  }

  FakeWorld world_;
  Options options_;
  FakeStrategy::Strings shared_;
  std::map<int, FakeStrategy::Strings> fakes_;
  std::unique_ptr<Workers> workers_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WORKERS_WORKERS_FIXTURE_H_
