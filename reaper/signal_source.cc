#include "reaper/signal_source.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

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

SignalInfo Convert(const signalfd_siginfo& raw) {
  SignalInfo info;
  info.signo = static_cast<int>(raw.ssi_signo);
  info.code = raw.ssi_code;
  info.sender = static_cast<pid_t>(raw.ssi_pid);
  info.sender_uid = raw.ssi_uid;
  info.value = raw.ssi_ptr;
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
  if (!source->fd_.valid()) return absl::ErrnoToStatus(errno, "signalfd");
  SignalSource* const self = source.get();
  auto watch = loop->WatchReadable(
      source->fd_.get(), [self] { self->Read(); }, EventLoop::Order::kSignals);
  if (!watch.ok()) return watch.status();
  source->watch_ = *std::move(watch);
  return source;
}

void SignalSource::Read() {
  bool children = false;
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    signalfd_siginfo raw[kSignalsPerRead];
    const ssize_t got = ::read(fd_.get(), raw, sizeof(raw));
    const size_t count =
        got > 0 ? static_cast<size_t>(got) / sizeof(raw[0]) : 0;
    for (size_t i = 0; i < count; ++i) {
      const SignalInfo info = Convert(raw[i]);
      if (info.signo == SIGCHLD) {
        children = true;
      } else if (info.sender != self_) {
        on_signal_(info);
      }
    }
    if (count < kSignalsPerRead) break;
  }
  if (children) on_children_();
}

}  // namespace reinit
