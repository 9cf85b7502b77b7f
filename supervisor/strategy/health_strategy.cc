#include "supervisor/strategy/health_strategy.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reaper/value/overslept.h"
#include "supervisor/helper/helper_process.h"
#include "supervisor/probe/probe_record.h"
#include "supervisor/process/job.h"
#include "supervisor/strategy/rules/health_state.h"
#include "supervisor/strategy/stall_check.h"
#include "supervisor/value/duration_text.h"

namespace reinit {
namespace {

// How much longer than its own deadline the helper may take to answer, which
// is twice that of a check: it makes one again whose deadline it overslept.
constexpr absl::Duration kHelperGrace = absl::Seconds(2);

// Below what the helper makes side by side, and what its socket holds: none of
// them waits where its deadline counts already.
constexpr size_t kMostAsked = 200;

// Of a result, for whoever asks.
constexpr size_t kShownBytes = 256;

class HealthStrategy : public Strategy {
 public:
  HealthStrategy(const Context& context, const HealthOptions* options,
                 std::vector<std::string> environment,
                 const ListenSockets* sockets);

  std::string_view name() const override { return "health"; }
  void Start(WakeFn wake) override;
  void Prepare(LaunchExtras* launch) override { environment_ = launch->hooks; }
  std::optional<Reason> ShouldRestart(const InstanceView& view) override;
  void OnInstance(const InstanceView& view) override;
  bool Ready() const override;
  std::string WhyNotReady() const override;
  void AddChecks(std::vector<CheckStatus>* to) const override;

 private:
  struct Check {
    Check(HealthStrategy* strategy, const ProbeTarget* target, uint32_t index);

    const ProbeTarget* const target;
    std::string name;      // what is shown, of its own
    const uint32_t index;  // among the network checks, when it is one
    HealthState state;
    EventLoop::Timer next;
    EventLoop::Timer late;  // the helper has not answered
    absl::Time late_at;
    uint64_t asked = 0;  // id of the request under way; 0: none
    std::unique_ptr<Job> job;
    std::unique_ptr<StallCheck> stall;
    CheckStatus shown;
    absl::Time shown_at = absl::InfinitePast();
    bool answered = false;  // ever
  };

  void Begin();
  void Halt();
  void RunCheck(Check* check);
  void RunJob(Check* check);
  void LookForStall(Check* check);
  void AskHelper(Check* check);
  void SendWaiting();
  bool OnReply(const char* record);
  void OnLate(Check* check);
  void ArmLate(Check* check);
  void OnHelperRestarted();
  void OnResult(Check* check, bool passed, std::string_view text);
  // When nothing could be told, which decides nothing.
  absl::Duration RetryDelay() const {
    return std::min(options_->interval, HealthState::kStartInterval);
  }
  bool LivesOn() const {
    return options_->on_failure.what == OnUnhealthy::What::kSignal ||
           options_->on_failure.what == OnUnhealthy::What::kNone;
  }
  void NameApart(Check* check) const;
  ProbeConfig Config() const;

