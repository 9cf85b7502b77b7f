#include "supervisor/helper/helper_process.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/passed_rights.h"
#include "reaper/value/signals.h"

namespace reinit {
namespace {

// Records drawn in one turn, so that a helper that floods cannot starve it.
constexpr int kRecordsPerTurn = 64;

// A helper that lived this long is taken for healthy. A report says less: a
// helper that runs out of memory after the first scan reports each time.
constexpr absl::Duration kStable = absl::Minutes(1);

// From the end of what it says to its own.
constexpr absl::Duration kEnding = absl::Seconds(2);

// A file in memory that has them, each with a NUL behind it; invalid, with
// errno, if there is none.
UniqueFd TellArguments(const std::vector<std::string>& arguments) {
  std::string all;
  for (const std::string& one : arguments) all.append(one.c_str()).append(1, 0);
  UniqueFd file(::memfd_create("arguments", MFD_CLOEXEC));
  if (!file.valid()) return file;
  const ssize_t written = ::write(file.get(), all.data(), all.size());
  if (written != static_cast<ssize_t>(all.size())) {
    if (written >= 0) errno = ENOSPC;
    return UniqueFd();
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return UniqueFd();
  return file;
}

// `as`: who it was to be executed as; none: as who reinit is.
std::string InWords(const SpawnFailure& failure,
                    const std::optional<Credentials>& as) {
  const std::string user =
      as.has_value() ? absl::StrCat(" as user ", as->uid) : "";
  const std::string_view why = ::strerrordesc_np(failure.error);
  switch (failure.stage) {
    case SpawnFailure::Stage::kCredentials:
      return absl::StrCat("cannot be started", user, " (", why,
                          "; needs CAP_SETUID and CAP_SETGID)");
    case SpawnFailure::Stage::kDescriptor:
    case SpawnFailure::Stage::kDirectory:
      return absl::StrCat("cannot be given its descriptors (", why, ")");
    case SpawnFailure::Stage::kExec:
      break;
  }
  return absl::StrCat(
      "cannot be executed", user, " (", why,
      failure.error == EACCES
          ? "; the file of reinit must be executable for that user: chmod 755"
          : "",
      ")");
}

// The address of AT_EXECFN is handed over by the kernel as a number.
const char* ExecutedName() {
  const uint64_t address = ::getauxval(AT_EXECFN);
  const char* name = nullptr;
  static_assert(sizeof(name) == sizeof(address));
  std::memcpy(&name, &address, sizeof(name));
  return name;
}

// Of the running binary; empty where only a name is known that is relative, or
// the file was removed.
std::string OwnPath() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof(path));
  if (size > 0 && ::access(std::string(path, size).c_str(), X_OK) == 0) {
    return std::string(path, size);
  }
  const char* const name = ExecutedName();
  return name != nullptr && name[0] == '/' ? name : "";
}

}  // namespace

std::vector<std::string> ReceiveArguments() {
  const UniqueFd from(kHelperArgumentsFd);
  std::string all;
  char part[4096];
  ssize_t got;
  while ((got = ::read(from.get(), part, sizeof(part))) > 0) {
    all.append(part, static_cast<size_t>(got));
  }
  std::vector<std::string> arguments;
  for (size_t at = 0; at < all.size(); at += arguments.back().size() + 1) {
    arguments.emplace_back(all.c_str() + at);
  }
  return arguments;
}

UniqueFd OpenSelf() {
  UniqueFd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!self.valid()) {
    const char* const name = ExecutedName();
    if (name != nullptr) self.reset(::open(name, O_RDONLY | O_CLOEXEC));
  }
  return self;
}

HelperProcess::HelperProcess(const Context& context, Spec spec)
    : context_(context),
      spec_(std::move(spec)),
      backoff_(absl::Milliseconds(100), absl::Seconds(10)),
      retry_(context.loop, [this] { Start(); }),
      silent_(context.loop, [this] { Replace("says nothing any more"); }),
      // One byte more shows a datagram that is too long.
      buffer_(spec_.record_size + 1) {}

