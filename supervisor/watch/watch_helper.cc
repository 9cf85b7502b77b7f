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

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "reaper/clock.h"
#include "reaper/poll_for.h"
#include "supervisor/watch/filter/filter.h"
#include "supervisor/watch/scan_pace.h"
#include "supervisor/watch/settle.h"
#include "supervisor/watch/stale_mounts.h"
#include "supervisor/watch/sweep_plan.h"
#include "supervisor/watch/tree/absolute_path.h"
#include "supervisor/watch/tree/announcer.h"
#include "supervisor/watch/tree/look_alarm.h"
#include "supervisor/watch/tree/stamp_clock.h"
#include "supervisor/watch/tree/tree.h"
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

// Between two looks at what is announced, so that somebody who never stops
// writing costs little; longer after one that found nothing of interest.
constexpr absl::Duration kGather = absl::Milliseconds(1);
constexpr absl::Duration kGatherMax = absl::Milliseconds(16);
// Between two looks at mounts of single files, without a safety scan.
constexpr absl::Duration kMountDelay = absl::Seconds(30);
// A root that is missing may just be being replaced.
constexpr absl::Duration kReplaceTime = absl::Milliseconds(500);

std::string Rounded(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1)));
}

std::vector<std::string> AbsolutePaths(const WatchConfig& config) {
  std::vector<std::string> paths;
  for (const std::string& path : config.paths) {
    paths.push_back(AbsolutePath(path, config.base));
  }
  return paths;
}

// The state of RunWatchHelper; one thread. `fd` is borrowed.
class WatchHelper {
 public:
  WatchHelper(int fd, const WatchConfig& config, const FirstScanLimits& limits)
      : fd_(fd),
        config_(config),
        limits_(limits),
        alarm_(limits.answers_within,
               [this](const char* path) { TellHang(path); }),
        open_error_(config.poll ? 0 : announcer_.Open()),
        stale_(AbsolutePaths(config), OwnMounts()),
        tree_({.roots = config.paths,
               .base = config.base,
               .filter = Filter(config.filter),
               .compare = config.compare,
               .volume_parts = stale_.volume_parts(),
               .announcer = &announcer_,
               .since = config.digest.has_value() ? std::nullopt : config.since,
               .max_open_directories = RaiseDescriptorLimit(),
               .alarm = &alarm_,
               .progress = [this] { TellProgress(); }}),
        settle_(config.settle, config.settle_adapts),
        plan_(config.reload_delay),
        scan_pace_(config.scan, config.scan_adapts) {}

  int Run() {
    InTime([this] { Begin(); });
    for (;;) {
      Send();
      if (!exit_.has_value()) Wait();
      if (exit_.has_value()) return *exit_;
      // While PID 1 does not read, nothing is looked at: what changes then is
      // found afterwards, against the same base line, and nothing piles up.
      if (outbox_.empty()) InTime([this] { Look(); });
    }
  }

 private:
  void Begin() {
    if (config_.settle < Settle::kMin && announcer_.is_open()) {
      stamps_ = KernelStamps::Ask();
    }
    progress_at_ = clock_.Now() + limits_.progress_every;
    tree_.Scan();
    outbox_.clear();  // progress that was not read
    Push(WatchRecord::Kind::kReady, "").count =
        static_cast<uint32_t>(tree_.files());
    AfterLook(/*revision_before=*/0);
    // Were we killed before that is reported, the next one must see it.
    if (settle_.active()) ++outbox_.front().digest;
    if (config_.digest.has_value() && *config_.digest != tree_.digest()) {
      // Were we killed between the two records, the next one must see the
      // difference again.
      outbox_.front().digest = *config_.digest;
      Push(WatchRecord::Kind::kChanged, "");
    }
    if (tree_.files() >= limits_.many_files) {
      Warn(absl::StrCat("watching ", tree_.files(), " files, most of them in ",
                        tree_.LargestDirectories(1)[0].first,
                        ": leave out what does not matter"));
    }
    WarnOfNothing();
    progress_at_ = absl::InfiniteFuture();
    for (const std::string& path : stale_.paths()) {
      Warn(absl::StrCat(
          path,
          " is mounted by itself (subPath, or -v file:file): when it is "
          "replaced outside, as the kubelet and most editors do, nothing "
          "changes here; mount the folder that it is in"));
    }
    CheckMounts();
    last_scan_ = clock_.Now();
    plan_.Begin(last_scan_);
  }

