#include "supervisor/strategy/watch_strategy.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "supervisor/helper/helper_process.h"
#include "supervisor/strategy/flap_guard.h"
#include "supervisor/watch/watch_record.h"

namespace reinit {
namespace {

// Files that are told apart while nobody asks for them. Of any more each change
// counts, as that of one file.
constexpr size_t kMaxNames = 1024;

class WatchStrategy : public Strategy {
 public:
  WatchStrategy(const Context& context, const WatchOptions* options,
                absl::Duration reload_delay);

  std::string_view name() const override { return StrategyName(*options_); }
  void Start(WakeFn wake) override;
  std::optional<Reason> ShouldRestart(const View& view) override;
  void OnInstance(const View& view) override;
  std::optional<std::string> MustEnd() override { return stale_; }

 private:
  WatchConfig Config() const;
  bool OnRecord(const char* bytes);
  void OnChanged(const WatchRecord& record);
  void Count(const WatchRecord& record);
  void OnStale(std::string_view path);
  void LookForFlapping(std::string_view file);

  const Context context_;
  const WatchOptions* const options_;
  const absl::Duration reload_delay_;
  WakeFn wake_;
  HelperProcess helper_;
  timespec began_ = {};
  std::optional<uint64_t> digest_;
  // Changes not yet asked for.
  bool changed_ = false;
  bool unknown_ = false;                 // some of them have no names
  uint64_t count_ = 0;                   // files
  absl::flat_hash_set<uint64_t> names_;  // of them, of kMaxNames at most
  std::string first_;
  absl::Duration settled_;
  absl::Time done_by_ = absl::InfinitePast();
  std::optional<std::string> stale_;  // and that is the end
  FlapGuard flaps_;
  EventLoop::Timer held_;  // back, since it flaps
  int generation_ = 0;
};

WatchStrategy::WatchStrategy(const Context& context,
                             const WatchOptions* options,
                             absl::Duration reload_delay)
    : context_(context),
      options_(options),
      reload_delay_(reload_delay),
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
  config.poll = options_->mode == WatchOptions::Mode::kPoll;
  config.compare = options_->compare;
  if (options_->mode == WatchOptions::Mode::kAuto) config.scan = options_->scan;
  config.reload_delay = reload_delay_;
  config.settle = options_->settle;
  config.filter = options_->filter;
  config.digest = digest_;
  config.since = began_;
  return config;
}

void WatchStrategy::Start(WakeFn wake) {
  wake_ = std::move(wake);
  ::clock_gettime(CLOCK_REALTIME, &began_);
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

void WatchStrategy::OnChanged(const WatchRecord& record) {
  changed_ = true;
  Count(record);
  if (first_.empty()) first_ = record.path;
  unknown_ = unknown_ || record.count == 0;
  settled_ = absl::Milliseconds(record.settled_ms);
  done_by_ = std::max(
      done_by_, context_.loop->Now() -
                    absl::Milliseconds(static_cast<int64_t>(record.quiet_ms)));
  LookForFlapping(record.path);
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

void WatchStrategy::LookForFlapping(std::string_view file) {
  if (!flaps_.OnChange(context_.loop->Now(), file)) return;
  context_.log->Write(
      LogLevel::kWarning,
      absl::StrCat(file, " has changed right after each of the last ",
                   FlapGuard::kRow,
                   " reloads, which were made for it: the process writes it, "
                   "most likely. Reloading for it more and more slowly; leave "
                   "it out with --watch-exclude"));
}

void WatchStrategy::OnInstance(const View& view) {
  const bool runs =
      view.state == InstanceState::kUp || view.state == InstanceState::kReady;
  if (!runs || view.generation == generation_) return;
  generation_ = view.generation;
  flaps_.OnStart(context_.loop->Now());
}

std::optional<Reason> WatchStrategy::ShouldRestart(const View&) {
  const absl::Time now = context_.loop->Now();
  if (flaps_.due() > now) return std::nullopt;
  if (!std::exchange(changed_, false)) return std::nullopt;
  held_.Cancel();
  flaps_.OnReload(now, first_);
  Reason reason;
  reason.cause = Reason::Cause::kFile;
  reason.changed = std::exchange(first_, "");
  reason.settled = settled_;
  reason.content = digest_;
  reason.done_by = std::exchange(done_by_, absl::InfinitePast());
  const uint64_t count = std::exchange(count_, 0);
  names_ = {};
  const bool unknown = std::exchange(unknown_, false);
  if (reason.changed.empty()) {
    reason.text =
        absl::StrCat("something in ", absl::StrJoin(options_->paths, ", "),
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

std::unique_ptr<Strategy> MakeWatchStrategy(const Context& context,
                                            const WatchOptions* options,
                                            absl::Duration reload_delay) {
  return std::make_unique<WatchStrategy>(context, options, reload_delay);
}

}  // namespace reinit
