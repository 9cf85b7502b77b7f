#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "reaper/clock.h"
#include "supervisor/poll_timeout.h"
#include "supervisor/watch/filter.h"
#include "supervisor/watch/pace.h"
#include "supervisor/watch/settle.h"
#include "supervisor/watch/tree.h"
#include "supervisor/watch/watch_record.h"

namespace reinit {
namespace {

constexpr int kExitEnd = 0;  // the other end is closed

// Left for the socket, the standard descriptors and short-lived ones.
constexpr rlim_t kSpareDescriptors = 64;

// Of the thread, which is the whole helper but in tests.
absl::Duration ProcessorTime() {
  timespec used;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return absl::DurationFromTimespec(used);
}

// This process is ours alone, and open directories make a sweep 10 % cheaper.
size_t RaiseDescriptorLimit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t soft = std::exchange(limit.rlim_cur, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = soft;
  return limit.rlim_cur - std::min(limit.rlim_cur, kSpareDescriptors);
}

WatchRecord MakeRecord(WatchRecord::Kind kind, std::string_view path,
                       uint64_t digest) {
  WatchRecord record;
  record.kind = kind;
  record.digest = digest;
  constexpr size_t kRoom = sizeof(record.path) - 1;
  constexpr std::string_view kCut = "...";
  if (path.size() <= kRoom) {
    std::memcpy(record.path, path.data(), path.size());
  } else {
    const std::string_view end =
        path.substr(path.size() - (kRoom - kCut.size()));
    std::memcpy(record.path, kCut.data(), kCut.size());
    std::memcpy(record.path + kCut.size(), end.data(), end.size());
  }
  return record;
}

// The state of RunWatchHelper; one thread. `fd` is borrowed.
class WatchHelper {
 public:
  WatchHelper(int fd, const WatchConfig& config)
      : fd_(fd),
        reload_delay_(config.reload_delay),
        tree_({.roots = config.paths,
               .filter = Filter(config.extensions),
               .since = config.digest.has_value() ? std::nullopt : config.since,
               .max_open_directories = RaiseDescriptorLimit()}),
        settle_(config.settle),
        pace_(config.reload_delay) {}

  int Run(std::optional<uint64_t> known_digest) {
    Begin(known_digest);
    for (;;) {
      Send();
      if (!exit_.has_value()) Wait();
      if (exit_.has_value()) return *exit_;
      // While PID 1 does not read, nothing is looked at: what changes then is
      // found afterwards, against the same base line, and nothing piles up.
      if (outbox_.empty()) Look();
    }
  }

 private:
  void Begin(std::optional<uint64_t> known_digest) {
    tree_.Scan();
    Push(WatchRecord::Kind::kReady, "").count =
        static_cast<uint32_t>(tree_.files());
    AfterLook(/*revision_before=*/0);
    // Were we killed before that is reported, the next one must see it.
    if (settle_.active()) ++outbox_.front().digest;
    if (known_digest.has_value() && *known_digest != tree_.digest()) {
      // Were we killed between the two records, the next one must see the
      // difference again.
      outbox_.front().digest = *known_digest;
      Push(WatchRecord::Kind::kChanged, "");
    }
    next_sweep_ = clock_.Now() + pace_.delay();
  }

  void Look() {
    const absl::Time now = clock_.Now();
    if (settle_.active()) {
      if (now >= settle_.next()) LookAgain();
    } else if (now >= next_sweep_) {
      Sweep();
    }
  }

  // Whether what changed goes on changing; if not, reports it.
  void LookAgain() {
    const uint64_t revision = tree_.revision();
    tree_.Recheck();
    AfterLook(revision);
    absl::Time now = clock_.Now();
    if (!settle_.Over(now)) return;
    // What changed elsewhere meanwhile belongs to the same burst.
    if (!settle_.OutOfTime(now)) Sweep();
    now = clock_.Now();
    if (!settle_.Over(now)) return;
    const Tree::Changes changes = tree_.TakeChanges();
    WatchRecord& record = Push(WatchRecord::Kind::kChanged, changes.first);
    record.count = static_cast<uint32_t>(changes.count);
    record.settled_ms =
        static_cast<uint32_t>(absl::ToInt64Milliseconds(settle_.Finish(now)));
    next_sweep_ = now + pace_.delay();
  }

  void Sweep() {
    const uint64_t revision = tree_.revision();
    const absl::Duration before = ProcessorTime();
    tree_.Sweep();
    pace_.OnSweep(ProcessorTime() - before);
    next_sweep_ = clock_.Now() + pace_.delay();
    AfterLook(revision);
    if (pace_.stretched() && !std::exchange(stretch_told_, true)) {
      Push(WatchRecord::Kind::kWarning,
           absl::StrCat("looking at ", tree_.files(), " files takes ",
                        absl::FormatDuration(
                            absl::Trunc(pace_.cost(), absl::Milliseconds(1))),
                        ": done every ",
                        absl::FormatDuration(
                            absl::Trunc(pace_.delay(), absl::Milliseconds(1))),
                        " instead of every ",
                        absl::FormatDuration(reload_delay_),
                        " to stay below 5 % of a processor"));
    }
  }

  void AfterLook(uint64_t revision_before) {
    PushTreeEvents();
    if (tree_.revision() == revision_before) return;
    if (settle_.OnChange(clock_.Now())) {
      Push(WatchRecord::Kind::kNoticed, "");
    }
  }

  void PushTreeEvents() {
    for (const Tree::RootEvent& event : tree_.TakeRootEvents()) {
      Push(event.gone ? WatchRecord::Kind::kGone : WatchRecord::Kind::kBack,
           event.path);
    }
    for (const std::string& warning : tree_.TakeWarnings()) {
      Push(WatchRecord::Kind::kWarning, warning);
    }
  }

  WatchRecord& Push(WatchRecord::Kind kind, std::string_view path) {
    outbox_.push_back(MakeRecord(kind, path, tree_.digest()));
    return outbox_.back();
  }

  void Send() {
    while (!outbox_.empty()) {
      const WatchRecord& record = outbox_.front();
      if (::send(fd_, &record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL) <
          0) {
        if (errno != EAGAIN && errno != EINTR) exit_ = kExitEnd;
        return;
      }
      outbox_.pop_front();
    }
  }

  void Wait() {
    pollfd polled = {fd_, POLLIN, 0};
    absl::Time wake = settle_.active() ? settle_.next() : next_sweep_;
    if (!outbox_.empty()) {
      polled.events |= POLLOUT;
      wake = absl::InfiniteFuture();
    }
    if (::poll(&polled, 1, PollTimeout(wake - clock_.Now())) <= 0) return;
    if ((polled.revents & POLLIN) != 0) {
      char ignored;  // PID 1 has nothing to say
      const ssize_t size = ::recv(fd_, &ignored, 1, MSG_DONTWAIT);
      if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
        exit_ = kExitEnd;
      }
    } else if ((polled.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
      exit_ = kExitEnd;
    }
  }

  const int fd_;
  const absl::Duration reload_delay_;
  const MonotonicClock clock_;
  Tree tree_;
  Settle settle_;
  Pace pace_;
  absl::Time next_sweep_;
  bool stretch_told_ = false;
  // Of one look at most: bounded by the number of roots and warnings.
  std::deque<WatchRecord> outbox_;
  std::optional<int> exit_;
};

}  // namespace

int RunWatchHelper(int fd, const WatchConfig& config) {
  return WatchHelper(fd, config).Run(config.digest);
}

}  // namespace reinit
