#include "supervisor/ending/signal_route.h"

#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

constexpr int kFlags = 8;

SignalFacts FactsOf(unsigned bits, int reload_signal, int stop_signal) {
  SignalFacts facts;
  facts.reload_signal = reload_signal;
  facts.stop_signal = stop_signal;
  facts.staying = (bits & 1U) != 0;
  facts.supervising = (bits & 2U) != 0;
  facts.sidecar = (bits & 4U) != 0;
  facts.hung_up = (bits & 8U) != 0;
  facts.process_alive = (bits & 16U) != 0;
  facts.serves = (bits & 32U) != 0;
  facts.kept = (bits & 64U) != 0;
  facts.started = (bits & 128U) != 0;
  return facts;
}

std::string TextOf(int received, int sent, const SignalFacts& facts) {
  return absl::StrCat(
      "received ", received, ", sent ", sent, ", reload ", facts.reload_signal,
      ", stop ", facts.stop_signal, facts.staying ? " staying" : "",
      facts.supervising ? " supervising" : "", facts.sidecar ? " sidecar" : "",
      facts.hung_up ? " hung_up" : "", facts.process_alive ? " alive" : "",
      facts.serves ? " serves" : "", facts.kept ? " kept" : "",
      facts.started ? " started" : "");
}

// One line of the table in the header, told without the others.
struct Line {
  SignalRoute route;
  bool applies;
};

std::vector<Line> TableOf(int received, int sent, const SignalFacts& facts) {
  const bool dropped = sent == 0;
  const bool stops =
      received == SIGTERM || received == SIGINT || received == SIGQUIT ||
      sent == SIGTERM ||
      (facts.stop_signal != 0 &&
       (received == facts.stop_signal || sent == facts.stop_signal));
  const bool hang_up = received == SIGHUP && facts.hung_up;
  const bool plain = !facts.supervising;
  const bool down_supervising = facts.supervising && (stops || hang_up);
  const bool down_plain = plain && stops && !facts.process_alive;
  return {
      {SignalRoute::kReload, facts.reload_signal != 0 &&
                                 received == facts.reload_signal &&
                                 facts.staying},
      {SignalRoute::kDown, !dropped && (down_supervising || down_plain)},
      {SignalRoute::kForward, facts.serves && !facts.kept},
      {SignalRoute::kKeep,
       !dropped && facts.staying && !facts.started && !facts.sidecar},
      {SignalRoute::kDrop, true},
  };
}

void ExpectByTable(int received, int sent, const SignalFacts& facts,
                   std::vector<int>& decided) {
  for (const Line& line : TableOf(received, sent, facts)) {
    if (!line.applies) continue;
    ASSERT_EQ(RouteOf(received, sent, facts), line.route)
        << TextOf(received, sent, facts);
    ++decided[static_cast<size_t>(line.route)];
    break;
  }
}

TEST(SignalRouteTest, TheFirstLineOfTheTableThatAppliesDecides) {
  const int kReceived[] = {SIGTERM, SIGINT,  SIGQUIT,  SIGHUP,  SIGUSR1,
                           SIGTSTP, SIGCONT, SIGWINCH, SIGRTMIN};
  std::vector<int> decided(5);
  for (unsigned bits = 0; bits < 1U << kFlags; ++bits) {
    for (const int reload : {0, SIGHUP, SIGUSR1, SIGTERM}) {
      for (const int stop : {0, SIGTERM, SIGWINCH, SIGUSR1, SIGUSR2, SIGHUP}) {
        const SignalFacts facts = FactsOf(bits, reload, stop);
        for (const int received : kReceived) {
          for (const int sent : {0, received, int{SIGUSR2}, int{SIGTERM}}) {
            ExpectByTable(received, sent, facts, decided);
          }
        }
      }
    }
  }
  // Each line was the one that decided, often.
  for (const int count : decided) EXPECT_GT(count, 100);
}

// A few that are spelled out, so that table and statement cannot both be wrong.

TEST(SignalRouteTest, TermEndsASupervisorWhateverRuns) {
  SignalFacts facts;
  facts.supervising = facts.process_alive = facts.serves = true;
  EXPECT_EQ(RouteOf(SIGTERM, SIGTERM, facts), SignalRoute::kDown);
  EXPECT_EQ(RouteOf(SIGTERM, SIGQUIT, facts), SignalRoute::kDown);
  facts.staying = false;
  EXPECT_EQ(RouteOf(SIGTERM, SIGTERM, facts), SignalRoute::kDown);
}

// The STOPSIGNAL of httpd's images, and of haproxy's.
TEST(SignalRouteTest, TheStopSignalMeansWhatTermMeans) {
  for (const int signo : {SIGWINCH, SIGUSR1, SIGRTMIN + 3}) {
    SignalFacts facts;
    facts.process_alive = facts.serves = true;
    EXPECT_EQ(RouteOf(signo, signo, facts), SignalRoute::kForward);
    facts.supervising = true;
    EXPECT_EQ(RouteOf(signo, signo, facts), SignalRoute::kForward);
    facts.stop_signal = signo;
    EXPECT_EQ(RouteOf(signo, signo, facts), SignalRoute::kDown);
    EXPECT_EQ(RouteOf(signo, 0, facts), SignalRoute::kForward) << "dropped";
    facts.supervising = false;
    EXPECT_EQ(RouteOf(signo, signo, facts), SignalRoute::kForward);
    facts.process_alive = facts.serves = false;
    EXPECT_EQ(RouteOf(signo, signo, facts), SignalRoute::kDown);
  }
}

