// Reserves memory for the moment in which there is no more.
#ifndef REINIT_REAPER_SELF_MEMORY_RESERVE_H_
#define REINIT_REAPER_SELF_MEMORY_RESERVE_H_

#include <cstddef>

namespace reinit {

// Keeps kMemoryReserve bytes, as addresses that are never written to, and gives
// them back when operator new fails (std::set_new_handler): a passing lack then
// does not end PID 1. Called once, by main, for the life of the process.
//
// That helps against a limit on addresses (RLIMIT_AS, RLIMIT_DATA,
// vm.overcommit_memory=2). At the limit of a memory cgroup no allocation fails:
// the kernel kills a process instead. When the reserve is used up as well,
// operator new throws, which nothing catches: the process ends by SIGABRT
// (main.cc sets how).
void KeepMemoryReserve();

// Takes the reserve again if it was used. True: it was, and is there again.
// Costs nothing otherwise, so each turn of the loop calls it. On the thread
// that has called KeepMemoryReserve.
bool RefillMemoryReserve();

inline constexpr size_t kMemoryReserve = 1 << 20;

}  // namespace reinit

#endif  // REINIT_REAPER_SELF_MEMORY_RESERVE_H_
