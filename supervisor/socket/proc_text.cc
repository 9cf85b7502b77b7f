#include "supervisor/socket/proc_text.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace reinit {
namespace {

// Whoever waits for more is not waited for.
constexpr uint64_t kMaxPolled = 8192;
constexpr unsigned kMinorBits = 20;  // of a device number inside the kernel

// The number behind `label`, in base 16 or 10.
template <typename T>
bool NumberAfter(std::string_view line, std::string_view label, bool hex,
                 T* number) {
  const size_t at = line.find(label);
  if (at == std::string_view::npos) return false;
  line.remove_prefix(at + label.size());
  line = absl::StripLeadingAsciiWhitespace(line);
  line = line.substr(0, line.find_first_of(" \t\n"));
  return hex ? absl::SimpleHexAtoi(line, number)
             : absl::SimpleAtoi(line, number);
}

}  // namespace

std::vector<EpollTarget> ParseEpollTargets(std::string_view fdinfo) {
  std::vector<EpollTarget> targets;
  for (const std::string_view line : absl::StrSplit(fdinfo, '\n')) {
    EpollTarget target;
    if (!NumberAfter(line, "tfd:", false, &target.fd) || target.fd < 0 ||
        !NumberAfter(line, "events:", true, &target.events)) {
      continue;
    }
    target.known = NumberAfter(line, " ino:", true, &target.inode) &&
                   NumberAfter(line, " sdev:", true, &target.device);
    targets.push_back(target);
  }
  return targets;
}

uint32_t KernelDevice(dev_t device) {
  return (major(device) << kMinorBits) | minor(device);
}

std::optional<BlockingCall> ParseBlockingCall(std::string_view text) {
  const std::vector<std::string_view> words =
      absl::StrSplit(absl::StripAsciiWhitespace(text), ' ');
  BlockingCall call;
  // Number, six arguments, stack, program counter.
  if (words.size() != 9 || !absl::SimpleAtoi(words[0], &call.number) ||
      call.number < 0) {
    return std::nullopt;
  }
  for (size_t i = 0; i < std::size(call.arguments); ++i) {
    if (!absl::SimpleHexAtoi(words[i + 1], &call.arguments[i])) {
      return std::nullopt;
    }
  }
  return call;
}

Waiting WaitingIn(const BlockingCall& call) {
  using For = Waiting::For;
  Waiting waiting;
  switch (call.number) {
    case SYS_accept:
    case SYS_accept4:
      waiting.what = For::kAccept;
      waiting.fd = static_cast<int>(call.arguments[0]);
      return waiting;
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
      waiting.what = For::kPoll;
      waiting.address = call.arguments[0];
      waiting.count = std::min(call.arguments[1], kMaxPolled);
      return waiting;
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
      waiting.what = For::kSelect;
      waiting.address = call.arguments[1];
      waiting.count = std::min(call.arguments[0], kMaxPolled);
      return waiting;
    default:
      return waiting;
  }
}

size_t SetSize(const Waiting& waiting) {
  if (waiting.address == 0) return 0;  // none was given
  if (waiting.what == Waiting::For::kPoll) {
    return waiting.count * sizeof(pollfd);
  }
  if (waiting.what != Waiting::For::kSelect) return 0;
  // The kernel reads whole words.
  return (waiting.count + 63) / 64 * sizeof(uint64_t);
}

bool SetHas(const Waiting& waiting, absl::Span<const char> set, int fd) {
  if (fd < 0) return false;
  if (waiting.what == Waiting::For::kPoll) {
    for (size_t at = 0; at + sizeof(pollfd) <= set.size();
         at += sizeof(pollfd)) {
      pollfd one;
      std::memcpy(&one, set.data() + at, sizeof(one));
      if (one.fd == fd && (one.events & (POLLIN | POLLRDNORM)) != 0) {
        return true;
      }
    }
    return false;
  }
  const auto bit = static_cast<uint64_t>(fd);
  if (waiting.what != Waiting::For::kSelect || bit >= waiting.count) {
    return false;
  }
  uint64_t word = 0;
  const size_t at = bit / 64 * sizeof(word);
  if (at + sizeof(word) > set.size()) return false;
  std::memcpy(&word, set.data() + at, sizeof(word));
  return (word >> (bit % 64) & 1) != 0;
}

}  // namespace reinit
