#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "reaper/clock.h"
#include "reaper/poll_for.h"
#include "reaper/unique_fd.h"
#include "supervisor/output/line_merge.h"
#include "supervisor/output/output_record.h"

namespace reinit {
namespace {

// What a pipe has room for, unless somebody has changed that.
constexpr size_t kReadSize = size_t{64} << 10;
// So much is gathered for one write.
constexpr size_t kWriteSize = size_t{64} << 10;

// A line that is begun, but not finished for this long, is shown as it is.
constexpr absl::Duration kQuiet = absl::Milliseconds(100);

// What is written to the descriptor 1 or 2, or to both if they are one file.
struct Stream {
  int fd = -1;
  bool waits = false;  // it can be written to without waiting for its reader
  LineMerge merge;
  std::string out;
  size_t written = 0;
  int told = 0;  // the last error that PID 1 was told of

  bool busy() const { return !out.empty(); }
};

struct Source {
  UniqueFd fd;
  Stream* stream = nullptr;
  size_t number = 0;  // in the stream's merge
  absl::Time rests_at = absl::InfiniteFuture();
  bool polled = false;
  short revents = 0;
  bool drained = false;
};

// One terminal, pipe or socket. Two descriptions of one file each have their
// own offset, so a file is never shared.
bool SameFile(int one, int other) {
  struct stat first = {};
  struct stat second = {};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino &&
         !S_ISREG(first.st_mode);
}

// Files are always writable. A terminal knows no other way: who does not read
// there reads neither stdout nor stderr.
bool CanWaitForReader(int fd) {
  struct stat info = {};
  return ::fstat(fd, &info) == 0 &&
         (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode));
}

// The state of RunOutputHelper; one thread.
class OutputHelper {
 public:
  explicit OutputHelper(int fd) : fd_(fd), buffer_(kReadSize) {
    const bool one = SameFile(STDOUT_FILENO, STDERR_FILENO);
    for (const int target : {STDOUT_FILENO, STDERR_FILENO}) {
      Stream& stream = streams_[target - STDOUT_FILENO];
      stream.fd = target;
      stream.waits = CanWaitForReader(target);
      of_[target - STDOUT_FILENO] = one ? &streams_[0] : &stream;
    }
  }
  OutputHelper(const OutputHelper&) = delete;
  OutputHelper& operator=(const OutputHelper&) = delete;

  int Run() {
    Ask();
    while (!ended_) Turn();
    return 0;
  }

 private:
  void Turn();
  void Poll();
  void Step(Source* source);
  bool Read(Source* source);
  void Write(Stream* stream);
  void Tell(Stream* stream, int error);
  void Ask();
  void ReadAnswer();
  bool Done() const {
    return draining_ && sources_.empty() && !streams_[0].busy() &&
           !streams_[1].busy();
  }

