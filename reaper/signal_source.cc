#include "reaper/signal_source.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

constexpr size_t kSignalsPerRead = 32;
// Enough for all there are, and a flood of real-time signals cannot keep the
// loop from its other events.
constexpr int kReadsPerTurn = 32;

// With the raw call: signalfd(3) would leave out glibc's own 32 and 33.
int OpenSignalFd() {
  const uint64_t all = ~uint64_t{0};
  return static_cast<int>(::syscall(SYS_signalfd4, -1, &all, sizeof(all),
                                    SFD_CLOEXEC | SFD_NONBLOCK));
}

// The kernel sends these to a process whose write fails.
bool IsOfAWrite(int signo) { return signo == SIGPIPE || signo == SIGXFSZ; }

absl::Status SignalFdError(int error) {
  absl::Status status = absl::ErrnoToStatus(error, "signalfd");
  if (error != EPERM && error != EACCES && error != ENOSYS) return status;
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(),
                   ": a seccomp profile or sandbox refuses the system call "
                   "signalfd4, without which no signal can be received: allow "
                   "it there"));
}

SignalInfo Convert(const signalfd_siginfo& raw) {
  SignalInfo info;
  info.signo = static_cast<int>(raw.ssi_signo);
  info.code = raw.ssi_code;
  info.sender = static_cast<pid_t>(raw.ssi_pid);
  info.sender_uid = raw.ssi_uid;
  info.value = raw.ssi_ptr;
  return info;
}

// What signalfd_siginfo says of the same signal. The kernel fills the fields
// that siginfo_t shares between kinds of signals by code and number.
SignalInfo Convert(const siginfo_t& raw) {
  SignalInfo info;
  info.signo = raw.si_signo;
  info.code = raw.si_code;
  const bool sent = raw.si_code <= 0 || raw.si_code >= SI_KERNEL;
  const bool foreign = raw.si_code == SI_TIMER || raw.si_code == SI_SIGIO;
  if ((sent && !foreign) || raw.si_signo == SIGCHLD) {
    info.sender = raw.si_pid;
    info.sender_uid = raw.si_uid;
  }
  if (raw.si_code < 0 && raw.si_code != SI_SIGIO) {
    info.value = reinterpret_cast<uint64_t>(raw.si_value.sival_ptr);
  }
  return info;
}

}  // namespace

SignalSource::SignalSource(OnSignal on_signal, OnChildren on_children)
    : on_signal_(std::move(on_signal)),
      on_children_(std::move(on_children)),
      self_(::getpid()) {}

absl::StatusOr<std::unique_ptr<SignalSource>> SignalSource::Create(
    EventLoop* loop, OnSignal on_signal, OnChildren on_children) {
  std::unique_ptr<SignalSource> source(
      new SignalSource(std::move(on_signal), std::move(on_children)));
  source->fd_.reset(OpenSignalFd());
  if (!source->fd_.valid()) return SignalFdError(errno);
  SignalSource* const self = source.get();
  auto watch = loop->WatchReadable(
      source->fd_.get(), [self] { self->Read(); }, EventLoop::Order::kSignals,
      [self] { return self->Wait(); });
  if (!watch.ok()) return watch.status();
  source->watch_ = *std::move(watch);
  return source;
}

// With the raw call, for the same reason as in OpenSignalFd.
bool SignalSource::Wait() {
  const uint64_t all = ~uint64_t{0};
  siginfo_t raw;
  if (::syscall(SYS_rt_sigtimedwait, &all, &raw, nullptr, sizeof(all)) <= 0) {
    return false;
  }
  waited_for_ = Convert(raw);
  return true;
}

void SignalSource::Read() {
  const std::optional<SignalInfo> first = std::exchange(waited_for_, {});
  if (first.has_value()) Take(*first);
  if (!first.has_value() || children_) ReadOthers();
  if (std::exchange(children_, false)) on_children_();
}

void SignalSource::ReadOthers() {
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    signalfd_siginfo raw[kSignalsPerRead];
    const ssize_t got = ::read(fd_.get(), raw, sizeof(raw));
    const size_t count =
        got > 0 ? static_cast<size_t>(got) / sizeof(raw[0]) : 0;
    for (size_t i = 0; i < count; ++i) Take(Convert(raw[i]));
    if (count < kSignalsPerRead) return;
  }
}

void SignalSource::Take(const SignalInfo& info) {
  if (info.signo == SIGCHLD) {
    children_ = true;
  } else if (!IsOfAWrite(info.signo) || info.sender != self_) {
    on_signal_(info);
  }
}

}  // namespace reinit
