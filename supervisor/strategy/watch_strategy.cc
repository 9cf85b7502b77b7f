#include "supervisor/strategy/watch_strategy.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reaper/log.h"
#include "supervisor/helper/helper_process.h"
#include "supervisor/side/side_read.h"
#include "supervisor/side/small_file.h"
#include "supervisor/strategy/rules/flap_guard.h"
#include "supervisor/value/changed_files.h"
#include "supervisor/value/command_times.h"
#include "supervisor/watch/tree/absolute_path.h"
#include "supervisor/watch/watch_record.h"

namespace reinit {
namespace {

// Files that are told apart while nobody asks for them. Of any more each change
// counts, as that of one file.
constexpr size_t kMaxNames = 1024;

// From a write to when it is noticed, with room for a busy machine.
constexpr absl::Duration kWriteToNotice = absl::Milliseconds(100);

class WatchStrategy : public Strategy {
 public:
  WatchStrategy(const Context& context, const WatchOptions* options,
                absl::Duration reload_delay, std::vector<std::string> also,
                WatchStart start);

  std::string_view name() const override { return StrategyName(*options_); }
  void Start(WakeFn wake) override;
  std::optional<Reason> ShouldRestart(const InstanceView& view) override;
  void OnInstance(const InstanceView& view) override;
  std::optional<std::string> MustEnd() override { return stale_; }

 private:
  WatchConfig Config() const;
  bool OnRecord(const char* bytes);
  void OnChanged(const WatchRecord& record);
  void OnReady();
  void ChangeByStart();
  void Count(const WatchRecord& record);
  void OnStale(std::string_view path);
  void LookForFlapping(const WatchRecord& record);

