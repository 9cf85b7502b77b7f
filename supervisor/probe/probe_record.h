// Defines the records between PID 1 and the probe helper.
#ifndef REINIT_SUPERVISOR_PROBE_PROBE_RECORD_H_
#define REINIT_SUPERVISOR_PROBE_PROBE_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace reinit {

// Both are one datagram on the helper's SOCK_SEQPACKET socket, always of
// exactly this size.
struct ProbeRequest {
  static constexpr uint32_t kMagic = 0x52505131;
  uint32_t magic = kMagic;
  uint32_t check = 0;  // index into ProbeConfig::targets
  uint64_t id = 0;     // chosen by PID 1, comes back in the reply
  // Another one than before: a new process, or nobody ran for a while. What was
  // seen of a file until then says nothing.
  uint32_t epoch = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(ProbeRequest) == 24);

struct ProbeReply {
  static constexpr uint32_t kMagic = 0x52505231;
  uint32_t magic = kMagic;
  // 2: neither, it cannot be told yet.
  static constexpr uint32_t kUnknown = 2;
  uint32_t passed = 0;  // 0, 1 or kUnknown
  uint64_t id = 0;
  uint32_t millis = 0;  // how long the check took
  uint32_t reserved = 0;
  // NUL terminated, printable: "HTTP 503", "connection refused", "no answer
  // within 3s"; of a request that was refused with the body's first bytes.
  char text[1512] = {};
};
static_assert(sizeof(ProbeReply) == 1536);

// The reply in sizeof(ProbeReply) bytes from the helper, which may be broken:
// nothing, unless all of it is as it is said above.
std::optional<ProbeReply> ReadProbeReply(const char* bytes);

struct ProbeConfig {
  std::vector<std::string> targets;  // URLs as given; none is exec
  bool requests = false;             // they are `METHOD URL`, for an action
  std::vector<std::string> headers;  // of requests, such as "X-Token: abc"
  absl::Duration timeout;            // hard limit of one check, all included
  std::vector<std::pair<int, int>> expect;  // HTTP status ranges that pass

  // As command line arguments of the helper (argv[1] and up) and back.
  std::vector<std::string> ToArgs() const;
  static absl::StatusOr<ProbeConfig> FromArgs(
      const std::vector<std::string>& args);
};

// The helper's whole life: answers each request on `fd` until the other end is
// closed; checks run side by side. Returns the exit status.
int RunProbeHelper(int fd, const ProbeConfig& config);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_PROBE_RECORD_H_
