#include "supervisor/action/target_action.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reaper/unique_fd.h"
#include "reaper/value/signals.h"
#include "supervisor/action/find_targets.h"
#include "supervisor/action/report.h"

namespace reinit {
namespace {

// A number in the first line, as everybody writes them; 0: there is none. A
// FIFO or a device in its place does not hold us up.
pid_t ReadPidFile(const std::string& path) {
  const UniqueFd file(
      ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat found;
  if (!file.valid() || ::fstat(file.get(), &found) != 0 ||
      !S_ISREG(found.st_mode)) {
    return 0;
  }
  char buffer[64];
  const ssize_t got = ::read(file.get(), buffer, sizeof(buffer));
  if (got <= 0) return 0;
  std::string_view line(buffer, static_cast<size_t>(got));
  line = absl::StripAsciiWhitespace(line.substr(0, line.find('\n')));
  pid_t pid = 0;
  return absl::SimpleAtoi(line, &pid) && pid > 0 ? pid : 0;
}

// In a storm of forks there are always arguments that are not read yet.
constexpr int kMostLooks = 20;

std::string Name(const ProcessInfo& process) {
  return absl::StrCat("process ", process.pid, " '", process.name, "'");
}

}  // namespace

TargetAction::TargetAction(const Context& context, int signo,
                           const TargetOptions* target, Fail fail)
    : context_(context),
      signo_(signo),
      target_(target),
      fail_(std::move(fail)),
      read_(context),
      arguments_(
          context,
          [os = context.os](pid_t pid) { return os->CommandLine(pid); },
          [this](const std::vector<MemoryRead::Result>& results) {
            OnRead(results);
          }) {}

void TargetAction::Cancel() {
  read_.Cancel();
  again_ = nullptr;
}

std::string TargetAction::Wanted() const {
  std::vector<std::string> flags;
  if (!target_->process.empty()) {
    flags.push_back(absl::StrCat("--target-process=", target_->process));
  }
  if (!target_->cmdline.empty()) {
    flags.push_back(absl::StrCat("--target-cmdline=", target_->cmdline));
  }
  if (!target_->pidfile.empty()) {
    flags.push_back(absl::StrCat("--target-pidfile=", target_->pidfile));
  }
  return absl::StrJoin(flags, " ");
}

void TargetAction::Find(Then then) {
  Cancel();
  lines_.clear();
  if (target_->pidfile.empty()) return Pick(0, then);
  read_.Start(
      [path = target_->pidfile] { return absl::StrCat(ReadPidFile(path)); },
      [this, then = std::move(then)](const absl::StatusOr<std::string>& text) {
        pid_t pid = 0;
        if (!text.ok()) {
          then(absl::UnavailableError(
              absl::StrCat("--target-pidfile=", target_->pidfile, ": ",
                           text.status().message())));
        } else if (absl::SimpleAtoi(*text, &pid) && pid != 0) {
          if (pid == context_.os->Self()) {
            return then(absl::NotFoundError(absl::StrCat(
                Wanted(), ": the file holds reinit's own pid ", pid)));
          }
          Pick(pid, then);
        } else {
          then(absl::NotFoundError(absl::StrCat(
              Wanted(), ": the file holds no pid, or is not there")));
        }
      });
}

// With the pid that the file has named, if there is one.
void TargetAction::Pick(pid_t pid, const Then& then, int looks) {
  TargetRule rule;
  rule.process = target_->process;
  rule.cmdline = target_->cmdline;
  rule.pid = pid;
  bool waits = false;
  std::vector<ProcessInfo> found = FindTargets(
      context_.os->Processes(), context_.os->Self(),
      [this](pid_t one) { return context_.children->Knows(one); }, rule,
      [this, &waits](const ProcessInfo& one) -> std::string {
        const MemoryRead::Key key(one.pid, one.started);
        const auto line = lines_.find(key);
        if (line != lines_.end()) return line->second;
        if (hanging_.count(key) != 0) return "";
        arguments_.Ask(one);
        waits = true;
        return "";
      });
  if (!waits || looks == kMostLooks) return then(Judge(std::move(found)));
  again_ = [this, pid, then, looks] { Pick(pid, then, looks + 1); };
}

void TargetAction::OnRead(const std::vector<MemoryRead::Result>& results) {
  for (const MemoryRead::Result& result : results) {
    lines_[result.process] = result.text.value_or("");
    if (!result.hangs || !hanging_.insert(result.process).second) continue;
    context_.log->Write(
        LogLevel::kWarning,
        absl::StrCat("process ", result.process.first,
                     " does not let its arguments be read: it is no target"));
  }
  const auto again = std::exchange(again_, nullptr);
  if (again) again();
}

// NotFound: nobody. FailedPrecondition: too many.
TargetAction::Found TargetAction::Judge(std::vector<ProcessInfo> found) const {
  if (found.empty() &&
      !context_.os->ReadProcess(context_.os->Self()).has_value()) {
    return absl::NotFoundError(absl::StrCat(
        Wanted(),
        ": no process can be found, as /proc is not mounted, or is that of "
        "another pid namespace; mount proc at /proc"));
  }
  if (found.empty()) {
    return absl::NotFoundError(
        absl::StrCat(Wanted(),
                     ": no such process; in another container it is "
                     "seen only with shareProcessNamespace"));
  }
  if (found.size() > 1 && !target_->all) {
    return absl::FailedPreconditionError(absl::StrCat(
        Wanted(), ": ", found.size(), " processes match (",
        absl::StrJoin(found, ", ",
                      [](std::string* out, const ProcessInfo& process) {
                        absl::StrAppend(out, process.pid);
                      }),
        "); narrow it down, or give --target-all"));
  }
  return found;
}

void TargetAction::Begin() {
  Find([this](const Found& found) { OnBegin(found); });
}

void TargetAction::OnBegin(const Found& found) {
  if (Missing(found.status())) return;
  if (absl::IsUnavailable(found.status())) {
    context_.log->Write(LogLevel::kWarning, found.status().message());
  }
  if (!found.ok()) return;
  for (const ProcessInfo& process : *found) {
    context_.log->Write(LogLevel::kInfo,
                        absl::StrCat("target: ", Name(process)));
  }
}

// True, and said, if there is nobody; with --on-missing=fail that is the end.
bool TargetAction::Missing(const absl::Status& status) {
  if (!absl::IsNotFound(status)) return false;
  if (target_->on_missing == TargetOptions::OnMissing::kFail) {
    fail_(std::string(status.message()));
    return true;
  }
  context_.log->Write(std::exchange(missing_told_, true) ? LogLevel::kDebug
                                                         : LogLevel::kWarning,
                      absl::StrCat(status.message(), ": waiting for it"));
  return true;
}

void TargetAction::Apply(const Reason& reason, OnDone done) {
  have_it_.clear();
  Retry(reason, std::move(done));
}

void TargetAction::Retry(const Reason& reason, OnDone done) {
  Find([this, reason, done = std::move(done)](const Found& found) {
    OnFound(reason, found, done);
  });
}

void TargetAction::OnFound(const Reason& reason, const Found& found,
                           const OnDone& done) {
  const std::string signal = SignalName(signo_);
  if (!found.ok()) {
    if (!Missing(found.status())) {
      ReportAction(context_.log, reason, signal, false,
                   found.status().message())
          .IgnoreError();
    }
    done(found.status());
    return;
  }
  missing_told_ = false;
  absl::Status applied;
  const auto had_it = std::exchange(have_it_, {});
  for (const ProcessInfo& process : *found) {
    const std::pair<pid_t, uint64_t> one(process.pid, process.started);
    if (absl::c_linear_search(had_it, one)) {
      have_it_.push_back(one);
      continue;
    }
    const absl::Status sent = Send(process);
    if (sent.ok()) have_it_.push_back(one);
    applied.Update(ReportAction(
        context_.log, reason, absl::StrCat(signal, " to ", Name(process)),
        sent.ok(), sent.ok() ? "sent" : sent.message()));
  }
  done(applied);
}

absl::Status TargetAction::Send(const ProcessInfo& process) const {
  if (!target_->force && EndsByDefault(signo_)) {
    const auto withstands = context_.os->Withstands(process.pid, signo_);
    if (!withstands.value_or(false)) {
      return absl::FailedPreconditionError(
          withstands.has_value()
              ? "not sent: it has no handler for it and would be ended; if it "
                "takes it by sigwait, give --target-force"
              : "not sent: it cannot be told whether it has a handler for it");
    }
  }
  const int error = context_.os->SendToStranger(process, signo_);
  if (error == 0) return absl::OkStatus();
  if (error == EPERM) {
    const auto user = context_.os->UserOf(process.pid);
    return absl::PermissionDeniedError(absl::StrCat(
        "not permitted: reinit must run as its user",
        user.has_value() ? absl::StrCat(" (runAsUser: ", *user, ")") : "",
        ", or have the capability KILL; SYS_PTRACE is of no use for it"));
  }
  return absl::ErrnoToStatus(error, "kill");
}

}  // namespace reinit
