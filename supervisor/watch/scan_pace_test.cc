#include "supervisor/watch/scan_pace.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using absl::Milliseconds;
using absl::Seconds;

ScanPace Settled(absl::Duration every, bool adapts, absl::Duration cost) {
  ScanPace pace(every, adapts);
  for (int i = 0; i < 100; ++i) pace.OnScan(cost);
  return pace;
}

TEST(ScanPaceTest, TheFirstScanComesInTime) {
  EXPECT_EQ(ScanPace(Seconds(30), true).delay(true), Seconds(30));
}

TEST(ScanPaceTest, ACheapScanIsMadeAsOftenAsSaid) {
  EXPECT_EQ(Settled(Seconds(30), true, Milliseconds(15)).delay(true),
            Seconds(30));
}

TEST(ScanPaceTest, WhereNothingIsExpectedItUsesATwoThousandth) {
  const ScanPace pace = Settled(Seconds(30), true, Milliseconds(144));
  EXPECT_EQ(pace.delay(true), Seconds(288));
  EXPECT_EQ(pace.delay(false), Seconds(30)) << "not all is announced";
}

TEST(ScanPaceTest, WhatTheUserHasSaidIsKept) {
  EXPECT_EQ(Settled(Seconds(30), false, Milliseconds(144)).delay(true),
            Seconds(30));
  EXPECT_EQ(Settled(Seconds(1), false, Milliseconds(144)).delay(true),
            Milliseconds(2880))
      << "but for 5 %";
}

TEST(ScanPaceTest, AfterASilentChangeItIsQuickAgain) {
  ScanPace pace = Settled(Seconds(30), true, Milliseconds(144));
  pace.OnSilent();
  EXPECT_EQ(pace.delay(true), Seconds(30));
}

TEST(ScanPaceTest, ItIsMadeOnceAnHourAtLeast) {
  EXPECT_EQ(Settled(Seconds(30), true, Seconds(100)).delay(true),
            absl::Hours(1));
  // Of 5 % no more either way.
  EXPECT_EQ(Settled(Seconds(30), true, Seconds(300)).delay(true),
            Seconds(6000));
}

// Ten hours of simulated time: what scans use of it.
TEST(ScanPaceTest, TenHoursOfScansCostsATwoThousandth) {
  ScanPace pace(Seconds(30), true);
  const absl::Duration cost = Milliseconds(144);
  absl::Duration used;
  absl::Duration now;
  while (now < absl::Hours(10)) {
    now += pace.delay(true) + cost;
    pace.OnScan(cost);
    used += cost;
  }
  const double share = absl::FDivDuration(used, now);
  EXPECT_LE(share, 0.0006);
  EXPECT_GE(share, 0.0004);
}

}  // namespace
}  // namespace reinit
