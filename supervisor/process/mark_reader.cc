#include "supervisor/process/mark_reader.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "supervisor/process/mark.h"

namespace reinit {
namespace {

// What has ended is forgotten when this much is known, and again when there is
// twice as much as was left.
constexpr size_t kForgetAt = 1024;

// In the child. Nothing: the environment cannot be read.
std::optional<std::string> ReadMarks(Os* os, pid_t pid) {
  const std::optional<std::string> environment = os->EnvironmentOf(pid);
  if (!environment.has_value()) return std::nullopt;
  std::string marks;
  for (const std::string_view entry : absl::StrSplit(*environment, '\0')) {
    if (IsMark(entry))
      absl::StrAppend(&marks, entry, std::string_view("\0", 1));
  }
  return marks;
}

}  // namespace

MarkReader::MarkReader(const Context& context)
    : context_(context),
      forget_at_(kForgetAt),
      read_(
          context, [os = context.os](pid_t pid) { return ReadMarks(os, pid); },
          [this](const std::vector<MemoryRead::Result>& results) {
            OnRead(results);
          }) {}

const MarkReader::Known* MarkReader::Find(const ProcessInfo& process) const {
  const auto found = known_.find({process.pid, process.started});
  const bool counts =
      found != known_.end() && context_.loop->Now() < found->second.until;
  return counts ? &found->second : nullptr;
}

// In state D the memory would hang its reader, most likely.
bool MarkReader::Knows(const ProcessInfo& process) const {
  return Find(process) != nullptr || process.state == 'D';
}

Marks::Verdict MarkReader::Of(const ProcessInfo& process,
                              std::string_view mark) const {
  const Known* const known = Find(process);
  if (known == nullptr) {
    return process.state == 'D' ? Verdict::kUnreadable : Verdict::kUnknown;
  }
  if (!known->readable) return Verdict::kUnreadable;
  const bool has = std::find(known->marks.begin(), known->marks.end(), mark) !=
                   known->marks.end();
  return has ? Verdict::kHas : Verdict::kHasNot;
}

void MarkReader::Learn(absl::Span<const ProcessInfo> unknown) {
  for (const ProcessInfo& process : unknown) read_.Ask(process);
}

void MarkReader::OnRead(const std::vector<MemoryRead::Result>& results) {
  for (const MemoryRead::Result& result : results) {
    Known& known = known_[result.process];
    known.readable = result.text.has_value();
    known.until = known.readable || result.hangs
                      ? absl::InfiniteFuture()
                      : context_.loop->Now() + kReadAgain;
    if (known.readable) {
      known.marks = absl::StrSplit(*result.text, '\0', absl::SkipEmpty());
    }
  }
  if (known_.size() >= forget_at_) Forget();
  Answer();
}

void MarkReader::Forget() {
  for (auto it = known_.begin(); it != known_.end();) {
    const bool ended = context_.os->Send(it->first.first, 0) == ESRCH;
    it = ended ? known_.erase(it) : std::next(it);
  }
  forget_at_ = std::max(kForgetAt, 2 * known_.size());
}

}  // namespace reinit