  const Context context_;
  const HealthOptions* const options_;
  std::vector<std::string> environment_;  // of exec: checks
  const ListenSockets* const sockets_;
  WakeFn wake_;
  std::vector<std::unique_ptr<Check>> checks_;
  std::optional<HelperProcess> helper_;
  EventLoop::Timer unsent_;
  std::deque<Check*> waiting_;  // to be sent to the helper
  uint64_t last_id_ = 0;
  uint32_t epoch_ = 0;
  int generation_ = 0;  // being checked; 0: none
  InstanceView view_;
  std::optional<Reason> reason_;
};

HealthStrategy::Check::Check(HealthStrategy* strategy,
                             const ProbeTarget* check_target,
                             uint32_t check_index)
    : target(check_target),
      name(check_target->shown),
      index(check_index),
      state(strategy->options_),
      next(strategy->context_.loop,
           [strategy, this] { strategy->RunCheck(this); }),
      late(strategy->context_.loop,
           [strategy, this] { strategy->OnLate(this); }) {}

HealthStrategy::HealthStrategy(const Context& context,
                               const HealthOptions* options,
                               std::vector<std::string> environment,
                               const ListenSockets* sockets)
    : context_(context),
      options_(options),
      environment_(std::move(environment)),
      sockets_(sockets),
      unsent_(context.loop, [this] { SendWaiting(); }) {
  uint32_t network = 0;
  for (const ProbeTarget& target : options_->checks) {
    checks_.push_back(std::make_unique<Check>(
        this, &target, target.IsForHelper() ? network++ : 0));
    NameApart(checks_.back().get());
  }
  if (network == 0) return;
  helper_.emplace(
      context_,
      HelperProcess::Spec{
          .role = "probe",
          .arguments = [this] { return Config().ToArgs(); },
          .record_size = sizeof(ProbeReply),
          .unprivileged = true,
          .as_command = true,
          .private_arguments = true,
          .on_record = [this](const char* record) { return OnReply(record); },
          .on_restarted = [this] { OnHelperRestarted(); }});
}

// Two may differ in nothing but what is not shown.
void HealthStrategy::NameApart(Check* check) const {
  const auto same =
      std::count_if(checks_.begin(), checks_.end(), [check](const auto& one) {
        return one->target->shown == check->target->shown;
      });
  if (same > 1) absl::StrAppend(&check->name, " (", same, ")");
}

ProbeConfig HealthStrategy::Config() const {
  ProbeConfig config;
  for (const ProbeTarget& target : options_->checks) {
    if (target.IsForHelper()) config.targets.push_back(target.text);
  }
  config.timeout = options_->timeout;
  config.expect = options_->expect;
  return config;
}

void HealthStrategy::Start(WakeFn wake) {
  wake_ = std::move(wake);
  if (helper_.has_value()) helper_->Start();
}

void HealthStrategy::OnInstance(const InstanceView& view) {
  view_ = view;
  const bool up =
      view.state == InstanceState::kUp || view.state == InstanceState::kReady;
  if (!up || view.shares_sockets) {
    Halt();
  } else if (view.generation != generation_) {
    generation_ = view.generation;
    Begin();
  }
}

void HealthStrategy::Begin() {
  reason_.reset();
  ++epoch_;
  for (const auto& check : checks_) {
    check->state.Begin(context_.loop->Now());
    check->shown = {};
    check->shown_at = absl::InfinitePast();
    check->next.ArmAt(check->state.next());
  }
}

// No checks while stopping, and what is under way does not count any more.
void HealthStrategy::Halt() {
  generation_ = 0;
  reason_.reset();
  waiting_.clear();
  unsent_.Cancel();
  for (const auto& check : checks_) {
    check->next.Cancel();
    check->late.Cancel();
    check->asked = 0;
    check->job.reset();
    check->stall.reset();
  }
}

void HealthStrategy::RunCheck(Check* check) {
  // Nobody could touch a file meanwhile.
  if (Overslept(check->next.deadline(), context_.loop->Now())) ++epoch_;
  switch (check->target->scheme().checker) {
    case ProbeScheme::Checker::kCommand:
      RunJob(check);
      return;
    case ProbeScheme::Checker::kQueues:
      LookForStall(check);
      return;
    case ProbeScheme::Checker::kHelper:
      AskHelper(check);
      return;
  }
}

void HealthStrategy::LookForStall(Check* check) {
  if (sockets_ == nullptr) return;
  check->stall = std::make_unique<StallCheck>(
      context_, view_, [this] { return sockets_->Queues(); }, options_->timeout,
      [this, check](bool passed, std::string_view text) {
        // It is the caller, so it can go only when it has returned.
        context_.loop->Post([gone = std::move(check->stall)] {});
        OnResult(check, passed, text);
      });
  check->stall->Start();
}

void HealthStrategy::RunJob(Check* check) {
  const auto done = [this, check](const Job::Result& result) {
    if (result.what == Job::Result::What::kNotForked) {
      context_.log->Write(LogLevel::kWarning,
                          absl::StrCat("health check ", check->name,
                                       " could not be made: ", result.text));
      check->next.ArmAfter(options_->interval);
      return;
    }
    // One that hung through a freeze says nothing: who knows what it met.
    if (result.what == Job::Result::What::kTimedOut &&
        Overslept(check->job->started() + options_->timeout,
                  check->job->ended())) {
      check->next.ArmAfter(absl::ZeroDuration());
      return;
    }
    const bool passed =
        result.what == Job::Result::What::kExited && result.status.Success();
    OnResult(check, passed, result.text);
  };
  check->job = std::make_unique<Job>(
      context_, check->target->argv, environment_, options_->timeout,
      Job::Output::kDropped, done, Job::Strays::kKilled);
  check->job->Start();
}

void HealthStrategy::AskHelper(Check* check) {
  waiting_.push_back(check);
  SendWaiting();
}

// Of what cannot be sent now each reply, and each start of a helper, sends
// some.
void HealthStrategy::SendWaiting() {
  size_t asked = static_cast<size_t>(
      std::count_if(checks_.begin(), checks_.end(),
                    [](const auto& check) { return check->asked != 0; }));
  for (; !waiting_.empty() && asked < kMostAsked; ++asked) {
    Check* const check = waiting_.front();
    ProbeRequest request;
    request.check = check->index;
    request.id = last_id_ + 1;
    request.epoch = epoch_;
    if (!helper_->Send(&request, sizeof(request))) {
      // Nobody is there to reply, but that is no reason to forget it.
      if (asked == 0) unsent_.ArmAfter(RetryDelay());
      if (asked == 0 && !check->late.armed()) ArmLate(check);
      return;
    }
    waiting_.pop_front();
    check->asked = ++last_id_;
    ArmLate(check);
  }
}

bool HealthStrategy::OnReply(const char* record) {
  const std::optional<ProbeReply> reply = ReadProbeReply(record);
  if (!reply.has_value()) return false;
  for (const auto& check : checks_) {
    if (check->asked == 0 || check->asked != reply->id) continue;
    check->asked = 0;
    check->late.Cancel();
    if (reply->passed == ProbeReply::kUnknown) {
      check->next.ArmAfter(RetryDelay());
    } else {
      OnResult(check.get(), reply->passed == 1, reply->text);
    }
    break;
  }
  // It may be to a question of an earlier instance: there is room all the same.
  SendWaiting();
  return true;
}

void HealthStrategy::OnLate(Check* check) {
  // Was it us, then give it the same time again.
  if (Overslept(check->late_at, context_.loop->Now())) {
    ArmLate(check);
  } else {
    helper_->Replace("did not answer in time");
  }
}

void HealthStrategy::ArmLate(Check* check) {
  check->late_at = context_.loop->Now() + 2 * options_->timeout + kHelperGrace;
  check->late.ArmAt(check->late_at);
}

// What it was asked is lost: that is no result, so ask again.
void HealthStrategy::OnHelperRestarted() {
  for (const auto& check : checks_) {
    if (check->asked == 0) continue;
    check->asked = 0;
    check->late.Cancel();
    waiting_.push_back(check.get());
  }
  SendWaiting();
}

void HealthStrategy::OnResult(Check* check, bool passed,
                              std::string_view text) {
  using Verdict = HealthState::Verdict;
  const Verdict verdict = check->state.OnResult(context_.loop->Now(), passed);
  check->shown.state =
      passed ? CheckStatus::State::kPassing : CheckStatus::State::kFailing;
  check->shown.text = std::string(text.substr(0, kShownBytes));
  check->shown_at = context_.loop->Now();
  // One that is not restarted for it lives on, and so do its checks.
  const bool first = !std::exchange(check->answered, true);
  const bool goes_on = verdict != Verdict::kUnhealthy || LivesOn();
  if (goes_on) check->next.ArmAt(check->state.next());
  const std::string result =
      absl::StrCat("health check ", check->name, ": ", text);
  if (verdict == Verdict::kFailing) {
    context_.log->Event(
        LogLevel::kWarning, "health_failing",
        absl::StrCat(result, " (", check->state.failures(), " of ",
                     options_->retries, " failures in a row)"),
        {{"generation", generation_},
         {"check", check->name},
         {"failures", check->state.failures()},
         {"reason", text}});
  } else if (first && !passed && verdict == Verdict::kNothing) {
    // Most start so; but a wrong address or program never gets further, and
    // would not be seen until the start period is over.
    context_.log->Write(
        LogLevel::kInfo,
        absl::StrCat(
            result, " (the first result; failures do not count ",
            options_->start_period == absl::InfiniteDuration()
                ? ""
                : absl::StrCat("for ", DurationText(options_->start_period),
                               " or "),
            "until it passes)"));
  } else {
    context_.log->Write(LogLevel::kDebug, result);
  }
  if (verdict == Verdict::kUnhealthy) {
    reason_.emplace();
    reason_->cause = Reason::Cause::kHealth;
    reason_->text = result;
    if (options_->retries > 1) {
      absl::StrAppend(&reason_->text, " (", options_->retries,
                      " failures in a row)");
    }
  }
  if (verdict == Verdict::kUnhealthy || verdict == Verdict::kFirstSuccess) {
    wake_(Wake::kAsk);
  }
}

std::optional<Reason> HealthStrategy::ShouldRestart(const InstanceView&) {
  return std::exchange(reason_, std::nullopt);
}

bool HealthStrategy::Ready() const {
  return std::all_of(checks_.begin(), checks_.end(), [](const auto& check) {
    return check->state.ever_passed();
  });
}

std::string HealthStrategy::WhyNotReady() const {
  std::vector<std::string> why;
  for (const auto& check : checks_) {
    if (check->state.ever_passed()) continue;
    why.push_back(absl::StrCat(
        "health check ", check->name, ": ",
        check->shown.text.empty() ? "no result yet" : check->shown.text));
  }
  return absl::StrJoin(why, "; ");
}

void HealthStrategy::AddChecks(std::vector<CheckStatus>* to) const {
  for (const auto& check : checks_) {
    CheckStatus& shown = to->emplace_back(check->shown);
    shown.check = check->name;
    shown.failures = check->state.failures();
    shown.ago = context_.loop->Now() - check->shown_at;
  }
}

}  // namespace

std::unique_ptr<Strategy> MakeHealthStrategy(
    const Context& context, const HealthOptions* options,
    std::vector<std::string> environment, const ListenSockets* sockets) {
  return std::make_unique<HealthStrategy>(context, options,
                                          std::move(environment), sockets);
}

}  // namespace reinit
