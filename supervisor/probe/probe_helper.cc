#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "reaper/clock.h"
#include "reaper/poll_for.h"
#include "reaper/value/overslept.h"
#include "supervisor/probe/check_run.h"
#include "supervisor/probe/file_age.h"
#include "supervisor/probe/probe_record.h"
#include "supervisor/probe/target.h"
#include "supervisor/value/duration_text.h"

namespace reinit {
namespace {

// PID 1 asks once per check and timeout, so this is far away.
constexpr size_t kMaxRuns = 256;

constexpr int kExitEnd = 0;        // the other end is closed
constexpr int kExitMalformed = 2;  // arguments or a request that make no sense

// The state of RunProbeHelper; one thread. `fd` is borrowed.
class ProbeHelper {
 public:
  ProbeHelper(int fd, const ProbeConfig* config) : fd_(fd), config_(config) {}

  bool ParseTargets() {
    for (const std::string& text : config_->targets) {
      auto target =
          config_->requests ? ParseRequestTarget(text) : ParseProbeTarget(text);
      if (!target.ok() || !target->IsForHelper()) return false;
      for (const std::string& header : config_->headers) {
        absl::StrAppend(&target->headers, header, "\r\n");
      }
      ages_.emplace_back(target->max_age);
      targets_.push_back(*std::move(target));
    }
    return true;
  }

  int Run() {
    while (!exit_.has_value()) {
      Wait();
      StepRuns();
      SendReplies();
    }
    return *exit_;
  }

 private:
  struct Entry {
    Entry(uint64_t request_id, const ProbeTarget* run_target,
          const ProbeConfig& config, absl::Time now)
        : id(request_id),
          target(run_target),
          begun(now),
          run(run_target, &config.expect, config.timeout, now) {}
    const uint64_t id;
    const ProbeTarget* const target;
    const absl::Time begun;
    CheckRun run;
    bool replied = false;
    bool ready = false;
  };

  void Wait() {
    std::vector<pollfd> polled;
    short wanted = 0;
    // Backpressure instead of a queue without end.
    if (runs_.size() < kMaxRuns && replies_.empty()) wanted |= POLLIN;
    if (!replies_.empty()) wanted |= POLLOUT;
    polled.push_back({fd_, wanted, 0});
    absl::Time wake = absl::InfiniteFuture();
    for (const Entry& entry : runs_) {
      polled.push_back(entry.run.Wanted());
      wake = std::min(wake, entry.run.wake());
    }
    const int count =
        PollFor(polled.data(), polled.size(), wake - clock_.Now());
    if (Overslept(wake, clock_.Now())) return BeginAnew();
    if (count < 0) return;  // a signal
    auto it = polled.begin() + 1;
    for (Entry& entry : runs_) entry.ready = (it++)->revents != 0;
    if ((polled[0].revents & POLLIN) != 0) {
      ReadRequest();
    } else if ((polled[0].revents & (POLLHUP | POLLERR)) != 0) {
      exit_ = kExitEnd;
    }
  }

  void ReadRequest() {
    ProbeRequest request;
    // One byte more than a record shows a longer one.
    char bytes[sizeof(request) + 1];
    const ssize_t size = ::recv(fd_, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
      exit_ = kExitEnd;
      return;
    }
    std::memcpy(&request, bytes, sizeof(request));
    if (size != sizeof(request) || request.magic != ProbeRequest::kMagic ||
        request.check >= targets_.size()) {
      exit_ = kExitMalformed;
      return;
    }
    const ProbeTarget& target = targets_[request.check];
    if (target.kind == ProbeTarget::Kind::kFile) {
      LookAtFile(request, target);
    } else {
      runs_.emplace_back(request.id, &target, *config_, clock_.Now());
    }
  }

  // On a file system that hangs, so does the helper: PID 1 replaces it.
  void LookAtFile(const ProbeRequest& request, const ProbeTarget& target) {
    using Verdict = FileAge::Verdict;
    struct stat found;
    std::optional<int64_t> mtime;
    std::string problem;
    if (::stat(target.file.c_str(), &found) == 0) {
      mtime = static_cast<int64_t>(found.st_mtim.tv_sec) * 1'000'000'000 +
              found.st_mtim.tv_nsec;
    } else {
      problem = std::strerror(errno);
    }
    const Verdict verdict =
        ages_[request.check].Look(clock_.Now(), request.epoch, mtime);
    ProbeReply& reply = replies_.emplace_back();
    reply.id = request.id;
    switch (verdict) {
      case Verdict::kFresh:
        reply.passed = 1;
        SetText("touched", &reply);
        break;
      case Verdict::kUnknown:
        reply.passed = ProbeReply::kUnknown;
        SetText("not touched yet", &reply);
        break;
      case Verdict::kStale:
        SetText(mtime.has_value() ? absl::StrCat("not touched for ",
                                                 DurationText(target.max_age))
                                  : problem,
                &reply);
        break;
    }
  }

  static void SetText(std::string_view text, ProbeReply* reply) {
    const size_t size = std::min(text.size(), sizeof(reply->text) - 1);
    std::memcpy(reply->text, text.data(), size);
  }

  // What is under way has missed its deadline through no fault of its own.
  void BeginAnew() {
    for (auto run = runs_.begin(); run != runs_.end();) {
      if (run->run.answered()) {
        ++run;
        continue;
      }
      runs_.emplace(run, run->id, run->target, *config_, clock_.Now());
      run = runs_.erase(run);
    }
  }

  void StepRuns() {
    for (Entry& entry : runs_) {
      // What was begun in this turn has not been polled for yet.
      if (!entry.run.finished()) entry.run.Step(entry.ready, clock_.Now());
      entry.ready = false;
      if (entry.run.answered() && !entry.replied) QueueReply(entry);
    }
    runs_.remove_if([](const Entry& entry) { return entry.run.finished(); });
  }

  void QueueReply(Entry& entry) {
    entry.replied = true;
    const CheckResult& result = entry.run.result();
    ProbeReply& reply = replies_.emplace_back();
    reply.id = entry.id;
    reply.passed = result.passed ? 1 : 0;
    reply.millis = static_cast<uint32_t>(
        absl::ToInt64Milliseconds(clock_.Now() - entry.begun));
    SetText(result.text, &reply);
  }

  void SendReplies() {
    while (!replies_.empty() && !exit_.has_value()) {
      const ProbeReply& reply = replies_.front();
      if (::send(fd_, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EAGAIN && errno != EINTR) exit_ = kExitEnd;
        return;
      }
      replies_.pop_front();
    }
  }

  const int fd_;
  const ProbeConfig* const config_;
  const MonotonicClock clock_;
  std::vector<ProbeTarget> targets_;
  std::vector<FileAge> ages_;  // of each target; used for files
  std::list<Entry> runs_;
  std::deque<ProbeReply> replies_;
  std::optional<int> exit_;
};

}  // namespace

int RunProbeHelper(int fd, const ProbeConfig& config) {
  ProbeHelper helper(fd, &config);
  return helper.ParseTargets() ? helper.Run() : kExitMalformed;
}

}  // namespace reinit
