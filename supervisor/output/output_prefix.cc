#include "supervisor/output/output_prefix.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/log.h"

namespace reinit {
namespace {

constexpr absl::Duration kSendAgain = absl::Milliseconds(100);

std::string_view Explain(int error) {
  const char* const text = ::strerrordesc_np(error);
  return text != nullptr ? text : "unknown error";
}

}  // namespace

OutputPrefix::OutputPrefix(const Context& context)
    : context_(context),
      again_(context.loop, [this] { Answer(); }),
      deadline_(
          context.loop, [this] { OnDeadline(); },
          EventLoop::Frozen::kDoesNotCount) {}

OutputPrefix::~OutputPrefix() = default;

const UserProcess* OutputPrefix::ProcessOf(int worker) {
  const auto number = static_cast<uint32_t>(worker);
  for (const Slot& slot : slots_) {
    if (slot.worker == number) return &slot.process;
  }
  Slot& slot = slots_.emplace_back();
  slot.worker = number;
  slot.process = *context_.user_process;
  if (finished_ || !MakePipes(&slot)) return &slot.process;
  slot.process.stdout_fd = slot.write[0].get();
  slot.process.stderr_fd = slot.write[1].get();
  piped_.push_back(&slot);
  if (!helper_.has_value()) {
    helper_.emplace(
        context_,
        HelperProcess::Spec{
            .role = "output",
            .arguments = [] { return std::vector<std::string>(); },
            .record_size = sizeof(OutputRecord),
            .unprivileged = true,
            .writes_stdout = true,
            .on_record = [this](const char* bytes) { return OnRecord(bytes); },
            // What the last one has asked is of no account.
            .on_restarted =
                [this] {
                  asked_.reset();
                  told_end_ = false;
                },
            .may_end =
                [this](ExitStatus status) { return OnHelperEnd(status); }});
    helper_->Start();
  }
  Answer();
  return &slot.process;
}

bool OutputPrefix::MakePipes(Slot* slot) {
  for (const int which : {0, 1}) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      context_.log->Write(
          LogLevel::kWarning,
          absl::StrCat("--log-prefix: cannot open a pipe for worker ",
                       slot->worker, " (", Explain(errno),
                       "): its output has no prefix"));
      for (const int all : {0, 1}) {
        slot->read[all].reset();
        slot->write[all].reset();
      }
      return false;
    }
    slot->read[which].reset(ends[0]);
    slot->write[which].reset(ends[1]);
    // The helper's end alone: the worker must wait for room.
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  }
  return true;
}

bool OutputPrefix::OnRecord(const char* bytes) {
  OutputRecord record;
  std::memcpy(&record, bytes, sizeof(record));
  if (record.magic != OutputRecord::kMagic) return false;
  switch (record.kind) {
    case OutputRecord::Kind::kAsk:
      if (record.number > piped_.size()) return false;
      asked_ = record.number;
      Answer();
      return true;
    case OutputRecord::Kind::kLost:
      if (record.number != STDOUT_FILENO && record.number != STDERR_FILENO) {
        return false;
      }
      context_.log->Write(
          LogLevel::kWarning,
          absl::StrCat("--log-prefix: cannot write to ",
                       record.number == STDOUT_FILENO ? "stdout" : "stderr",
                       " (", Explain(record.error),
                       "): output of the workers is lost"));
      return true;
  }
  return false;
}

// What the helper has asked for, if it is there.
void OutputPrefix::Answer() {
  if (!asked_.has_value()) return;
  OutputAnswer answer;
  bool sent = false;
  if (*asked_ < piped_.size()) {
    const Slot& slot = *piped_[*asked_];
    answer.worker = slot.worker;
    const int fds[2] = {slot.read[0].get(), slot.read[1].get()};
    sent = helper_->Send(&answer, sizeof(answer), fds);
  } else if (finished_) {
    sent = helper_->Send(&answer, sizeof(answer));
    told_end_ = sent;
  } else {
    return;
  }
  if (sent) {
    asked_.reset();
  } else {
    // The kernel limits the descriptors that are under way for one user.
    again_.ArmAfter(kSendAgain);
  }
}

void OutputPrefix::Finish(std::function<void()> done) {
  finished_ = true;
  done_ = std::move(done);
  for (Slot& slot : slots_) {
    slot.process.stdout_fd = -1;
    slot.process.stderr_fd = -1;
  }
  if (!helper_.has_value()) return End();
  deadline_.ArmAfter(kDrainTimeout);
  Answer();
}

bool OutputPrefix::OnHelperEnd(ExitStatus status) {
  if (!told_end_ || !status.Success()) return false;
  End();
  return true;
}

void OutputPrefix::OnDeadline() {
  helper_.reset();
  const int64_t unread = Unread();
  context_.log->Write(
      LogLevel::kWarning,
      absl::StrCat("--log-prefix: the last output of the workers could not be "
                   "written within ",
                   absl::FormatDuration(kDrainTimeout), ": at least ", unread,
                   " bytes are lost"));
  End();
}

// As far as the helper has not read it.
int64_t OutputPrefix::Unread() const {
  int64_t all = 0;
  for (const Slot* slot : piped_) {
    for (const UniqueFd& pipe : slot->read) {
      int bytes = 0;
      if (::ioctl(pipe.get(), FIONREAD, &bytes) == 0) all += bytes;
    }
  }
  return all;
}

void OutputPrefix::End() {
  deadline_.Cancel();
  again_.Cancel();
  context_.loop->Post(std::exchange(done_, nullptr));
}

}  // namespace reinit
