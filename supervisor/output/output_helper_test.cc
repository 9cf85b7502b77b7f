// The output helper in a process of its own; the test is its PID 1, its workers
// and the reader of its stdout and stderr.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "reaper/test_process.h"
#include "reaper/unique_fd.h"
#include "supervisor/output/merged_output.h"
#include "supervisor/output/output_record.h"

namespace reinit {
namespace {

constexpr int kDeadline = 30'000;  // ms

bool Readable(int fd, int timeout = kDeadline) {
  pollfd one = {fd, POLLIN, 0};
  return ::poll(&one, 1, timeout) == 1;
}

class OutputHelperTest : public ::testing::Test {
 protected:
  struct Worker {
    Pipe out;
    Pipe err;
  };

  ~OutputHelperTest() override {
    if (helper_ > 0) {
      EXPECT_EQ(Close(), 0);
    }
  }

  enum class Err { kOwn, kSame };
  void Start(Err err = Err::kOwn) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pid1_.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    helper_ = Fork([&] {
      pid1_.reset();
      ::dup2(out_.write.get(), STDOUT_FILENO);
      ::dup2(err == Err::kOwn ? err_.write.get() : out_.write.get(),
             STDERR_FILENO);
      for (Pipe* pipe : {&out_, &err_}) *pipe = Pipe();
      return RunOutputHelper(theirs.get());
    });
  }

  OutputRecord Next() {
    OutputRecord record;
    EXPECT_TRUE(Readable(pid1_.get()));
    EXPECT_EQ(::recv(pid1_.get(), &record, sizeof(record), 0),
              static_cast<ssize_t>(sizeof(record)));
    EXPECT_EQ(record.magic, OutputRecord::kMagic);
    return record;
  }
  void ExpectAsk(uint32_t has) {
    const OutputRecord ask = Next();
    EXPECT_EQ(ask.kind, OutputRecord::Kind::kAsk);
    EXPECT_EQ(ask.number, has);
  }
  void Give(uint32_t number, const Worker& worker) {
    OutputAnswer answer;
    answer.worker = number;
    iovec part = {&answer, sizeof(answer)};
    const int fds[2] = {worker.out.read.get(), worker.err.read.get()};
    for (const int fd : fds) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = {};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(fds));
    std::memcpy(CMSG_DATA(rights), fds, sizeof(fds));
    ASSERT_EQ(::sendmsg(pid1_.get(), &message, MSG_NOSIGNAL),
              static_cast<ssize_t>(sizeof(answer)));
  }
  void AddWorkers(uint32_t count) {
    for (uint32_t i = 1; i <= count; ++i) {
      ExpectAsk(i - 1);
      Give(i, workers_.emplace_back());
    }
    ExpectAsk(count);
  }
  void SayEnd() {
    const OutputAnswer end;
    ASSERT_EQ(::send(pid1_.get(), &end, sizeof(end), MSG_NOSIGNAL),
              static_cast<ssize_t>(sizeof(end)));
  }
  int Wait() {
    const int status = WaitStatus(helper_);
    helper_ = 0;
    return status;
  }
  int Close() {
    pid1_.reset();
    return Wait();
  }
  void Kill() {
    ASSERT_EQ(::kill(helper_, SIGKILL), 0);
    EXPECT_TRUE(WIFSIGNALED(Wait()));
  }