  const Context context_;
  const WatchOptions* const options_;
  const absl::Duration reload_delay_;
  const std::vector<std::string> also_;
  WatchStart start_;  // counts: and has not been looked at
  SideRead read_;     // of its file
  WakeFn wake_;
  HelperProcess helper_;
  timespec began_ = {};
  std::string base_;  // the working directory at the start
  std::optional<uint64_t> digest_;
  // Changes not yet asked for.
  bool changed_ = false;
  bool unknown_ = false;                 // some of them have no names
  bool by_start_ = false;                // those are what changed before it
  uint64_t count_ = 0;                   // files
  absl::flat_hash_set<uint64_t> names_;  // of them, of kMaxNames at most
  std::string first_;
  ChangedFiles files_;
  absl::Duration settled_;
  absl::Time done_by_ = absl::InfinitePast();
  std::optional<std::string> stale_;  // and that is the end
  FlapGuard flaps_;
  EventLoop::Timer held_;  // back, since it flaps
  int generation_ = 0;
};

WatchStrategy::WatchStrategy(const Context& context,
                             const WatchOptions* options,
                             absl::Duration reload_delay,
                             std::vector<std::string> also, WatchStart start)
    : context_(context),
      options_(options),
      reload_delay_(reload_delay),
      also_(std::move(also)),
      start_(std::move(start)),
      read_(context),
      helper_(context,
              HelperProcess::Spec{
                  .role = "watch",
                  .arguments = [this] { return Config().ToArgs(); },
                  .record_size = sizeof(WatchRecord),
                  .unprivileged = false,
                  .on_record = [this](const char* b) { return OnRecord(b); },
                  .on_restarted = nullptr}),
      held_(context.loop, [this] { wake_(Wake::kAsk); }) {}

WatchConfig WatchStrategy::Config() const {
  WatchConfig config;
  config.paths = options_->paths;
  config.paths.insert(config.paths.end(), also_.begin(), also_.end());
  config.base = base_;
  config.poll = options_->mode == WatchOptions::Mode::kPoll;
  config.compare = options_->compare;
  if (options_->mode == WatchOptions::Mode::kAuto) config.scan = options_->scan;
  config.scan_adapts = options_->scan_adapts;
  config.reload_delay = reload_delay_;
  config.settle = options_->settle;
  config.settle_adapts = options_->settle_adapts;
  config.filter = options_->filter;
  config.digest = digest_;
  config.since = began_;
  return config;
}

void WatchStrategy::Start(WakeFn wake) {
  wake_ = std::move(wake);
  ::clock_gettime(CLOCK_REALTIME, &began_);
  base_ = WorkingDirectory();
  helper_.Start();
}

bool WatchStrategy::OnRecord(const char* bytes) {
  const std::optional<WatchRecord> read = ReadWatchRecord(bytes);
  if (!read.has_value()) return false;
  const WatchRecord& record = *read;
  switch (record.kind) {
    case WatchRecord::Kind::kReady:
      digest_ = record.digest;
      context_.log->Write(LogLevel::kDebug, "watching: first scan done");
      if (std::exchange(start_.counts, false)) OnReady();
      return true;
    case WatchRecord::Kind::kNoticed:
      wake_(Wake::kNoticed);
      return true;
    case WatchRecord::Kind::kChanged:
      digest_ = record.digest;
      OnChanged(record);
      return true;
    case WatchRecord::Kind::kGone:
      context_.log->Write(LogLevel::kWarning,
                          absl::StrCat("watched path ", record.path,
                                       " has disappeared: waiting for its "
                                       "return"));
      return true;
    case WatchRecord::Kind::kBack:
      context_.log->Write(
          LogLevel::kInfo,
          absl::StrCat("watched path ", record.path, " is back"));
      return true;
    case WatchRecord::Kind::kPath:
      files_.Add(record.path);
      return true;
    case WatchRecord::Kind::kStale:
      OnStale(record.path);
      return true;
    case WatchRecord::Kind::kProgress:
      // Somebody sits there and waits.
      context_.log->Write(
          ::isatty(STDERR_FILENO) == 1 ? LogLevel::kInfo : LogLevel::kDebug,
          absl::StrCat("first look at what is watched: ", record.count,
                       " folders so far"));
      return true;
    case WatchRecord::Kind::kWarning:
      context_.log->Write(LogLevel::kWarning, record.path);
      return true;
  }
  return false;
}

// What was changed before is not known, but for its digest.
void WatchStrategy::OnReady() {
  if (start_.known_file.empty()) return ChangeByStart();
  read_.Start([this] { return ReadSmallFile(start_.known_file); },
              [this, there = DigestText(*digest_)](
                  const absl::StatusOr<std::string>& known) {
                if (!known.ok()) {
                  // The first time, most likely.
                  context_.log->Write(
                      LogLevel::kInfo,
                      absl::StrCat("--on-start-file=", start_.known_file, ": ",
                                   known.status().message(),
                                   ": this start counts as a change"));
                } else if (absl::StripAsciiWhitespace(*known) == there) {
                  context_.log->Write(LogLevel::kInfo,
                                      "nothing has changed since the last "
                                      "change was applied, so "
                                      "--on-start=apply does nothing");
                  return;
                }
                ChangeByStart();
              });
}

void WatchStrategy::ChangeByStart() {
  changed_ = unknown_ = by_start_ = true;
  wake_(Wake::kAsk);
}

void WatchStrategy::OnChanged(const WatchRecord& record) {
  changed_ = true;
  Count(record);
  if (first_.empty()) first_ = record.path;
  if (record.count == 1) files_.Add(record.path);
  unknown_ = unknown_ || record.count == 0;
  settled_ = absl::Milliseconds(record.settled_ms);
  done_by_ = std::max(
      done_by_, context_.loop->Now() -
                    absl::Milliseconds(static_cast<int64_t>(record.quiet_ms)));
  LookForFlapping(record);
  if (flaps_.due() > context_.loop->Now()) {
    held_.ArmAt(flaps_.due());
  } else {
    wake_(Wake::kAsk);
  }
}

// An editor may write one file in several bursts.
void WatchStrategy::Count(const WatchRecord& record) {
  const size_t named = record.NameCount();
  count_ += record.count - named;
  for (size_t i = 0; i < named; ++i) {
    if (names_.contains(record.names[i])) continue;
    if (names_.size() < kMaxNames) names_.insert(record.names[i]);
    ++count_;
  }
}

void WatchStrategy::OnStale(std::string_view path) {
  const std::string what =
      absl::StrCat("what is mounted as ", path,
                   " was replaced outside: here it stays out of date until the "
                   "container is started again");
  if (options_->on_stale_mount == WatchOptions::OnStaleMount::kExit) {
    stale_ = absl::StrCat(what, "; --on-stale-mount=exit");
    wake_(Wake::kAsk);
    return;
  }
  context_.log->Event(LogLevel::kWarning, "stale_mount", what,
                      {{"path", path}});
}

void WatchStrategy::LookForFlapping(const WatchRecord& record) {
  const absl::Time now = context_.loop->Now();
  // Of those that have names the sum, which knows no order.
  uint64_t files = 0;
  for (size_t i = 0; i < record.NameCount(); ++i) files += record.names[i];
  std::string command;
  if (context_.commands != nullptr) {
    command = context_.commands->During(
        now - absl::Milliseconds(record.settled_ms) - kWriteToNotice, now);
  }
  if (!flaps_.OnChange(now, {files, !command.empty()})) return;
  context_.log->Write(
      LogLevel::kWarning,
      absl::StrCat(
          record.path, " has changed after each of the last ", FlapGuard::kRow,
          " reloads, which were made for it: ",
          command.empty()
              ? "reloading for it more slowly. If the process or "
                "its build writes it, "
              : absl::StrCat("it changes while '", EscapeForLog(command),
                             "' runs: reloading more slowly; "),
          "leave it out with --watch-exclude"));
}

void WatchStrategy::OnInstance(const InstanceView& view) {
  const bool runs =
      view.state == InstanceState::kUp || view.state == InstanceState::kReady;
  if (!runs || view.generation == generation_) return;
  generation_ = view.generation;
  flaps_.OnStart(context_.loop->Now());
}

std::optional<Reason> WatchStrategy::ShouldRestart(const InstanceView&) {
  const absl::Time now = context_.loop->Now();
  if (flaps_.due() > now) return std::nullopt;
  if (!std::exchange(changed_, false)) return std::nullopt;
  held_.Cancel();
  flaps_.OnReload(std::accumulate(names_.begin(), names_.end(), uint64_t{0}));
  Reason reason;
  reason.cause = Reason::Cause::kFile;
  reason.changed = std::exchange(first_, "");
  reason.settled = settled_;
  reason.content = digest_;
  reason.done_by = std::exchange(done_by_, absl::InfinitePast());
  const uint64_t count = std::exchange(count_, 0);
  names_ = {};
  const bool unknown = std::exchange(unknown_, false);
  reason.files = std::exchange(files_, {});
  reason.files.SetCount(unknown ? std::nullopt : std::optional(count));
  const bool by_start = std::exchange(by_start_, false);
  if (reason.changed.empty()) {
    const std::string paths = absl::StrJoin(options_->paths, ", ");
    reason.text = by_start ? absl::StrCat("whatever changed in ", paths,
                                          " before the start")
                           : absl::StrCat("something in ", paths,
                                          " while the watch helper was away");
  } else {
    reason.text = reason.changed;
    if (count > 1 || unknown) {
      absl::StrAppend(&reason.text, " and ",
                      unknown ? "others" : absl::StrCat(count - 1, " more"));
    }
  }
  return reason;
}

}  // namespace

std::string DigestText(uint64_t digest) {
  return absl::StrCat(absl::Hex(digest, absl::kZeroPad16));
}

std::unique_ptr<Strategy> MakeWatchStrategy(const Context& context,
                                            const WatchOptions* options,
                                            absl::Duration reload_delay,
                                            std::vector<std::string> also,
                                            WatchStart start) {
  return std::make_unique<WatchStrategy>(context, options, reload_delay,
                                         std::move(also), std::move(start));
}

}  // namespace reinit
