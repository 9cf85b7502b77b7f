#include "supervisor/strategy/accept_strategy.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "supervisor/process/members.h"
#include "supervisor/side/side_read.h"

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

// An answer on its way from the child: VERDICT NEXT TEXT.
std::string Pack(const AcceptWatch::Answer& answer) {
  return absl::StrCat(static_cast<int>(answer.verdict), " ", answer.next, " ",
                      answer.text);
}

AcceptWatch::Answer Unpack(const std::string& packed) {
  const std::vector<std::string> fields =
      absl::StrSplit(packed, absl::MaxSplits(' ', 2));
  AcceptWatch::Answer answer;
  int verdict = 0;
  if (fields.size() == 3 && absl::SimpleAtoi(fields[0], &verdict) &&
      absl::SimpleAtoi(fields[1], &answer.next)) {
    answer.verdict = static_cast<AcceptWatch::Verdict>(verdict);
    answer.text = fields[2];
  }
  return answer;
}

class AcceptStrategy : public Strategy {
 public:
  AcceptStrategy(const Context& context, RestartOptions::Order order,
                 const ListenSockets* sockets, int worker, AcceptLook look)
      : context_(context),
        order_(order),
        sockets_(sockets),
        worker_(worker),
        look_(std::move(look)),
        child_(context),
        look_timer_(context.loop, [this] { Look(); }),
        blind_timer_(context.loop, [this] { BecomeReady(); }) {}

  std::string_view name() const override { return "accept"; }
  void Start(WakeFn wake) override { wake_ = std::move(wake); }
  std::optional<Reason> ShouldRestart(const InstanceView&) override {
    return std::nullopt;
  }
  void OnInstance(const InstanceView& view) override;
  bool Ready() const override { return ready_; }
  std::string WhyNotReady() const override;

 private:
  void Look();
  void OnLook(int generation, const absl::StatusOr<std::string>& packed);
  void OnAnswer(const AcceptWatch::Answer& answer);
  void BecomeReady();

  const Context context_;
  const RestartOptions::Order order_;
  const ListenSockets* const sockets_;
  const int worker_;
  const AcceptLook look_;
  SideRead child_;
  WakeFn wake_;
  EventLoop::Timer look_timer_;
  EventLoop::Timer blind_timer_;
  InstanceView view_;
  int generation_ = 0;  // the one that is, or was, looked at
  absl::Time began_;
  bool ready_ = false;
  std::string unserved_;  // at the last look
  bool hangs_ = false;    // the last look
  size_t next_ = 0;
  bool warned_ = false;
};

void AcceptStrategy::OnInstance(const InstanceView& view) {
  view_ = view;
  if (view.state != InstanceState::kUp) {
    look_timer_.Cancel();
    blind_timer_.Cancel();
  } else if (view.generation != generation_) {
    generation_ = view.generation;
    ready_ = false;
    unserved_.clear();
    hangs_ = false;
    next_ = 0;
    began_ = context_.loop->Now();
    look_timer_.ArmAfter(kFirstLook);
  }
}

void AcceptStrategy::Look() {
  // One at the process before still is under way: its end brings us here.
  if (child_.busy()) return;
  // An orphan whose marks are unknown is looked at the next time.
  std::vector<ProcessInfo> unknown;
  const std::vector<pid_t> pids = MembersOf(context_, view_.pid, view_.group,
                                            view_.mark, nullptr, &unknown);
  context_.marks->Learn(unknown);
  // Here, since the child does not have them.
  std::vector<ListenSockets::Id> sockets;
  if (sockets_ != nullptr) sockets = sockets_->Listening(worker_);
  child_.Start(
      [&]() -> absl::StatusOr<std::string> {
        return Pack(look_(pids, sockets, next_));
      },
      [this,
       generation = generation_](const absl::StatusOr<std::string>& packed) {
        OnLook(generation, packed);
      });
}

void AcceptStrategy::OnLook(int generation,
                            const absl::StatusOr<std::string>& packed) {
  if (view_.state != InstanceState::kUp || ready_) return;
  if (generation != generation_) {
    look_timer_.ArmAfter(kFirstLook);
    return;
  }
  hangs_ = absl::IsDeadlineExceeded(packed.status());
  if (packed.ok()) OnAnswer(Unpack(*packed));
  if (ready_) return;
  look_timer_.ArmAfter(NextLook(context_.loop->Now() - began_));
}

void AcceptStrategy::OnAnswer(const AcceptWatch::Answer& answer) {
  next_ = answer.next;
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
}

void AcceptStrategy::BecomeReady() {
  look_timer_.Cancel();
  blind_timer_.Cancel();
  ready_ = true;
  wake_(Wake::kAsk);
}

std::string AcceptStrategy::WhyNotReady() const {
  if (hangs_) {
    return "whether the process accepts cannot be read from /proc: its memory "
           "is on a file system that does not answer";
  }
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
                                             const ListenSockets* sockets,
                                             int worker, AcceptLook look) {
  return std::make_unique<AcceptStrategy>(context, order, sockets, worker,
                                          std::move(look));
}

std::unique_ptr<Strategy> MakeAcceptStrategy(const Context& context,
                                             RestartOptions::Order order,
                                             const ListenSockets* sockets,
                                             int worker) {
  return MakeAcceptStrategy(
      context, order, sockets, worker,
      [](absl::Span<const pid_t> pids,
         absl::Span<const ListenSockets::Id> listening, size_t next) {
        return AcceptWatch("/proc", next).Look(pids, listening);
      });
}

}  // namespace reinit
