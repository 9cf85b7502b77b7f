// Workers, PID 1 and the output helper as processes: the test reads what comes
// out. All of them are this program in another role.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "reaper/child_table.h"
#include "reaper/clock.h"
#include "reaper/event_loop.h"
#include "reaper/log.h"
#include "reaper/os.h"
#include "reaper/self/signal_mask.h"
#include "reaper/signal_source.h"
#include "reaper/test_process.h"
#include "reaper/unique_fd.h"
#include "supervisor/context.h"
#include "supervisor/helper/helper_process.h"
#include "supervisor/output/merged_output.h"
#include "supervisor/output/output_prefix.h"
#include "supervisor/output/output_record.h"

namespace reinit {
namespace {

constexpr std::string_view kWorkerRole = "worker";

// Writes all of it, as a program that knows nothing of pipes that are full.
bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return true;
}

// Worker `worker` writes the lines 0 to `lines` - 1 in pieces of any size.
int RunWorker(int worker, int lines) {
  std::minstd_rand random(static_cast<unsigned>(worker));
  std::string text;
  for (int index = 0; index < lines; ++index) {
    absl::StrAppend(&text, TestLine(worker, index), "\n");
    if (text.size() < 8192 && index + 1 < lines) continue;
    std::string_view left = text;
    while (!left.empty()) {
      const std::string_view piece = left.substr(0, 1 + random() % 20'000);
      if (!WriteAll(STDOUT_FILENO, piece)) return 1;
      left.remove_prefix(piece.size());
    }
    text.clear();
  }
  return 0;
}

// PID 1 without a Supervisor.
class Pid1 {
 public:
  Pid1()
      : loop_(*EventLoop::Create(&clock_)),
        children_(loop_.get(), &os_),
        context_{loop_.get(), &os_, &children_, &log_, &user_, nullptr},
        prefix_(context_) {
    const SignalState inherited = TakeOverSignals();
    user_.signals = inherited;
    signals_ = *SignalSource::Create(
        loop_.get(), [](const SignalInfo&) {}, [this] { children_.Reap(); });
  }

  void StartWorker(int worker, int lines) {
    SpawnRequest request;
    request.argv = {std::string(kWorkerRole), absl::StrCat(worker),
                    absl::StrCat(lines)};
    const UniqueFd self = OpenSelf();
    request.program_fd = self.get();
    request.as = *prefix_.ProcessOf(worker);
    const auto spawned = os_.Spawn(request);
    if (!spawned.ok()) ::_exit(100);
    ++running_;
    children_.Add(spawned->pid, [this](ExitStatus status) {
      --running_;
      if (!status.Success()) failed_ = true;
    });
  }
  void RunUntil(const std::function<bool()>& done) {
    while (!done()) loop_->Turn();
  }
  void RunUntilWorkersEnd() {
    RunUntil([this] { return running_ == 0; });
  }
  int Finish() {
    bool done = false;
    prefix_.Finish([&done] { done = true; });
    RunUntil([&done] { return done; });
    return failed_ ? 1 : 0;
  }
  bool KillHelper() {
    const pid_t pid = prefix_.helper_pid();
    return pid != 0 && os_.Send(pid, SIGKILL) == 0;
  }
  int running() const { return running_; }
  EventLoop* loop() { return loop_.get(); }
  OutputPrefix& prefix() { return prefix_; }

 private:
  const MonotonicClock clock_;
  LinuxOs os_;
  StderrLog log_{LogLevel::kError};
  UserProcess user_;
  std::unique_ptr<EventLoop> loop_;
  ChildTable children_;
  const Context context_;
  OutputPrefix prefix_;
  std::unique_ptr<SignalSource> signals_;
  int running_ = 0;
  bool failed_ = false;
};

// The bytes that this thread, the only one, has read and written by system
// calls. Those of the process include its children's.
int64_t OwnBytes() {
  std::ifstream file("/proc/thread-self/io");
  int64_t all = 0;
  std::string name;
  int64_t value = 0;
  while (file >> name >> value) {
    if (name == "rchar:" || name == "wchar:") all += value;
  }
  return all;
}

class OutputRunTest : public ::testing::Test {
 protected:
  // Runs `body` as PID 1; what it and its helper write to stdout.
  std::string Run(const std::function<int(Pid1&)>& body) {
    Pipe out;
    const pid_t pid = Fork([&] {
      ::dup2(out.write.get(), STDOUT_FILENO);
      out = Pipe();
      Pid1 pid1;
      return body(pid1);
    });
    out.write.reset();
    std::string all;
    std::vector<char> bytes(1 << 20);
    ssize_t got;
    while ((got = ::read(out.read.get(), bytes.data(), bytes.size())) > 0) {
      all.append(bytes.data(), static_cast<size_t>(got));
    }
    EXPECT_EQ(WaitStatus(pid), 0);
    return all;
  }
};

// 8 workers, 50 MB. PID 1 has no part in it.
TEST_F(OutputRunTest, AllBytesOfManyWorkersComeOut) {
  constexpr int kLines = 27'000;
  constexpr int kWorkers = 8;
  const std::string all = Run([](Pid1& pid1) {
    for (int i = 1; i <= kWorkers; ++i) pid1.StartWorker(i, kLines);
    const int64_t before = OwnBytes();
    pid1.RunUntilWorkersEnd();
    const int code = pid1.Finish();
    // Its helper's questions and its log are a few kilobytes.
    return OwnBytes() - before < 100'000 ? code : 7;
  });
  EXPECT_GT(all.size(), 45'000'000u);
  EXPECT_EQ(WhatIsWrong(all, kWorkers, kLines), "");
}

// A worker that is started while the helper is dead: its pipe has all of it.
TEST_F(OutputRunTest, NothingIsLostWhileThereIsNoHelper) {
  const std::string all = Run([](Pid1& pid1) {
    pid1.prefix().ProcessOf(1);
    pid1.prefix().ProcessOf(2);
    if (!pid1.KillHelper()) return 8;
    pid1.RunUntil([&] { return pid1.prefix().helper_pid() == 0; });
    for (const int worker : {1, 2, 3}) pid1.StartWorker(worker, 5'000);
    pid1.RunUntilWorkersEnd();
    return pid1.Finish();
  });
  EXPECT_EQ(WhatIsWrong(all, 3, 5'000), "");
}

// Killed at any time, again and again: no worker notices, and what comes after
// the last kill is whole.
TEST_F(OutputRunTest, NoWorkerNoticesThatTheHelperIsKilled) {
  const std::string all = Run([](Pid1& pid1) {
    for (const int worker : {1, 2}) pid1.StartWorker(worker, 20'000);
    int kills = 0;
    EventLoop::Timer kill(pid1.loop(), [&] {
      if (pid1.KillHelper()) ++kills;
      if (kills < 5) kill.ArmAfter(absl::Milliseconds(20));
    });
    kill.ArmAfter(absl::Milliseconds(5));
    pid1.RunUntil([&] { return kills == 5; });
    pid1.RunUntilWorkersEnd();
    pid1.StartWorker(3, 2'000);
    pid1.RunUntilWorkersEnd();
    return pid1.Finish();
  });
  std::string last;
  for (std::string_view left = all; !left.empty();) {
    const size_t end = std::min(left.find('\n'), left.size() - 1);
    const std::string_view line = left.substr(0, end + 1);
    if (absl::StartsWith(line, "[3] ")) absl::StrAppend(&last, line);
    left.remove_prefix(line.size());
  }
  // What the lines of the others are is of no account here.
  EXPECT_NE(last.find(TestLine(3, 1'999)), std::string::npos);
  EXPECT_GT(all.size(), 1'000'000u);
}

// Nobody reads stdout: reinit must end nevertheless.
TEST_F(OutputRunTest, AFullStdoutDoesNotHoldTheEnd) {
  Pipe out;
  const pid_t pid = Fork([&] {
    ::dup2(out.write.get(), STDOUT_FILENO);
    Pid1 pid1;
    // More than reinit's stdout has room for, less than that and the pipe.
    pid1.StartWorker(1, 900);
    pid1.RunUntilWorkersEnd();
    return pid1.Finish();
  });
  EXPECT_EQ(WaitStatus(pid), 0);
}

}  // namespace
}  // namespace reinit

int main(int argc, char** argv) {
  const std::string_view role = argv[0];
  if (role == absl::StrCat(reinit::kHelperPrefix, "output")) {
    return reinit::RunOutputHelper(reinit::kHelperFd);
  }
  if (role == reinit::kWorkerRole && argc == 3) {
    int worker = 0;
    int lines = 0;
    if (!absl::SimpleAtoi(argv[1], &worker)) return 2;
    if (!absl::SimpleAtoi(argv[2], &lines)) return 2;
    return reinit::RunWorker(worker, lines);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
