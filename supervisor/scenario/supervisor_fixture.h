// Runs a Supervisor on the fake world, for its tests.
#ifndef REINIT_SUPERVISOR_SCENARIO_SUPERVISOR_FIXTURE_H_
#define REINIT_SUPERVISOR_SCENARIO_SUPERVISOR_FIXTURE_H_

#include <signal.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/strategy/exit_strategy.h"
#include "supervisor/supervisor.h"

namespace reinit {

class SupervisorTest : public ::testing::Test {
 protected:
  SupervisorTest() { options_.command = {"app"}; }

  ~SupervisorTest() override {
    if (supervisor_ == nullptr) return;
    if (supervisor_->ended()) {
      // Nothing left: no process, no timer, no watch.
      EXPECT_TRUE(os().processes().empty());
      EXPECT_EQ(world_.children().size(), 0u);
    }
    world_.children().set_on_reaped(nullptr);
    supervisor_.reset();
    // A read of marks outlives who asked, by its own deadline at most.
    os().set_hold_forks(false);
    world_.Advance(absl::Seconds(5));
    EXPECT_EQ(world_.loop().armed_timers(), 0u);
    EXPECT_EQ(world_.loop().active_watches(), 0u);
  }

  // Supervises with one strategy under the test's control, and the exit
  // strategy where the options ask for it.
  void StartSupervising() {
    options_.watch.paths = {"."};
    Start(/*with_fake=*/true);
  }
  void StartPlain() { Start(/*with_fake=*/false); }

  void Start(bool with_fake) {
    std::vector<std::unique_ptr<Strategy>> strategies;
    if (with_fake) {
      strategies.push_back(std::make_unique<FakeStrategy>(&fake_));
    }
    for (auto& strategy : more_) strategies.push_back(std::move(strategy));
    if (options_.RestartsAfterExit()) {
      strategies.push_back(MakeExitStrategy(&options_));
    }
    supervisor_ = std::make_unique<Supervisor>(
        world_.context(), &options_, std::vector<std::string>{"PATH=/bin"},
        std::move(strategies), [] { return 0.5; }, notify_.get(),
        sockets_.get());
    world_.children().set_on_reaped([this] { supervisor_->OnReaped(); });
    supervisor_->Startup();
    world_.Settle();
  }

  void Signal(int signo, int code = SI_USER) {
    supervisor_->OnSignal({.signo = signo, .code = code, .sender = 1});
    world_.Settle();
  }

  void Change(const std::string& file = "a.py",
              absl::Time done_by = absl::InfiniteFuture()) {
    Reason reason;
    reason.done_by = done_by;
    reason.cause = Reason::Cause::kFile;
    reason.text = file;
    reason.changed = file;
    Wake(reason);
  }

  void Sick() {
    Reason reason;
    reason.cause = Reason::Cause::kHealth;
    reason.text = "sick";
    Wake(reason);
  }

  void Wake(const Reason& reason) {
    fake_.reason = reason;
    fake_.wake(Strategy::Wake::kAsk);
    world_.Settle();
  }

  void Exit(int code) {
    os().Exit(os().last(), {.code = code});
    world_.Settle();
  }

  FakeOs& os() { return world_.os(); }
  std::vector<int> Received(pid_t pid) { return os().process(pid).received; }
  void ExpectEnded(int code) {
    ASSERT_TRUE(supervisor_->ended());
    EXPECT_EQ(supervisor_->exit_code(), code);
  }

  FakeWorld world_;
  Options options_;
  FakeStrategy::Strings fake_;
  std::unique_ptr<NotifySocket> notify_;
  std::unique_ptr<ListenSockets> sockets_;
  std::vector<std::unique_ptr<Strategy>> more_;  // real ones
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SCENARIO_SUPERVISOR_FIXTURE_H_
