// Limits the memory of a helper.
#ifndef REINIT_SUPERVISOR_HELPER_MEMORY_LIMIT_H_
#define REINIT_SUPERVISOR_HELPER_MEMORY_LIMIT_H_

#include <sys/resource.h>

namespace reinit {

// For a process that parses what comes from a network: whatever its own bounds
// miss ends it, not the container. PID 1 starts another.
inline void LimitMemory(rlim_t bytes) {
// The sanitizers reserve terabytes.
#ifndef __SANITIZE_ADDRESS__
  const rlimit limit = {bytes, bytes};
  ::setrlimit(RLIMIT_AS, &limit);
#else
  (void)bytes;
#endif
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_HELPER_MEMORY_LIMIT_H_
