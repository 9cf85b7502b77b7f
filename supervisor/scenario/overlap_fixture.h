// Runs a process and a second one next to it (--restart-order=start-first), for
// tests.
#ifndef REINIT_SUPERVISOR_SCENARIO_OVERLAP_FIXTURE_H_
#define REINIT_SUPERVISOR_SCENARIO_OVERLAP_FIXTURE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {

class OverlapTest : public SupervisorTest {
 protected:
  OverlapTest() {
    options_.restart.order = RestartOptions::Order::kStartFirst;
    options_.restart.policy = RestartOptions::Policy::kOnFailure;
    options_.stop.timeout = absl::Seconds(30);
  }

  // One that is ready.
  void Begin() {
    StartSupervising();
    old_ = os().last();
  }
  // A second one beside it that is not.
  void Overlap() {
    fake_.ready = false;
    Change();
    new_ = os().last();
    ASSERT_NE(new_, old_);
    ASSERT_TRUE(os().Alive(old_));
  }
  void Ready() {
    fake_.ready = true;
    fake_.wake(Strategy::Wake::kAsk);
    world_.Settle();
  }
  void End(pid_t pid, ExitStatus status) {
    os().Exit(pid, status);
    world_.Settle();
  }

  // One that runs `name`; 0: none.
  pid_t Find(const std::string& name) {
    for (const auto& [pid, process] : os().processes()) {
      const auto& argv = process.request.argv;
      if (!argv.empty() && argv[0] == name) return pid;
    }
    return 0;
  }
  Status Describe() { return supervisor_->Describe(); }

  // The mains that are alive.
  std::vector<pid_t> Apps() {
    std::vector<pid_t> apps;
    for (const auto& [pid, process] : os().processes()) {
      const auto& argv = process.request.argv;
      if (!argv.empty() && argv[0] == "app") apps.push_back(pid);
    }
    return apps;
  }
  std::vector<int> SentTo(pid_t pid) {
    std::vector<int> sent;
    for (const auto& [to, signo] : os().sent()) {
      if (to == pid) sent.push_back(signo);
    }
    return sent;
  }

  pid_t old_ = 0;
  pid_t new_ = 0;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SCENARIO_OVERLAP_FIXTURE_H_