  // Only at the start of PID 1: what has emptied a folder later was told. A
  // folder without a filter may well fill later.
  void WarnOfNothing() {
    const FilterOptions& filter = config_.filter;
    const bool restricted = !filter.extensions.empty() ||
                            !filter.include.empty() || !filter.exclude.empty();
    if (config_.digest.has_value() || (!restricted && !filter.ignore_files)) {
      return;
    }
    for (const std::string& root : tree_.EmptyRoots()) {
      Warn(absl::StrCat(
          root, ": no file in this folder is watched: ",
          restricted ? "--watch-ext, --watch-include and --watch-exclude match "
                       "none"
                     : "the folder is empty, or .gitignore files leave all out",
          "; files that match later are noticed"));
    }
  }

  void InTime(absl::FunctionRef<void()> look) {
    alarm_.Begin();
    look();
    tree_.Rest();
    if (alarm_.End()) Warn("what is watched answers again");
  }

  // On the alarm's thread, while ours hangs.
  void TellHang(const char* path) const {
    const WatchRecord record =
        MakeRecord(WatchRecord::Kind::kWarning,
                   absl::StrCat(*path != '\0' ? path : "what is watched",
                                ": its file system has not answered for ",
                                Rounded(limits_.answers_within),
                                ": changes are not noticed until it does"),
                   /*digest=*/0);
    ::send(fd_, &record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  void TellProgress() {
    if (clock_.Now() < progress_at_) return;
    progress_at_ = clock_.Now() + limits_.progress_every;
    Push(WatchRecord::Kind::kProgress, "").count =
        static_cast<uint32_t>(tree_.directories());
    Send();
  }

  // Nothing announces it, and nothing else can be seen of it.
  void CheckMounts() {
    for (const std::string& path : stale_.Check()) {
      Push(WatchRecord::Kind::kStale, path);
    }
    next_mounts_ = stale_.paths().empty() ? absl::InfiniteFuture()
                                          : clock_.Now() + MountDelay();
  }

  absl::Duration MountDelay() const {
    if (config_.poll) return config_.reload_delay;
    return config_.scan > absl::ZeroDuration() ? config_.scan : kMountDelay;
  }

  void Look() {
    if (clock_.Now() >= next_mounts_) CheckMounts();
    if (announced_) LookAnnounced();
    const absl::Time now = clock_.Now();
    if (settle_.active()) {
      if (now >= settle_.next()) LookAgain();
    } else if (now >= std::min(WhenToSweep(), missing_at_)) {
      Sweep();
    } else if (now >= WhenToSweepRecent()) {
      SweepRecent();
    } else if (now >= WhenToScan()) {
      Scan();
    }
  }

  void LookAnnounced() {
    const uint64_t revision = tree_.revision();
    const absl::Time begin = clock_.Now();
    announced_ = false;
    tree_.LookAnnounced();
    AfterLook(revision);
    const bool idle = tree_.revision() == revision;
    gather_ = idle ? std::min(gather_ * 2, kGatherMax) : kGather;
    const absl::Time now = clock_.Now();
    // A burst is looked at again and again: half of the time at most.
    next_read_ = now + std::max(gather_, now - begin);
  }

  // Whether what changed goes on changing; if not, reports it.
  void LookAgain() {
    const uint64_t revision = tree_.revision();
    if (announcer_.is_open()) {
      tree_.LookAnnounced();
    } else {
      tree_.Recheck();
    }
    AfterLook(revision);
    absl::Time now = clock_.Now();
    if (!settle_.Over(now)) return;
    // What changed elsewhere meanwhile belongs to the same burst.
    if (tree_.Sweeps() && !settle_.OutOfTime(now)) Sweep();
    now = clock_.Now();
    if (!settle_.Over(now)) return;
    TellSilent();
    const FoundChanges changes = tree_.TakeChanges(WatchRecord::kMaxNames);
    if (changes.count == 0) {
      settle_.Finish(now);
      return;
    }
    if (changes.count > 1) PushPaths(changes.paths);
    WatchRecord& record = Push(WatchRecord::Kind::kChanged, changes.first);
    record.count = static_cast<uint32_t>(changes.count);
    std::copy_n(changes.names.begin(), record.NameCount(), record.names);
    record.quiet_ms =
        static_cast<uint64_t>(absl::ToInt64Milliseconds(settle_.Quiet(now)));
    record.settled_ms =
        static_cast<uint32_t>(absl::ToInt64Milliseconds(settle_.Finish(now)));
  }

  void PushPaths(const std::vector<std::string>& paths) {
    size_t bytes = 0;
    for (const std::string& path : paths) {
      // Half a path would name another file.
      if (path.size() >= sizeof(WatchRecord::path)) continue;
      bytes += path.size() + 1;
      if (bytes > WatchRecord::kMaxPathBytes) return;
      Push(WatchRecord::Kind::kPath, path);
    }
  }

  void Sweep() {
    const uint64_t revision = tree_.revision();
    const absl::Time begin = clock_.Now();
    const absl::Duration before = ProcessorTime();
    tree_.Sweep(Tree::Scope::kNotCovered);
    plan_.OnSweep(begin, clock_.Now(), ProcessorTime() - before);
    AfterLook(revision);
    const Pace& pace = plan_.pace();
    if (pace.stretched() && !std::exchange(stretch_told_, true)) {
      Warn(absl::StrCat(
          "looking at ", tree_.files(), " files takes ", Rounded(pace.cost()),
          ": done every ", Rounded(pace.delay()), " instead of every ",
          Rounded(config_.reload_delay),
          " (more often after a change) to stay below 5 % of a processor"));
    }
  }

  void SweepRecent() {
    const uint64_t revision = tree_.revision();
    const absl::Time begin = clock_.Now();
    const absl::Duration before = ProcessorTime();
    tree_.Sweep(Tree::Scope::kRecent);
    plan_.OnRecent(begin, clock_.Now(), ProcessorTime() - before);
    AfterLook(revision);
  }

  // Looks for what nobody has announced.
  void Scan() {
    LookAnnounced();
    if (settle_.active()) return;
    const uint64_t revision = tree_.revision();
    const absl::Duration before = ProcessorTime();
    tree_.Audit();
    scan_pace_.OnScan(ProcessorTime() - before);
    last_scan_ = clock_.Now();
    AfterLook(revision);
  }

  // Some time after the scan, since an announcement may come a moment later
  // than what it announces.
  void TellSilent() {
    const auto [file, swept] = tree_.TakeSilent();
    if (file.empty()) return;
    scan_pace_.OnSilent();
    if (swept) {
      Warn(absl::StrCat("a change of ", file,
                        " was not announced by its file system: looking there "
                        "every ",
                        Rounded(config_.reload_delay), " from now on"));
    } else if (!std::exchange(mapped_told_, true)) {
      Warn(absl::StrCat("a change of ", file,
                        " was not announced: a memory-mapped write, most "
                        "likely, or one through a hard link elsewhere. Only "
                        "the scan every ",
                        Rounded(config_.scan),
                        " finds those: shorten it by --watch-scan, or leave "
                        "such files out by --watch-exclude"));
    }
  }

  void TellLimits() {
    if (config_.poll || limits_told_) return;
    const int error = open_error_ != 0 ? open_error_ : tree_.watch_error();
    if (error == 0) return;
    limits_told_ = true;
    const std::string_view remedy =
        error == ENOSPC   ? "; raise fs.inotify.max_user_watches (sysctl)"
        : error == EMFILE ? "; raise fs.inotify.max_user_instances (sysctl)"
                          : "";
    Warn(absl::StrCat(
        "inotify: ", std::strerror(error), ": looking every ",
        Rounded(config_.reload_delay),
        open_error_ != 0 ? " instead" : " where it does not reach", remedy));
  }

  void AfterLook(uint64_t revision_before) {
    PushTreeEvents();
    TellLimits();
    if (!tree_.MissesRoot()) {
      missing_at_ = absl::InfiniteFuture();
    } else if (missing_at_ == absl::InfiniteFuture()) {
      missing_at_ = clock_.Now() + kReplaceTime;
    }
    if (stamps_.has_value()) {
      settle_.SetFineStamps(!tree_.Sweeps() &&
                            !tree_.file_systems().Coarse(*stamps_).has_value());
    }
    const absl::Time now = clock_.Now();
    if (tree_.revision() != revision_before) {
      plan_.OnChange(now);
      if (settle_.OnChange(now)) Push(WatchRecord::Kind::kNoticed, "");
    }
    settle_.OnSave(
        announcer_.save().finished() && tree_.findings().OnlyOneRewritten(),
        now);
  }

  void PushTreeEvents() {
    for (const RootEvent& event : tree_.TakeRootEvents()) {
      Push(event.gone ? WatchRecord::Kind::kGone : WatchRecord::Kind::kBack,
           event.path);
    }
    for (const std::string& warning : tree_.TakeWarnings()) Warn(warning);
  }

  void Warn(std::string_view line) { Push(WatchRecord::Kind::kWarning, line); }

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

  absl::Time WhenToSweep() const {
    return tree_.Sweeps() ? plan_.next() : absl::InfiniteFuture();
  }

  absl::Time WhenToSweepRecent() const {
    return tree_.Sweeps() ? plan_.next_recent() : absl::InfiniteFuture();
  }

  absl::Time WhenToScan() const {
    const bool scans =
        announcer_.is_open() && config_.scan > absl::ZeroDuration();
    if (!scans) return absl::InfiniteFuture();
    // A file that is mounted by itself is written without a word.
    const bool all_announced = tree_.file_systems().AnnounceAll() &&
                               !tree_.Sweeps() && stale_.paths().empty();
    return last_scan_ + scan_pace_.delay(all_announced);
  }

  // When to look even if nobody says anything.
  absl::Time WhenToLook() const {
    if (settle_.active()) return settle_.next();
    return std::min({WhenToSweep(), WhenToSweepRecent(), WhenToScan(),
                     missing_at_, next_mounts_});
  }

  void Wait() {
    pollfd polled[2] = {{fd_, POLLIN, 0}, {-1, POLLIN, 0}};
    absl::Time wake = WhenToLook();
    if (!outbox_.empty()) {
      polled[0].events |= POLLOUT;
      wake = absl::InfiniteFuture();
    } else if (announcer_.is_open()) {
      if (clock_.Now() >= next_read_) {
        polled[1].fd = announcer_.fd();
      } else {
        wake = std::min(wake, next_read_);
      }
    }
    if (PollFor(polled, 2, wake - clock_.Now()) <= 0) return;
    announced_ = polled[1].revents != 0;
    if ((polled[0].revents & POLLIN) != 0) {
      char ignored;  // PID 1 has nothing to say
      const ssize_t size = ::recv(fd_, &ignored, 1, MSG_DONTWAIT);
      if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
        exit_ = kExitEnd;
      }
    } else if ((polled[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
      exit_ = kExitEnd;
    }
  }

  const int fd_;
  const WatchConfig config_;
  const FirstScanLimits limits_;
  const MonotonicClock clock_;
  LookAlarm alarm_;  // outlives the tree
  Announcer announcer_;
  const int open_error_;
  StaleMounts stale_;
  Tree tree_;
  Settle settle_;
  // Only where it is asked to wait for less than a tick.
  std::optional<KernelStamps> stamps_;
  SweepPlan plan_;  // of what is not covered
  ScanPace scan_pace_;
  absl::Time last_scan_;
  absl::Time next_mounts_ = absl::InfiniteFuture();
  absl::Time missing_at_ = absl::InfiniteFuture();
  bool announced_ = false;  // something is, and not yet looked at
  absl::Duration gather_ = kGather;
  absl::Time next_read_ = absl::InfinitePast();
  absl::Time progress_at_;
  bool stretch_told_ = false;
  bool limits_told_ = false;
  bool mapped_told_ = false;
  // Of one look at most: bounded by the number of roots and warnings.
  std::deque<WatchRecord> outbox_;
  std::optional<int> exit_;
};

}  // namespace

int RunWatchHelper(int fd, const WatchConfig& config,
                   const FirstScanLimits& limits) {
  return WatchHelper(fd, config, limits).Run();
}

}  // namespace reinit
