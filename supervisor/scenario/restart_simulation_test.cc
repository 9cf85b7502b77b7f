// What the default restart policy does to a program that keeps dying: the last
// row of the table in the comparison of restart policies (10, 10, 10, 33).
#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

struct Row {
  absl::Duration lives;
  int restarts;             // within 30 minutes
  absl::Duration gives_up;  // rounded to seconds; infinite: it does not
};

class RestartSimulationTest : public SupervisorTest,
                              public ::testing::WithParamInterface<Row> {};

TEST_P(RestartSimulationTest, DefaultsInThirtyMinutes) {
  options_.restart.policy = RestartOptions::Policy::kOnFailure;
  const absl::Time begin = world_.now();
  const absl::Time end = begin + absl::Minutes(30);
  Start(/*with_fake=*/false);
  absl::Time started = begin;
  absl::Time ended = absl::InfiniteFuture();
  while (world_.now() < end) {
    world_.Advance(GetParam().lives);
    if (world_.now() >= end) break;
    Exit(7);
    if (supervisor_->ended()) {
      ended = world_.now();
      break;
    }
    while (!os().Alive(os().last()) && world_.now() < end) {
      world_.Advance(world_.loop().NextDeadline() - world_.now());
    }
    EXPECT_GT(world_.now(), started);
    started = world_.now();
  }
  EXPECT_EQ(os().spawns() - 1, GetParam().restarts);
  if (GetParam().gives_up == absl::InfiniteDuration()) {
    EXPECT_FALSE(supervisor_->ended());
    Signal(SIGTERM);
    return;
  }
  ExpectEnded(7);
  EXPECT_EQ(absl::Trunc(ended - begin, absl::Seconds(1)), GetParam().gives_up);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RestartSimulationTest,
    ::testing::Values(Row{absl::Milliseconds(50), 10, absl::Seconds(43)},
                      Row{absl::Seconds(5), 10, absl::Seconds(97)},
                      Row{absl::Seconds(11), 10, absl::Seconds(163)},
                      Row{absl::Seconds(45), 33, absl::InfiniteDuration()}));

}  // namespace
}  // namespace reinit
