#include "supervisor/helper/helper_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/signals.h"

namespace reinit {
namespace {

// Records drawn in one turn, so that a helper that floods cannot starve it.
constexpr int kRecordsPerTurn = 64;

// Who has lived that long ends by accident, not by what it does. That it has
// reported something says less: one that runs out of memory may do so after
// the first scan, each time.
constexpr absl::Duration kStable = absl::Minutes(1);

}  // namespace

UniqueFd OpenSelf() {
  UniqueFd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!self.valid()) {
    // The kernel hands the address over as a number.
    const uint64_t address = ::getauxval(AT_EXECFN);
    const char* name = nullptr;
    static_assert(sizeof(name) == sizeof(address));
    std::memcpy(&name, &address, sizeof(name));
    if (name != nullptr) self.reset(::open(name, O_RDONLY | O_CLOEXEC));
  }
  return self;
}

HelperProcess::HelperProcess(const Context& context, Spec spec)
    : context_(context),
      spec_(std::move(spec)),
      backoff_(absl::Milliseconds(100), absl::Seconds(10)),
      retry_(context.loop, [this] { Start(); }),
      // One byte more shows a datagram that is too long.
      buffer_(spec_.record_size + 1) {}

HelperProcess::~HelperProcess() {
  if (pid_ != 0 && context_.children->Forget(pid_)) {
    context_.os->Send(pid_, SIGKILL);
  }
}

void HelperProcess::Start() {
  const bool again = std::exchange(started_before_, true);
  if (TryStart() && again && spec_.on_restarted) spec_.on_restarted();
}

bool HelperProcess::TryStart() {
  const UniqueFd self = OpenSelf();
  int ends[2];
  if (!self.valid() ||
      ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   ends) != 0) {
    Retry("cannot be started");
    return false;
  }
  socket_.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  SpawnRequest request;
  request.argv = spec_.arguments();
  request.argv.insert(request.argv.begin(),
                      absl::StrCat(kHelperPrefix, spec_.role));
  request.program_fd = self.get();
  request.pass_fd = theirs.get();
  request.null_stdin = true;
  request.null_stdout = true;
  request.die_with_parent = true;
  request.unprivileged = spec_.unprivileged;
  request.descriptors = spec_.descriptors;
  if (spec_.as_command) {
    request.as.credentials = context_.user_process->credentials;
  }
  absl::StatusOr<Spawned> spawned = context_.os->Spawn(request);
  if (!spawned.ok()) {
    Retry(spawned.status().message());
    return false;
  }
  pid_ = spawned->pid;
  started_at_ = context_.loop->Now();
  result_ = std::move(spawned->result);
  context_.children->Add(
      pid_, [this](ExitStatus status) { OnExit(status); },
      [this](int signo) { OnStopped(signo); });
  auto watch = context_.loop->WatchReadable(socket_.get(), [this] { Read(); });
  if (!watch.ok()) {
    Replace("cannot be watched");
    return false;
  }
  watch_ = *std::move(watch);
  return true;
}

bool HelperProcess::Send(const void* record, size_t size) {
  return pid_ != 0 &&
         ::send(socket_.get(), record, size, MSG_DONTWAIT | MSG_NOSIGNAL) ==
             static_cast<ssize_t>(size);
}

void HelperProcess::Read() {
  for (int i = 0; i < kRecordsPerTurn; ++i) {
    const ssize_t got =
        ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      // It has closed its end; its exit tells the rest.
      watch_.Cancel();
      return;
    }
    if (static_cast<size_t>(got) != spec_.record_size ||
        !spec_.on_record(buffer_.data())) {
      Replace("sent a malformed record");
      return;
    }
  }
}

void HelperProcess::Replace(std::string_view why) {
  if (retry_.armed()) return;
  // It may be hung in the kernel: do not wait for its end.
  if (pid_ != 0 && context_.children->Forget(pid_)) {
    context_.os->Send(pid_, SIGKILL);
  }
  Retry(why);
}

void HelperProcess::OnExit(ExitStatus status) {
  pid_ = 0;  // reaped: not to be signalled any more
  // What it said before its end counts.
  if (watch_.active()) Read();
  if (retry_.armed()) return;
  SpawnFailure failure;
  const bool failed =
      ::read(result_.get(), &failure, sizeof(failure)) == sizeof(failure);
  Retry(failed ? absl::StrCat("cannot be executed without privileges (",
                              ::strerrordesc_np(failure.error), ")")
               : absl::StrCat("ended (", status.ToString(), ")"));
}

// Nothing else would tell: the watch helper in particular has no deadline,
// since nothing to say is all that it has to say most of the time. The kernel
// wakes us for it anyway (SIGCHLD).
void HelperProcess::OnStopped(int signo) {
  const int error = context_.os->Send(pid_, SIGCONT);
  context_.log->Write(
      std::exchange(stop_told_, true) ? LogLevel::kDebug : LogLevel::kWarning,
      absl::StrCat(spec_.role, " helper [", pid_, "] was stopped by ",
                   SignalName(signo), ": ",
                   error == 0 ? "continued"
                              : absl::StrCat("it cannot be continued (",
                                             ::strerrordesc_np(error), ")")));
}

void HelperProcess::Retry(std::string_view why) {
  pid_ = 0;
  watch_.Cancel();
  socket_.reset();
  if (context_.loop->Now() - started_at_ >= kStable) backoff_.Reset();
  started_at_ = absl::InfiniteFuture();
  const absl::Duration delay = backoff_.Take(0.5);
  context_.log->Write(
      LogLevel::kWarning,
      absl::StrCat(spec_.role, " helper ", why, ": starting it again in ",
                   absl::FormatDuration(delay)));
  retry_.ArmAfter(delay);
}

}  // namespace reinit