  static void Write(const Pipe& pipe, std::string_view text) {
    ASSERT_EQ(::write(pipe.write.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  // The next bytes of that stream, as many as `text` has.
  static void Expect(const Pipe& pipe, std::string_view text) {
    std::string got(text.size(), '\0');
    size_t size = 0;
    while (size < got.size() && Readable(pipe.read.get())) {
      const ssize_t more =
          ::read(pipe.read.get(), got.data() + size, got.size() - size);
      ASSERT_GT(more, 0);
      size += static_cast<size_t>(more);
    }
    EXPECT_EQ(got.substr(0, size), text);
  }
  static std::string ReadRest(Pipe* pipe) {
    pipe->write.reset();
    std::string all;
    char bytes[65536];
    ssize_t got;
    while ((got = ::read(pipe->read.get(), bytes, sizeof(bytes))) > 0) {
      all.append(bytes, static_cast<size_t>(got));
    }
    return all;
  }

  Pipe out_;
  Pipe err_;
  UniqueFd pid1_;
  std::list<Worker> workers_;
  pid_t helper_ = 0;
};

TEST_F(OutputHelperTest, CopiesEachStreamToItsOwn) {
  Start();
  AddWorkers(2);
  Write(workers_.front().out, "one\n");
  Expect(out_, "[1] one\n");
  Write(workers_.back().err, "bad\n");
  Expect(err_, "[2] bad\n");
  Write(workers_.back().out, "two\nthree\n\n");
  Expect(out_, "[2] two\n[2] three\n[2] \n");
}

TEST_F(OutputHelperTest, OneThatIsAddedLaterIsReadToo) {
  Start();
  AddWorkers(1);
  Write(workers_.front().out, "one\n");
  Expect(out_, "[1] one\n");
  Give(7, workers_.emplace_back());
  ExpectAsk(2);
  Write(workers_.back().out, "new\n");
  Expect(out_, "[7] new\n");
}

TEST_F(OutputHelperTest, AnUnfinishedLineIsShown) {
  Start();
  AddWorkers(2);
  Write(workers_.front().out, "name: ");
  Expect(out_, "[1] name: ");
  Write(workers_.front().out, "me\n");
  Expect(out_, "me\n");
  Write(workers_.front().out, "name: ");
  Expect(out_, "[1] name: ");
  Write(workers_.back().out, "two\n");
  Expect(out_, "\n[2] two\n");
}

// Two streams that are one file: a line of one must not get into the other's.
TEST_F(OutputHelperTest, StdoutAndStderrThatAreOneFileDoNotMix) {
  Start(Err::kSame);
  AddWorkers(1);
  Write(workers_.front().out, "name: ");
  Expect(out_, "[1] name: ");
  Write(workers_.front().err, "bad\n");
  Expect(out_, "\n[1] bad\n");
}

TEST_F(OutputHelperTest, DrainsThePipesAndEnds) {
  Start();
  ExpectAsk(0);
  Worker& first = workers_.emplace_back();
  Worker& second = workers_.emplace_back();
  Write(first.out, "one\ntwo");
  Write(second.err, std::string(60'000, 'x'));
  Give(1, first);
  ExpectAsk(1);
  Give(2, second);
  ExpectAsk(2);
  SayEnd();
  // Their writers are still there, as a process that was left behind may be.
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(ReadRest(&out_), "[1] one\n[1] two");
  EXPECT_EQ(ReadRest(&err_), absl::StrCat("[2] ", std::string(60'000, 'x')));
}

TEST_F(OutputHelperTest, EndsAtOnceIfThereIsNothing) {
  Start();
  ExpectAsk(0);
  SayEnd();
  EXPECT_EQ(Wait(), 0);
}

TEST_F(OutputHelperTest, ANewOneGoesOnWhereAKilledOneWas) {
  Start();
  AddWorkers(1);
  Write(workers_.front().out, "one\n");
  Expect(out_, "[1] one\n");
  Kill();
  // Nobody reads; and the writer does not know.
  Write(workers_.front().out, std::string(50'000, 'x'));
  Write(workers_.front().out, "\n");
  Start();
  ExpectAsk(0);
  Give(1, workers_.front());
  Expect(out_, absl::StrCat("[1] ", std::string(50'000, 'x'), "\n"));
}

// The twin: if PID 1 had closed its copy of the read end, the writer would be
// told, and most programs end then.
TEST_F(OutputHelperTest, OnlyBecausePid1KeepsTheReadEnd) {
  Start();
  AddWorkers(1);
  Kill();
  workers_.front().out.read.reset();
  ::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(::write(workers_.front().out.write.get(), "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::signal(SIGPIPE, SIG_DFL);
}

TEST_F(OutputHelperTest, AReaderThatIsSlowHoldsOnlyItsOwnStream) {
  Start();
  AddWorkers(1);
  const int writer = workers_.front().out.write.get();
  ::fcntl(writer, F_SETFL, O_NONBLOCK);
  // Until all is full: both pipes and what the helper has. Nobody reads stdout.
  std::string line(999, 'x');
  line += '\n';
  size_t written = 0;
  pollfd full = {writer, POLLOUT, 0};
  while (::poll(&full, 1, 200) == 1) {
    const ssize_t got = ::write(writer, line.data(), line.size());
    if (got > 0) written += static_cast<size_t>(got);
  }
  // The process waits, as it would without the helper.
  EXPECT_LT(written, size_t{2} << 20);
  Write(workers_.front().err, "still here\n");
  Expect(err_, "[1] still here\n");
  // And nothing of it is lost.
  std::string all;
  char bytes[65536];
  while (all.size() < written && Readable(out_.read.get(), 1000)) {
    const ssize_t got = ::read(out_.read.get(), bytes, sizeof(bytes));
    if (got <= 0) break;
    all.append(bytes, static_cast<size_t>(got));
  }
  EXPECT_GE(all.size(), written);
}

TEST_F(OutputHelperTest, SaysThatNobodyReads) {
  Start();
  AddWorkers(1);
  out_.read.reset();
  out_.write.reset();
  Write(workers_.front().out, "lost\n");
  const OutputRecord record = Next();
  EXPECT_EQ(record.kind, OutputRecord::Kind::kLost);
  EXPECT_EQ(record.number, 1u);
  EXPECT_EQ(record.error, EPIPE);
  // Once, and the other stream goes on.
  Write(workers_.front().out, "lost\n");
  Write(workers_.front().err, "bad\n");
  Expect(err_, "[1] bad\n");
  EXPECT_FALSE(Readable(pid1_.get(), 0));
}

TEST_F(OutputHelperTest, EndsOnAnAnswerThatIsNone) {
  Start();
  ExpectAsk(0);
  ASSERT_EQ(::send(pid1_.get(), "what?", 5, MSG_NOSIGNAL), 5);
  EXPECT_EQ(Wait(), 0);
}

TEST(WhatIsWrongTest, FindsWhatIsWrong) {
  std::string good;
  for (const int worker : {1, 2}) {
    for (const int index : {0, 1, 2}) {
      absl::StrAppend(&good, "[", worker, "] ", TestLine(worker, index), "\n");
    }
  }
  EXPECT_EQ(WhatIsWrong(good, 2, 3), "");
  EXPECT_NE(WhatIsWrong(good, 2, 4), "");
  EXPECT_NE(WhatIsWrong(good, 3, 3), "");
  for (size_t at = 0; at < good.size(); ++at) {
    std::string less = good;
    less.erase(at, 1);
    EXPECT_NE(WhatIsWrong(less, 2, 3), "") << at;
  }
}

}  // namespace
}  // namespace reinit
