#include "supervisor/socket/proc_text.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(ProcText, EpollTargets) {
  const auto targets = ParseEpollTargets(
      "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1057\n"
      "tfd:        5 events:       19 data:                5  pos:0 ino:1a2b "
      "sdev:8\n"
      "tfd:       11 events: 80000001 data: ffff00000000000b\n"
      "tfd:\nevents: 1\n");
  ASSERT_EQ(targets.size(), 2u);
  EXPECT_EQ(targets[0].fd, 5);
  EXPECT_EQ(targets[0].events, 0x19u);
  EXPECT_TRUE(targets[0].known);
  EXPECT_EQ(targets[0].inode, 0x1a2bu);
  EXPECT_EQ(targets[0].device, 8u);
  // Before Linux 4.13.
  EXPECT_EQ(targets[1].fd, 11);
  EXPECT_EQ(targets[1].events, 0x80000001u);
  EXPECT_FALSE(targets[1].known);
}

TEST(ProcText, Device) {
  EXPECT_EQ(KernelDevice(makedev(0, 8)), 8u);
  EXPECT_EQ(KernelDevice(makedev(0, 300)), 300u);
  EXPECT_EQ(KernelDevice(makedev(8, 1)), 0x800001u);
}

TEST(ProcText, BlockingCalls) {
  const auto call = ParseBlockingCall(
      "288 0x3 0x7ffd0 0x7ffd8 0x80000 0x0 0x0 0x7ffd0 0x7f001\n");
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->number, 288);
  EXPECT_EQ(call->arguments[0], 3u);
  EXPECT_EQ(call->arguments[1], 0x7ffd0u);
  for (const char* other :
       {"running\n", "-1 0x7ffd0 0x7f001\n", "", "\n", "7 0x1\n",
        "7 g h i j k l m n\n", "-1 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n"}) {
    EXPECT_FALSE(ParseBlockingCall(other).has_value()) << other;
  }
}

TEST(ProcText, WhatIsWaitedFor) {
  EXPECT_EQ(WaitingIn({SYS_accept4, {7, 0}}).what, Waiting::For::kAccept);
  EXPECT_EQ(WaitingIn({SYS_accept, {7, 0}}).fd, 7);
  EXPECT_EQ(WaitingIn({SYS_read, {7, 0}}).what, Waiting::For::kOther);
  EXPECT_EQ(WaitingIn({SYS_pselect6, {7, 0x100}}).count, 7u);
  EXPECT_EQ(SetSize(WaitingIn({SYS_pselect6, {65, 0x100}})), 16u);
  EXPECT_EQ(SetSize(WaitingIn({SYS_pselect6, {65, 0}})), 0u);
  EXPECT_EQ(SetSize(WaitingIn({SYS_ppoll, {0x100, 3}})), 24u);
  EXPECT_EQ(SetSize(WaitingIn({SYS_ppoll, {0x100, UINT64_MAX}})), 65536u);
  EXPECT_EQ(SetSize(WaitingIn({SYS_pselect6, {UINT64_MAX, 1}})), 1024u);
}

TEST(ProcText, PollSets) {
  const pollfd polled[] = {
      {4, POLLOUT, 0}, {-1, POLLIN, 0}, {5, POLLIN | POLLPRI, 0}};
  char raw[sizeof(polled)];
  std::memcpy(raw, polled, sizeof(polled));
  const Waiting waiting = WaitingIn({SYS_ppoll, {0x100, 3}});
  EXPECT_TRUE(SetHas(waiting, raw, 5));
  EXPECT_FALSE(SetHas(waiting, raw, 4));
  EXPECT_FALSE(SetHas(waiting, raw, -1));
  // Cut off in its middle.
  EXPECT_FALSE(SetHas(waiting, absl::MakeSpan(raw).first(23), 5));
}

TEST(ProcText, SelectSets) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(3, &set);
  FD_SET(70, &set);
  char raw[sizeof(set)];
  std::memcpy(raw, &set, sizeof(set));
  const Waiting waiting = WaitingIn({SYS_pselect6, {71, 0x100}});
  EXPECT_TRUE(SetHas(waiting, raw, 3));
  EXPECT_TRUE(SetHas(waiting, raw, 70));
  EXPECT_FALSE(SetHas(waiting, raw, 4));
  EXPECT_FALSE(SetHas(waiting, raw, 100000));
  EXPECT_FALSE(SetHas(waiting, absl::MakeSpan(raw).first(8), 70));
  // Its count says that 70 is not looked at.
  EXPECT_FALSE(SetHas(WaitingIn({SYS_pselect6, {70, 0x100}}), raw, 70));
}

// Whatever a kernel, or a sandbox that plays one, writes there.
TEST(ProcText, SurvivesAnything) {
  std::mt19937 random(1);
  const std::string_view pieces[] = {
      "tfd:",           " ",     "\n",  "events:", "0x",  "ino:", "f", "-1",
      "99999999999999", "sdev:", "288", "running", "\xff"};
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (auto left = random() % 24; left > 0; --left) {
      text += pieces[random() % std::size(pieces)];
    }
    ParseEpollTargets(text);
    if (const auto call = ParseBlockingCall(text)) {
      EXPECT_LE(SetSize(WaitingIn(*call)), 65536u);
    }
  }
}

}  // namespace
}  // namespace reinit
