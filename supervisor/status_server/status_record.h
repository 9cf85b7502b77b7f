// Defines the records between the status helper and PID 1.
#ifndef REINIT_SUPERVISOR_STATUS_SERVER_STATUS_RECORD_H_
#define REINIT_SUPERVISOR_STATUS_SERVER_STATUS_RECORD_H_

#include <cstddef>
#include <cstdint>

namespace reinit {

// Both are one datagram on the helper's SOCK_SEQPACKET socket. The query is all
// that PID 1 ever gets from there.
struct StatusQuery {
  static constexpr uint32_t kMagic = 0x52535131;
  uint32_t magic = kMagic;
  uint32_t reserved = 0;
  uint64_t id = 0;  // comes back in the answer
};
static_assert(sizeof(StatusQuery) == 16);

// Followed by the three texts, one after the other.
struct StatusAnswer {
  static constexpr uint32_t kMagic = 0x52535231;
  uint32_t magic = kMagic;
  uint32_t serves = 0;  // 1: the process is ready
  uint64_t id = 0;
  uint32_t state_size = 0;    // "ready", "backoff"...
  uint32_t json_size = 0;     // StatusJson
  uint32_t metrics_size = 0;  // StatusMetrics
  uint32_t reserved = 0;
};
static_assert(sizeof(StatusAnswer) == 32);

inline constexpr size_t kMaxStatusAnswer = 128 << 10;

// The listening socket's number in the helper.
inline constexpr int kStatusListenFd = 4;

// The helper's whole life: serves HTTP on `listener` with what PID 1 at the
// other end of `fd` answers, until that is closed. Returns the exit status.
// Idle, it sleeps.
int RunStatusHelper(int fd, int listener);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STATUS_SERVER_STATUS_RECORD_H_
