#include "cmd/flags/look_in_time.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "reaper/clock.h"
#include "reaper/poll_for.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

// Written and read at once.
struct Answer {
  absl::StatusCode code;
  size_t size;
  char message[PIPE_BUF - 2 * sizeof(size_t)];
};
static_assert(sizeof(Answer) <= PIPE_BUF);

using Look = absl::FunctionRef<absl::StatusOr<std::string>()>;

[[noreturn]] void RunChild(Look look, int to) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  const absl::StatusOr<std::string> found = look();
  const std::string_view text =
      found.ok() ? std::string_view(*found) : found.status().message();
  Answer answer = {};
  answer.code = found.status().code();
  answer.size = text.copy(answer.message, sizeof(answer.message));
  const bool told = ::write(to, &answer, sizeof(answer)) == sizeof(answer);
  ::_exit(told ? 0 : 1);
}

absl::Status NoChild(const char* why) {
  return absl::UnavailableError(
      absl::StrCat("cannot be looked at (", why, ")"));
}

// False: time is up.
bool AwaitReadable(int fd, absl::Duration patience) {
  const MonotonicClock clock;
  const absl::Time deadline = clock.Now() + patience;
  pollfd polled = {fd, POLLIN, 0};
  for (;;) {
    const int ready = PollFor(&polled, 1, deadline - clock.Now());
    if (ready > 0) return true;
    if (ready == 0 && clock.Now() >= deadline) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

absl::StatusOr<std::string> AskInTime(Look look, absl::Duration patience) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return NoChild(::strerrordesc_np(errno));
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return NoChild(::strerrordesc_np(errno));
  if (pid == 0) RunChild(look, to.get());
  to.reset();
  if (!AwaitReadable(from.get(), patience)) {
    ::kill(pid, SIGKILL);
    return absl::DeadlineExceededError("its file system does not answer");
  }
  Answer answer;
  const bool told =
      ::read(from.get(), &answer, sizeof(answer)) == sizeof(answer);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!told) return NoChild("whoever did was killed");
  std::string text(answer.message, answer.size);
  if (answer.code == absl::StatusCode::kOk) return text;
  return absl::Status(answer.code, text);
}

absl::Status LookInTime(absl::FunctionRef<absl::Status()> look,
                        absl::Duration patience) {
  return AskInTime(
             [&look]() -> absl::StatusOr<std::string> {
               absl::Status status = look();
               if (!status.ok()) return status;
               return "";
             },
             patience)
      .status();
}

}  // namespace reinit
