// Counts the processors that this process may use.
#ifndef REINIT_REAPER_SELF_CPU_COUNT_H_
#define REINIT_REAPER_SELF_CPU_COUNT_H_

#include <string>

#include "absl/status/statusor.h"

namespace reinit {

struct CpuCount {
  int count = 1;        // whole CPUs, at least 1
  std::string reason;   // "1.5 CPUs by cgroup quota, 8 by affinity"
  std::string warning;  // why the quota does not count; or empty
};

// How many CPUs the scheduler may place this process on, at least 1.
int CpusByAffinity();

// Returns the CPU time per second that the cgroup of this process may use: the
// smallest quota (v2 `cpu.max`, v1 `cpu.cfs_quota_us`) of it and of those above
// it, as far as they are mounted here. Infinity: none has a quota. Reads files
// below `root`, which is "" but in tests: a file system in user space, such as
// lxcfs, may have been mounted there and not answer. The error says what cannot
// be read.
absl::StatusOr<double> ReadCpuQuota(const std::string& root);

// The smaller of both, with a part of a CPU counted as one.
CpuCount CountCpus(const absl::StatusOr<double>& quota, int by_affinity);

}  // namespace reinit

#endif  // REINIT_REAPER_SELF_CPU_COUNT_H_
