// Runs Changes on the fake world, in a situation that a test sets.
#ifndef REINIT_SUPERVISOR_CHANGE_CHANGES_FIXTURE_H_
#define REINIT_SUPERVISOR_CHANGE_CHANGES_FIXTURE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "supervisor/change/changes.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {

class ChangesTest : public ::testing::Test {
 protected:
  ChangesTest() {
    options_.command = {"app"};
    now_.can_act = true;
    now_.has_process = true;
    now_.generation = 1;
  }

  // Made at the first use, so that a test can set options before.
  Changes& changes() {
    if (!changes_.has_value()) {
      changes_.emplace(world_.context(), &options_, &outcomes_, &random_,
                       MakeHooks());
    }
    return *changes_;
  }

  static Reason File(const std::string& name,
                     std::optional<uint64_t> content = std::nullopt) {
    Reason reason;
    reason.cause = Reason::Cause::kFile;
    reason.text = reason.changed = name;
    reason.content = content;
    reason.files.Add(name);
    reason.files.SetCount(1);
    return reason;
  }

  // What the restart hook was called for.
  std::vector<std::string> Restarts() const {
    std::vector<std::string> texts;
    for (const auto& [reason, done] : restarts_) texts.push_back(reason.text);
    return texts;
  }
  // The start that was asked for last has come to its end.
  void Started(const absl::Status& status) {
    const Action::OnDone done = restarts_.back().second;
    done(status);
    world_.Settle();
  }
  // The check, or the command of --on-change=exec.
  void EndJob(ExitStatus status) {
    os().Exit(os().last(), status);
    world_.Settle();
  }
  Status Shown(bool starts = false) {
    Status status;
    changes().Describe(world_.now(), starts, &status);
    return status;
  }
  FakeOs& os() { return world_.os(); }

  const std::function<double()> random_ = [] { return 0.5; };
  FakeWorld world_;
  Options options_;
  Outcomes outcomes_;
  Changes::Situation now_;
  std::vector<std::pair<Reason, Action::OnDone>> restarts_;
  std::vector<int> signals_;
  Reason told_;  // of the last command
  int again_ = 0;
  int waiters_dropped_ = 0;
  std::optional<Changes> changes_;

 private:
  Changes::Hooks MakeHooks() {
    Changes::Hooks hooks;
    hooks.actions.restart = [this](const Reason& reason, Action::OnDone done) {
      restarts_.emplace_back(reason, std::move(done));
    };
    hooks.actions.signal = [this](int signo) {
      signals_.push_back(signo);
      return absl::OkStatus();
    };
    hooks.actions.environment = [this](const Reason& reason) {
      told_ = reason;
      return std::vector<std::string>{"FOR=" + reason.text};
    };
    hooks.situation = [this] { return now_; };
    hooks.environment = [] { return std::vector<std::string>{"CHECK=1"}; };
    hooks.drop_waiter = [this] { ++waiters_dropped_; };
    hooks.again = [this] { ++again_; };
    return hooks;
  }
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CHANGE_CHANGES_FIXTURE_H_
