#include "supervisor/ending/stop_order.h"

#include <signal.h>

#include <string_view>
#include <utility>

#include "supervisor/ending/signal_route.h"

namespace reinit {
namespace {

constexpr std::string_view kFlag = "--shutdown-timeout";

}  // namespace

StopOrder::StopOrder(const Context& context, const Options* options,
                     InstancePair* pair)
    : context_(context),
      options_(options),
      pair_(pair),
      // By then the load balancer has seen that the process is not ready.
      drain_timer_(context.loop, [this] { Pass(draining_, /*first=*/true); }) {}

bool StopOrder::Receive(int signo) {
  const int before = std::exchange(signo_, signo);
  return signo == SIGINT && before == SIGINT;
}

bool StopOrder::Execute(const SignalInfo& signal, bool first) {
  Instance* const current = pair_->current();
  bool alive = false;
  pair_->ForEachAlive([&alive](Instance*) { alive = true; });
  // A second signal ends the delay.
  const bool was_draining = drain_timer_.armed();
  drain_timer_.Cancel();
  if (!first && !alive) return false;
  if (!alive) return true;
  if (first && current != nullptr && current->alive() &&
      !current->stop_requested() &&
      options_->stop.drain_delay > absl::ZeroDuration() &&
      !GivenByTerminal(signal, *current)) {
    draining_ = signal;
    drain_timer_.ArmAfter(options_->stop.drain_delay);
    return true;
  }
  Pass(signal, first || was_draining);
  return true;
}

void StopOrder::Pass(const SignalInfo& signal, bool first) {
  pair_->ForEachAlive([&](Instance* one) { PassTo(one, signal, first); });
}

void StopOrder::PassTo(Instance* instance, const SignalInfo& signal,
                       bool first) {
  const int sent =
      SentFor(signal.signo, options_->signals.rewrite, options_->stop.signal);
  const bool has_it = GivenByTerminal(signal, *instance);
  const bool stopping = instance->stop_requested();
  if (!stopping && has_it) {
    instance->ExpectStop(options_->stop.shutdown_timeout, kFlag);
    return;
  }
  if (!stopping) {
    // The runtime has a clock of its own, so by default there is no KILL.
    instance->Stop(sent, options_->stop.shutdown_timeout, kFlag);
    return;
  }
  // Asked to stop already, for a restart: not twice in a row for one reason,
  // and now with the time that the end of it all has, but for one that hangs.
  const absl::Time until =
      context_.loop->Now() + options_->stop.shutdown_timeout;
  const bool sooner = for_failure_ && instance->stop_deadline() < until;
  if (first && !sooner) {
    instance->StopWithin(options_->stop.shutdown_timeout, kFlag);
  }
  const bool same = first && sent == instance->stopped_with();
  if (same || has_it) return;
  instance->Forward({.signo = sent});
  instance->Forward({.signo = SIGCONT});
}

}  // namespace reinit
