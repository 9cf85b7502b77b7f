// Parses the files of /proc that tell which process waits for which descriptor.
// Pure.
#ifndef REINIT_SUPERVISOR_SOCKET_PROC_TEXT_H_
#define REINIT_SUPERVISOR_SOCKET_PROC_TEXT_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace reinit {

// One `tfd:` line in the fdinfo of an epoll instance.
struct EpollTarget {
  int fd = -1;  // in the process that added it
  uint32_t events = 0;
  bool known = false;  // inode and device are given (since Linux 4.13)
  uint64_t inode = 0;
  uint32_t device = 0;  // as the kernel has it: see KernelDevice
};
std::vector<EpollTarget> ParseEpollTargets(std::string_view fdinfo);

// A st_dev as fdinfo would show it.
uint32_t KernelDevice(dev_t device);

// The system call that a thread is blocked in: its first two arguments are all
// that is needed. Nothing if it runs, or is blocked in none.
struct BlockingCall {
  int64_t number = -1;
  uint64_t arguments[2] = {};
};
std::optional<BlockingCall> ParseBlockingCall(std::string_view text);

// What such a call waits for.
struct Waiting {
  enum class For {
    kOther,
    kAccept,  // on descriptor `fd`
    kPoll,    // `count` pollfds at `address`
    kSelect,  // a set of `count` bits at `address`
  };
  For what = For::kOther;
  int fd = -1;
  uint64_t address = 0;
  uint64_t count = 0;
};
Waiting WaitingIn(const BlockingCall& call);

// How many bytes the set of a kPoll or kSelect has.
size_t SetSize(const Waiting& waiting);
// Whether that set, as read from the process, has `fd` in it, to be read from.
bool SetHas(const Waiting& waiting, absl::Span<const char> set, int fd);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_PROC_TEXT_H_
