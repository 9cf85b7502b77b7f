#include "supervisor/strategy/accept_strategy.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/members.h"

namespace reinit {
namespace {

constexpr absl::Duration kFirstLook = absl::Milliseconds(5);
constexpr absl::Duration kSlowestLook = absl::Seconds(1);
// What einhorn and Server::Starter give every process.
constexpr absl::Duration kBlindDelay = absl::Seconds(1);

constexpr std::string_view kStartFirst =
    "; with --restart-order=start-first a version that fails later than that "
    "takes over all the same: run reinit as the user of the process or give it "
    "--user, give reinit the capability SYS_PTRACE (--cap-add=SYS_PTRACE), or "
    "use --ready=notify, --ready=fd:N or a URL that the new one alone answers";

using LookFn = std::function<AcceptWatch::Answer(absl::Span<const pid_t>)>;

class AcceptStrategy : public Strategy {
 public:
  AcceptStrategy(const Context& context, RestartOptions::Order order,
                 LookFn look)
      : context_(context),
        order_(order),
        look_(std::move(look)),
        look_timer_(context.loop, [this] { Look(); }),
        blind_timer_(context.loop, [this] { BecomeReady(); }) {}

  std::string_view name() const override { return "accept"; }
  void Start(WakeFn wake) override { wake_ = std::move(wake); }
  std::optional<Reason> ShouldRestart(const View&) override {
    return std::nullopt;
  }
  void OnInstance(const View& view) override;
  bool Ready() const override { return ready_; }
  std::string WhyNotReady() const override;

 private:
  void Look();
  void BecomeReady();

  const Context context_;
  const RestartOptions::Order order_;
  const LookFn look_;
  WakeFn wake_;
  EventLoop::Timer look_timer_;
  EventLoop::Timer blind_timer_;
  View view_;
  int generation_ = 0;  // the one that is, or was, looked at
  absl::Time began_;
  bool ready_ = false;
  std::string unserved_;  // at the last look
  bool warned_ = false;
};

void AcceptStrategy::OnInstance(const View& view) {
  view_ = view;
  if (view.state != InstanceState::kUp) {
    look_timer_.Cancel();
    blind_timer_.Cancel();
  } else if (view.generation != generation_) {
    generation_ = view.generation;
    ready_ = false;
    unserved_.clear();
    began_ = context_.loop->Now();
    look_timer_.ArmAfter(kFirstLook);
  }
}

void AcceptStrategy::Look() {
  const AcceptWatch::Answer answer =
      look_(MembersOf(context_, view_.pid, view_.group, view_.mark));
  switch (answer.verdict) {
    case AcceptWatch::Verdict::kServed:
      BecomeReady();
      return;
    case AcceptWatch::Verdict::kNotServed:
      unserved_ = answer.text;
      blind_timer_.Cancel();
      break;
    case AcceptWatch::Verdict::kCannotTell:
      if (!std::exchange(warned_, true)) {
        context_.log->Write(
            LogLevel::kWarning,
            absl::StrCat("--ready=accept cannot be told here: ", answer.text,
                         ": the process counts as ready after ",
                         absl::FormatDuration(kBlindDelay),
                         order_ == RestartOptions::Order::kStartFirst
                             ? kStartFirst
                             : ""));
      }
      if (!blind_timer_.armed()) blind_timer_.ArmAfter(kBlindDelay);
      break;
  }
  look_timer_.ArmAfter(NextLook(context_.loop->Now() - began_));
}

void AcceptStrategy::BecomeReady() {
  look_timer_.Cancel();
  blind_timer_.Cancel();
  ready_ = true;
  wake_(Wake::kAsk);
}

std::string AcceptStrategy::WhyNotReady() const {
  if (unserved_.empty()) return "";
  return absl::StrCat(
      "the process is up but nobody accepts on ", unserved_,
      ": it may bind an address of its own, want another --listen-env, or "
      "stand behind a shell, where LISTEN_PID is not its own (`exec` it, or "
      "use `reinit listen-exec -- CMD`)");
}

}  // namespace

absl::Duration NextLook(absl::Duration elapsed) {
  return std::clamp(elapsed / 8, kFirstLook, kSlowestLook);
}

std::unique_ptr<Strategy> MakeAcceptStrategy(const Context& context,
                                             RestartOptions::Order order,
                                             LookFn look) {
  return std::make_unique<AcceptStrategy>(context, order, std::move(look));
}

std::unique_ptr<Strategy> MakeAcceptStrategy(const Context& context,
                                             RestartOptions::Order order,
                                             const ListenSockets* sockets) {
  return MakeAcceptStrategy(
      context, order,
      [watch = AcceptWatch(), sockets](absl::Span<const pid_t> pids) mutable {
        return watch.Look(pids, sockets->Listening());
      });
}

}  // namespace reinit
