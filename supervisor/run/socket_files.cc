#include "supervisor/run/socket_files.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

// Between the checks while a process stops.
constexpr absl::Duration kFirstDistance = absl::Milliseconds(10);
constexpr absl::Duration kLongestDistance = absl::Seconds(1);

}  // namespace

SocketFiles::SocketFiles(const Context& context, const ListenSockets* sockets)
    : context_(context),
      sockets_(sockets),
      child_(context),
      timer_(context.loop, [this] { OnTimer(); }) {}

bool SocketFiles::HasFiles() const {
  return sockets_ != nullptr && sockets_->HasFiles();
}

void SocketFiles::OnStopping() {
  if (!HasFiles()) return;
  distance_ = kFirstDistance;
  timer_.ArmAfter(distance_);
}

void SocketFiles::OnTimer() {
  distance_ = std::min(2 * distance_, kLongestDistance);
  timer_.ArmAfter(distance_);
  Check();
}

void SocketFiles::OnEnded(bool stopping) {
  if (!HasFiles()) return;
  if (!stopping) timer_.Cancel();
  Check();
}

void SocketFiles::Check() {
  again_ = child_.busy();
  if (again_) return;
  child_.Start(
      [this]() -> absl::StatusOr<std::string> {
        return sockets_->RestoreFiles();
      },
      [this](const absl::StatusOr<std::string>& states) { OnChecked(states); });
}

void SocketFiles::CheckThen(Then then) {
  if (!HasFiles()) return then("");
  then_ = std::move(then);
  Check();
}

void SocketFiles::Cancel() {
  child_.Cancel();
  timer_.Cancel();
  again_ = false;
  then_ = nullptr;
}

void SocketFiles::OnChecked(const absl::StatusOr<std::string>& states) {
  if (states.ok()) {
    for (const std::string& line : sockets_->Restored(*states)) {
      context_.log->Write(LogLevel::kInfo, line);
    }
  } else if (!no_answer_) {
    context_.log->Write(LogLevel::kWarning,
                        absl::StrCat("cannot check the files of --listen: ",
                                     states.status().message()));
  }
  no_answer_ = !states.ok();
  if (std::exchange(again_, false)) return Check();
  const Then then = std::exchange(then_, nullptr);
  if (then) then(states.ok() ? *states : "");
}

}  // namespace reinit
