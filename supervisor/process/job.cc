#include "supervisor/process/job.h"

#include <signal.h>

#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/log.h"
#include "supervisor/process/mark.h"
#include "supervisor/process/members.h"

namespace reinit {
namespace {

// An orphan that ends is reaped by then, unless it hangs in the kernel.
constexpr absl::Duration kHidden = absl::Seconds(1);

constexpr int kMostLooks = 8;

}  // namespace

Job::Job(const Context& context, std::vector<std::string> argv,
         std::vector<std::string> environment, absl::Duration timeout,
         Output output, OnDone done, Strays strays)
    : context_(context),
      argv_(std::move(argv)),
      mark_(NewJobMark()),
      environment_(std::move(environment)),
      timeout_(timeout),
      output_(output),
      strays_(strays),
      done_(std::move(done)),
      deadline_(
          context.loop, [this] { OnDeadline(); },
          EventLoop::Frozen::kDoesNotCount),
      question_(context.marks) {
  environment_.push_back(mark_);
}

Job::~Job() {
  if (question_.waiting()) KillLater();
  StopWaiting();
  NoteEnd();
  if (pid_ != 0 && context_.children->Forget(pid_)) Kill();
}

void Job::Start() {
  SpawnRequest request;
  request.argv = argv_;
  request.environment = environment_;
  request.null_stdin = true;
  request.null_stdout = output_ == Output::kDropped;
  request.as = *context_.user_process;
  absl::StatusOr<Spawned> spawned = context_.os->Spawn(request);
  if (!spawned.ok()) {
    done_({Result::What::kNotForked,
           {},
           std::string(spawned.status().message())});
    return;
  }
  pid_ = group_ = spawned->pid;
  started_ = context_.loop->Now();
  result_ = std::move(spawned->result);
  // A check is too frequent to be told from a coincidence.
  if (context_.commands != nullptr && strays_ == Strays::kStay) {
    // Its arguments may hold secrets, and the name goes into the log.
    run_ = context_.commands->Began(started_, argv_[0]);
  }
  context_.children->Add(pid_, [this](ExitStatus status) { OnExit(status); });
  deadline_.ArmAfter(timeout_);
}

void Job::OnExit(ExitStatus status) {
  ended_ = context_.loop->Now();
  deadline_.Cancel();
  NoteEnd();
  // What it left running in its group, which then is not empty.
  context_.os->Send(-pid_, SIGKILL);
  group_ = std::exchange(pid_, 0);
  SpawnFailure failure;
  if (::read(result_.get(), &failure, sizeof(failure)) == sizeof(failure)) {
    std::string words = failure.words;
    if (words.empty()) {
      words = absl::StrCat("cannot run '", EscapeForLog(argv_[0]),
                           "': ", ::strerrordesc_np(failure.error));
    }
    result_of_ = {Result::What::kNotRun, status, std::move(words)};
  } else {
    result_of_ = {Result::What::kExited, status, status.ToString()};
  }
  if (strays_ == Strays::kStay) return done_(result_of_);
  deadline_.ArmAfter(kHidden);
  KillStrays();
}

// A stray may be hidden by one that ends: then it is looked for again when that
// one has been reaped, which is soon. So it is when the marks of all are known.
void Job::KillStrays() {
  StopWaiting();
  // Each look walks through /proc; a storm of forks would never end it.
  if (++looks_ > kMostLooks) return Finish();
  std::vector<ProcessInfo> unknown;
  const std::vector<pid_t> hiding = KillMembers(0, &unknown);
  if (hiding.empty() && unknown.empty()) return Finish();
  if (!unknown.empty()) question_.Ask(unknown, [this] { KillStrays(); });
  for (const pid_t pid : hiding) {
    waits_for_.push_back(context_.children->AddOrphan(
        pid, [this](ExitStatus) { KillStrays(); }));
  }
}

void Job::Finish() {
  StopWaiting();
  deadline_.Cancel();
  done_(result_of_);
}

void Job::StopWaiting() {
  for (const uint64_t ticket : waits_for_) {
    context_.children->ForgetOrphan(ticket);
  }
  waits_for_.clear();
  question_.Cancel();
}

void Job::OnDeadline() {
  if (pid_ == 0) return Finish();
  ended_ = context_.loop->Now();
  // It is reaped like any other child, but one that cannot be killed (state D)
  // is not waited for.
  NoteEnd();
  context_.children->Forget(pid_);
  Kill();
  pid_ = 0;
  result_of_ = {
      Result::What::kTimedOut,
      {},
      absl::StrCat("no result within ", absl::FormatDuration(timeout_))};
  deadline_.ArmAfter(kHidden);
  KillStrays();
}

void Job::NoteEnd() {
  if (run_ != 0) {
    context_.commands->Ended(std::exchange(run_, 0), context_.loop->Now());
  }
}

void Job::Signal(int signo) {
  if (pid_ == 0) return;
  // Where a sandbox did not let it lead a group, it is alone.
  if (context_.os->Send(-pid_, signo) != 0) context_.os->Send(pid_, signo);
}

void Job::EndWithin(absl::Duration timeout) {
  if (pid_ == 0 || context_.loop->Now() + timeout >= deadline_.deadline()) {
    return;
  }
  deadline_.ArmAfter(timeout);
}

void Job::Kill() {
  std::vector<ProcessInfo> unknown;
  KillMembers(pid_, &unknown);
  if (!unknown.empty()) KillLater();
  context_.os->Send(-pid_, SIGKILL);
  // Its leader may have left the group.
  context_.os->Send(pid_, SIGKILL);
}

// One may be forked while the first look is taken. Returns the orphans that may
// hide more.
std::vector<pid_t> Job::KillMembers(pid_t main,
                                    std::vector<ProcessInfo>* unknown) {
  std::vector<pid_t> hiding;
  for (int look = 0; look < 2; ++look) {
    hiding.clear();
    unknown->clear();
    for (const pid_t pid :
         MembersOf(context_, main, group_, mark_, &hiding, unknown)) {
      if (pid > 0) context_.os->Send(pid, SIGKILL);
    }
  }
  return hiding;
}

// When their marks are known this job may be no more: so the search belongs to
// its own callback. By then its group may be another's.
void Job::KillLater() const {
  const auto search = std::make_shared<MemberSearch>(context_);
  search->Find(0, -1, mark_,
               [search, os = context_.os](const std::vector<pid_t>& strays) {
                 for (const pid_t pid : strays) os->Send(pid, SIGKILL);
               });
}

int Job::Result::ShellCode() const {
  return what == What::kExited || what == What::kNotRun ? status.ShellCode()
                                                        : 1;
}

}  // namespace reinit
