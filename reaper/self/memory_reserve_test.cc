#include "reaper/self/memory_reserve.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <new>

#include "gtest/gtest.h"
#include "reaper/test_process.h"

namespace reinit {
namespace {

TEST(MemoryReserveTest, IsUsedOnceAndTakenAgain) {
  const pid_t child = Fork([] {
    KeepMemoryReserve();
    if (RefillMemoryReserve()) return 1;
    std::get_new_handler()();
    if (!RefillMemoryReserve()) return 2;
    if (RefillMemoryReserve()) return 3;
    std::get_new_handler()();
    std::get_new_handler()();  // used up: operator new is to throw
    if (std::get_new_handler() != nullptr) return 4;
    return RefillMemoryReserve() && std::get_new_handler() != nullptr ? 0 : 5;
  });
  EXPECT_EQ(WEXITSTATUS(WaitStatus(child)), 0);
}

// The sanitizers reserve terabytes.
#ifndef __SANITIZE_ADDRESS__
// The status of a process that allocates 512 KiB when there is nothing left.
int AllocateAtTheLimit(bool reserve) {
  return WaitStatus(Fork([&] {
    if (reserve) KeepMemoryReserve();
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit used = {pages * static_cast<rlim_t>(::getpagesize()),
                         RLIM_INFINITY};
    const rlimit no_core = {0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    if (::setrlimit(RLIMIT_AS, &used) != 0) return 1;
    for (int i = 0; i < 64; ++i) {
      volatile char* const block = new char[8 << 10];
      block[0] = 'x';
    }
    return 0;
  }));
}

TEST(MemoryReserveTest, APassingLackIsSurvived) {
  EXPECT_EQ(AllocateAtTheLimit(true), 0);
}

TEST(MemoryReserveTest, TwinWithoutItTheProcessEnds) {
  const int status = AllocateAtTheLimit(false);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status;
}
#endif

}  // namespace
}  // namespace reinit