HelperProcess::~HelperProcess() {
  if (pid_ != 0 && context_.children->ForgetOwn(pid_)) {
    context_.os->Send(pid_, SIGKILL);
  }
}

void HelperProcess::Start() {
  const bool again = std::exchange(started_before_, true);
  if (TryStart() && again && spec_.on_restarted) spec_.on_restarted();
}

bool HelperProcess::TryStart() {
  const UniqueFd self = OpenSelf();
  if (!self.valid()) {
    Retry(absl::StrCat("cannot be started (opening reinit's own program: ",
                       ::strerrordesc_np(errno), ")"));
    return false;
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   ends) != 0) {
    Retry(absl::StrCat(
        "cannot be started (socketpair: ", ::strerrordesc_np(errno), ")"));
    return false;
  }
  socket_.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  // With --user it may be the command's user, who can take it over.
  RefuseRights(socket_.get());
  SpawnRequest request;
  UniqueFd told;
  request.argv = {absl::StrCat(kHelperPrefix, spec_.role)};
  std::vector<std::string> arguments = spec_.arguments();
  request.descriptors = spec_.descriptors;
  if (spec_.private_arguments) {
    told = TellArguments(arguments);
    if (!told.valid()) {
      Retry(absl::StrCat("cannot be told its arguments (",
                         ::strerrordesc_np(errno), ")"));
      return false;
    }
    request.descriptors.push_back({told.get(), kHelperArgumentsFd});
  } else {
    std::move(arguments.begin(), arguments.end(),
              std::back_inserter(request.argv));
  }
  request.program_fd = self.get();
  request.program_path = OwnPath();
  request.pass_fd = theirs.get();
  request.null_stdin = true;
  request.null_stdout = !spec_.writes_stdout;
  request.die_with_parent = true;
  request.unprivileged = spec_.unprivileged;
  if (spec_.as_command) {
    request.as.credentials = context_.user_process->credentials;
  }
  absl::StatusOr<Spawned> spawned = context_.os->Spawn(request);
  if (!spawned.ok()) {
    Retry(absl::StrCat("cannot be started (", spawned.status().message(), ")"));
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
    Replace(absl::StrCat("cannot be watched (", watch.status().message(), ")"));
    return false;
  }
  watch_ = *std::move(watch);
  return true;
}

bool HelperProcess::Send(const void* record, size_t size,
                         absl::Span<const int> descriptors) {
  if (pid_ == 0) return false;
  iovec part = {const_cast<void*>(record), size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  std::vector<char> control;
  if (!descriptors.empty()) {
    const size_t bytes = descriptors.size() * sizeof(int);
    control.resize(CMSG_SPACE(bytes));
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(rights), descriptors.data(), bytes);
  }
  return ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(size);
}

void HelperProcess::Read() {
  for (int i = 0; i < kRecordsPerTurn; ++i) {
    const ssize_t got =
        ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
      // It has closed its end, and its exit tells the rest; or that was an
      // empty datagram, and it would never be heard again.
      watch_.Cancel();
      silent_.ArmAfter(kEnding);
      return;
    }
    if (got < 0) {
      Replace(absl::StrCat("cannot be heard (", ::strerrordesc_np(errno), ")"));
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
  if (pid_ != 0 && context_.children->ForgetOwn(pid_)) {
    context_.os->Send(pid_, SIGKILL);
  }
  Retry(why);
}

void HelperProcess::OnExit(ExitStatus status) {
  pid_ = 0;  // reaped: not to be signalled any more
  // What it said before its end counts.
  if (watch_.active()) Read();
  if (retry_.armed()) return;
  if (spec_.may_end && spec_.may_end(status)) {
    silent_.Cancel();
    watch_.Cancel();
    socket_.reset();
    return;
  }
  SpawnFailure failure;
  const bool failed =
      ::read(result_.get(), &failure, sizeof(failure)) == sizeof(failure);
  Retry(failed ? InWords(failure, spec_.as_command
                                      ? context_.user_process->credentials
                                      : std::nullopt)
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
  silent_.Cancel();
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
