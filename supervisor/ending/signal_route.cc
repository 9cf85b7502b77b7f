#include "supervisor/ending/signal_route.h"

#include <signal.h>

namespace reinit {
namespace {

bool MeansDown(int received, int sent, const SignalFacts& facts) {
  const bool stops = received == SIGTERM || received == SIGINT ||
                     received == SIGQUIT || received == facts.stop_signal ||
                     sent == SIGTERM || sent == facts.stop_signal;
  // A plain init without a process has nothing to pass the signal to, and must
  // not outlive it.
  if (!facts.supervising) return stops && !facts.process_alive;
  // The terminal is gone, and with it the person who would save the next file.
  return stops || (received == SIGHUP && facts.hung_up);
}

}  // namespace

int SentFor(int received, const SignalMap& rewrite, int stop_signal) {
  return received == SIGTERM && !rewrite.Changes(SIGTERM)
             ? stop_signal
             : rewrite.Of(received);
}

SignalRoute RouteOf(int received, int sent, const SignalFacts& facts) {
  if (received == facts.reload_signal && facts.staying) {
    return SignalRoute::kReload;
  }
  if (sent != 0 && MeansDown(received, sent, facts)) return SignalRoute::kDown;
  if (facts.serves && !facts.kept) return SignalRoute::kForward;
  // Before the first process runs nothing is lost. A later one starts with all
  // that the signal may have been about, and would only be ended by it.
  const bool keeps =
      facts.staying && !facts.started && sent != 0 && !facts.sidecar;
  return keeps ? SignalRoute::kKeep : SignalRoute::kDrop;
}

}  // namespace reinit