TEST(SignalRouteTest, WhatIsRewrittenToTermMeansTerm) {
  SignalFacts facts;
  facts.supervising = facts.process_alive = facts.serves = true;
  EXPECT_EQ(RouteOf(SIGWINCH, SIGTERM, facts), SignalRoute::kDown);
  EXPECT_EQ(RouteOf(SIGWINCH, SIGQUIT, facts), SignalRoute::kForward);
}

TEST(SignalRouteTest, WhatIsRewrittenToTheStopSignalMeansIt) {
  SignalFacts facts;
  facts.supervising = facts.process_alive = facts.serves = true;
  facts.stop_signal = SIGQUIT;
  EXPECT_EQ(RouteOf(SIGWINCH, SIGQUIT, facts), SignalRoute::kDown);
  EXPECT_EQ(RouteOf(SIGWINCH, SIGUSR2, facts), SignalRoute::kForward);
  facts.supervising = false;
  EXPECT_EQ(RouteOf(SIGWINCH, SIGQUIT, facts), SignalRoute::kForward);
}

TEST(SignalRouteTest, SentForIsTheRewriteThenTheStopSignal) {
  SignalMap rewrite;
  EXPECT_EQ(SentFor(SIGTERM, rewrite, SIGQUIT), SIGQUIT);
  EXPECT_EQ(SentFor(SIGINT, rewrite, SIGQUIT), SIGINT);
  rewrite.Set(SIGTERM, SIGTERM);
  EXPECT_EQ(SentFor(SIGTERM, rewrite, SIGQUIT), SIGTERM);
  rewrite.Set(SIGTERM, 0);
  EXPECT_EQ(SentFor(SIGTERM, rewrite, SIGQUIT), 0);
}

TEST(SignalRouteTest, APlainInitPassesTermOnWhileItsProcessLives) {
  SignalFacts facts;
  facts.process_alive = facts.serves = true;
  EXPECT_EQ(RouteOf(SIGTERM, SIGTERM, facts), SignalRoute::kForward);
  facts.process_alive = facts.serves = false;
  EXPECT_EQ(RouteOf(SIGTERM, SIGTERM, facts), SignalRoute::kDown);
}

TEST(SignalRouteTest, WhatIsToBeDroppedEndsNothingAndIsNotKept) {
  SignalFacts facts;
  EXPECT_EQ(RouteOf(SIGTERM, 0, facts), SignalRoute::kDrop);
  EXPECT_EQ(RouteOf(SIGUSR1, 0, facts), SignalRoute::kDrop);
  facts.supervising = true;
  EXPECT_EQ(RouteOf(SIGTERM, 0, facts), SignalRoute::kDrop);
}

// An order among signals is kept: one that comes while others wait, waits too.
TEST(SignalRouteTest, NoSignalOvertakesOneThatIsKept) {
  SignalFacts facts;
  facts.process_alive = facts.serves = facts.kept = true;
  EXPECT_EQ(RouteOf(SIGUSR1, SIGUSR1, facts), SignalRoute::kKeep);
  facts.kept = false;
  EXPECT_EQ(RouteOf(SIGUSR1, SIGUSR1, facts), SignalRoute::kForward);
}

TEST(SignalRouteTest, ASignalBetweenTwoProcessesIsDropped) {
  SignalFacts facts;
  EXPECT_EQ(RouteOf(SIGUSR1, SIGUSR1, facts), SignalRoute::kKeep);
  facts.started = true;
  EXPECT_EQ(RouteOf(SIGUSR1, SIGUSR1, facts), SignalRoute::kDrop);
}

TEST(SignalRouteTest, ASidecarKeepsNoSignal) {
  SignalFacts facts;
  facts.sidecar = true;
  EXPECT_EQ(RouteOf(SIGUSR1, SIGUSR1, facts), SignalRoute::kDrop);
}

TEST(SignalRouteTest, TheReloadSignalIsOneWhateverItIs) {
  SignalFacts facts;
  facts.supervising = facts.process_alive = facts.serves = true;
  facts.hung_up = true;
  facts.reload_signal = SIGHUP;
  EXPECT_EQ(RouteOf(SIGHUP, SIGHUP, facts), SignalRoute::kReload);
  EXPECT_EQ(RouteOf(SIGHUP, 0, facts), SignalRoute::kReload);
  facts.staying = false;
  EXPECT_EQ(RouteOf(SIGHUP, SIGHUP, facts), SignalRoute::kDown);
  facts.hung_up = false;
  EXPECT_EQ(RouteOf(SIGHUP, SIGHUP, facts), SignalRoute::kForward);
}

TEST(SignalRouteTest, AHangUpEndsOnlyASupervisorAndOnlyOfItsOwnTerminal) {
  SignalFacts facts;
  facts.process_alive = facts.serves = facts.hung_up = true;
  EXPECT_EQ(RouteOf(SIGHUP, SIGHUP, facts), SignalRoute::kForward);
  facts.supervising = true;
  EXPECT_EQ(RouteOf(SIGHUP, SIGHUP, facts), SignalRoute::kDown);
  EXPECT_EQ(RouteOf(SIGUSR1, SIGUSR1, facts), SignalRoute::kForward);
}

}  // namespace
}  // namespace reinit
