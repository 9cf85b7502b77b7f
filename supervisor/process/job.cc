#include "supervisor/job.h"

#include <signal.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/log.h"
#include "supervisor/child_environment.h"
#include "supervisor/members.h"

namespace reinit {

Job::Job(const Context& context, std::vector<std::string> argv,
         std::vector<std::string> environment, absl::Duration timeout,
         Output output, OnDone done, Strays strays)
    : context_(context),
      argv_(std::move(argv)),
      mark_(absl::StrCat("REINIT_JOB=", RandomName())),
      environment_(std::move(environment)),
      timeout_(timeout),
      output_(output),
      strays_(strays),
      done_(std::move(done)),
      deadline_(
          context.loop, [this] { OnDeadline(); },
          EventLoop::Frozen::kDoesNotCount) {
  environment_.push_back(mark_);
}

Job::~Job() {
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
  pid_ = spawned->pid;
  started_ = context_.loop->Now();
  result_ = std::move(spawned->result);
  context_.children->Add(pid_, [this](ExitStatus status) { OnExit(status); });
  deadline_.ArmAfter(timeout_);
}

void Job::OnExit(ExitStatus status) {
  deadline_.Cancel();
  // What it left running in its group, which then is not empty.
  context_.os->Send(-pid_, SIGKILL);
  if (strays_ == Strays::kKilled) KillMembers(0);
  pid_ = 0;
  SpawnFailure failure;
  if (::read(result_.get(), &failure, sizeof(failure)) == sizeof(failure)) {
    std::string words = failure.words;
    if (words.empty()) {
      words = absl::StrCat("cannot run '", EscapeForLog(argv_[0]),
                           "': ", ::strerrordesc_np(failure.error));
    }
    done_({Result::What::kNotRun, status, std::move(words)});
    return;
  }
  done_({Result::What::kExited, status, status.ToString()});
}

void Job::OnDeadline() {
  // It is reaped like any other child, but one that cannot be killed (state D)
  // is not waited for.
  context_.children->Forget(pid_);
  Kill();
  pid_ = 0;
  done_({Result::What::kTimedOut,
         {},
         absl::StrCat("no result within ", absl::FormatDuration(timeout_))});
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
  KillMembers(pid_);
  context_.os->Send(-pid_, SIGKILL);
  // Its leader may have left the group.
  context_.os->Send(pid_, SIGKILL);
}

// One may be forked while the first look is taken.
void Job::KillMembers(pid_t main) {
  for (int look = 0; look < 2; ++look) {
    for (const pid_t pid : MembersOf(context_, main, pid_, mark_)) {
      if (pid > 0) context_.os->Send(pid, SIGKILL);
    }
  }
}

int Job::Result::ShellCode() const {
  return what == What::kExited || what == What::kNotRun ? status.ShellCode()
                                                        : 1;
}

}  // namespace reinit