  const int fd_;
  const MonotonicClock clock_;
  Stream streams_[2];
  Stream* of_[2];
  std::list<Source> sources_;
  uint32_t workers_ = 0;
  std::vector<char> buffer_;
  std::vector<pollfd> polled_;
  absl::Time now_;
  bool draining_ = false;
  bool ended_ = false;
};

void OutputHelper::Turn() {
  const bool drained_before = draining_;
  Poll();
  for (Source& source : sources_) {
    // What was polled before PID 1 said that all is written proves nothing.
    if (source.polled && draining_ == drained_before) Step(&source);
  }
  for (Stream& stream : streams_) Write(&stream);
  sources_.remove_if([](const Source& one) { return one.drained; });
  ended_ = ended_ || Done();
}

// A source whose stream is busy is not read: its pipe fills, and the process
// waits, as it would for a reader of its own.
void OutputHelper::Poll() {
  now_ = clock_.Now();
  polled_ = {{fd_, POLLIN, 0}};
  for (const Stream& stream : streams_) {
    polled_.push_back({stream.busy() ? stream.fd : -1, POLLOUT, 0});
  }
  absl::Time wake = absl::InfiniteFuture();
  for (Source& source : sources_) {
    source.polled =
        !source.stream->busy() && source.stream->merge.MayAdd(source.number);
    polled_.push_back({source.polled ? source.fd.get() : -1, POLLIN, 0});
    if (!source.polled) continue;
    wake = draining_ ? now_ : std::min(wake, source.rests_at);
  }
  const bool waited = PollFor(polled_.data(), polled_.size(), wake - now_) >= 0;
  now_ = clock_.Now();
  auto seen = polled_.begin() + 3;
  for (Source& source : sources_) {
    source.revents = (seen++)->revents;
    if (!waited) source.polled = false;
  }
  if (waited && polled_[0].revents != 0) ReadAnswer();
}

void OutputHelper::Step(Source* source) {
  // Others may have filled the stream, or begun a long line there.
  LineMerge& merge = source->stream->merge;
  if (source->stream->busy() && source->stream->out.size() >= kWriteSize) {
    Write(source->stream);
    if (source->stream->busy()) return;
  }
  if (!merge.MayAdd(source->number)) return;
  if (source->revents != 0 && Read(source)) return;
  if (draining_) {
    merge.Rest(source->number, &source->stream->out);
    source->drained = true;
  } else if (now_ >= source->rests_at) {
    merge.Rest(source->number, &source->stream->out);
    source->rests_at = absl::InfiniteFuture();
  }
}

// False if there is nothing.
bool OutputHelper::Read(Source* source) {
  const ssize_t got = ::read(source->fd.get(), buffer_.data(), buffer_.size());
  if (got < 0) return errno == EINTR;
  LineMerge& merge = source->stream->merge;
  if (got == 0) {
    // Only if PID 1 has closed its copies, since it ends.
    merge.Rest(source->number, &source->stream->out);
    source->drained = true;
    return true;
  }
  merge.Add(source->number, {buffer_.data(), static_cast<size_t>(got)},
            &source->stream->out);
  source->rests_at =
      merge.Unfinished(source->number) ? now_ + kQuiet : absl::InfiniteFuture();
  return true;
}

// As much as goes without waiting, where that can be had.
void OutputHelper::Write(Stream* stream) {
  while (stream->written < stream->out.size()) {
    iovec part = {stream->out.data() + stream->written,
                  stream->out.size() - stream->written};
    ssize_t wrote = -1;
    errno = EOPNOTSUPP;
    if (stream->waits) {
      wrote = ::pwritev2(stream->fd, &part, 1, -1, RWF_NOWAIT);
    }
    if (wrote < 0 &&
        (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)) {
      wrote = ::write(stream->fd, part.iov_base, part.iov_len);
    }
    if (wrote >= 0) {
      stream->written += static_cast<size_t>(wrote);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      Tell(stream, errno);
      break;
    }
  }
  stream->written = 0;
  stream->out.clear();
}

// A process that writes directly would be told itself, and mostly lose the line
// as well.
void OutputHelper::Tell(Stream* stream, int error) {
  if (stream->told == error) return;
  stream->told = error;
  OutputRecord record;
  record.kind = OutputRecord::Kind::kLost;
  record.number = static_cast<uint32_t>(stream->fd);
  record.error = error;
  ::send(fd_, &record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void OutputHelper::Ask() {
  OutputRecord record;
  record.number = workers_;
  // It is the only one under way, so there is room for it.
  ended_ = ::send(fd_, &record, sizeof(record), MSG_NOSIGNAL) < 0;
}

void OutputHelper::ReadAnswer() {
  OutputAnswer answer;
  iovec part = {&answer, sizeof(answer)};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t got = ::recvmsg(fd_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  int fds[2] = {-1, -1};
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  if (got > 0 && rights != nullptr &&
      rights->cmsg_len == CMSG_LEN(sizeof(fds))) {
    std::memcpy(fds, CMSG_DATA(rights), sizeof(fds));
  }
  if (got != static_cast<ssize_t>(sizeof(answer)) ||
      answer.magic != OutputAnswer::kMagic ||
      (answer.worker != 0 && fds[1] < 0)) {
    ended_ = true;  // PID 1 has closed its end
    return;
  }
  if (answer.worker == 0) {
    draining_ = true;
    return;
  }
  const std::string prefix = absl::StrCat("[", answer.worker, "] ");
  for (const int which : {0, 1}) {
    Source& source = sources_.emplace_back();
    source.fd.reset(fds[which]);
    source.stream = of_[which];
    source.number = source.stream->merge.AddSource(prefix);
  }
  ++workers_;
  Ask();
}

}  // namespace

int RunOutputHelper(int fd) {
  // Nobody may write to a terminal from the background with `stty tostop`, and
  // a reader that is gone is an error as any other.
  ::signal(SIGTTOU, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  // Two descriptors for each worker; PID 1 has more.
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  return OutputHelper(fd).Run();
}

}  // namespace reinit
