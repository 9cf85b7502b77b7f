// Defines the records between the output helper and PID 1.
#ifndef REINIT_SUPERVISOR_OUTPUT_OUTPUT_RECORD_H_
#define REINIT_SUPERVISOR_OUTPUT_OUTPUT_RECORD_H_

#include <cstdint>

namespace reinit {

// Both are one datagram on the helper's SOCK_SEQPACKET socket.
//
// The helper asks for one worker's pipes after the other, and PID 1 answers as
// soon as there is such a worker. So each new helper learns of all of them, a
// new worker is announced to a helper that waits for it, and no more than one
// message is ever under way.
struct OutputRecord {
  static constexpr uint32_t kMagic = 0x524f5031;
  enum class Kind : uint32_t {
    kAsk = 1,   // it has the pipes of `number` workers and waits for the next
    kLost = 2,  // output for descriptor `number` is lost because of `error`
  };
  uint32_t magic = kMagic;
  Kind kind = Kind::kAsk;
  uint32_t number = 0;
  int32_t error = 0;  // errno
};
static_assert(sizeof(OutputRecord) == 16);

// Comes with the read ends of that worker's pipes for stdout and stderr.
struct OutputAnswer {
  static constexpr uint32_t kMagic = 0x524f4131;
  uint32_t magic = kMagic;
  uint32_t worker = 0;  // 0: no more will come, drain the pipes and end
};
static_assert(sizeof(OutputAnswer) == 8);

// The helper's whole life: copies what comes from the pipes to its stdout and
// stderr, each line with its worker's number before it. Ends with 0 when it was
// told to drain the pipes and they are empty, or when PID 1 closes `fd`.
// Returns the exit status. Idle, it sleeps.
int RunOutputHelper(int fd);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_OUTPUT_OUTPUT_RECORD_H_
