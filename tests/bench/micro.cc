// What one turn of the loop, one spawn and one reaped child cost.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "reaper/child_table.h"
#include "reaper/clock.h"
#include "reaper/event_loop.h"
#include "reaper/os.h"
#include "reaper/self/signal_mask.h"
#include "reaper/signal_source.h"

namespace reinit {
namespace {

// A turn with nothing to do but the timers that a supervisor keeps armed.
void IdleTurn(benchmark::State& state) {
  const MonotonicClock clock;
  const auto loop = *EventLoop::Create(&clock);
  std::vector<std::unique_ptr<EventLoop::Timer>> timers;
  for (int64_t i = 0; i < state.range(0); ++i) {
    timers.push_back(std::make_unique<EventLoop::Timer>(loop.get(), [] {}));
    timers.back()->ArmAfter(absl::Hours(1));
  }
  for (auto _ : state) loop->Turn(/*may_wait=*/false);
}
BENCHMARK(IdleTurn)->Arg(0)->Arg(12);

// A turn that wakes up for one byte on a pipe and reads it.
void TurnWithOneEvent(benchmark::State& state) {
  const MonotonicClock clock;
  const auto loop = *EventLoop::Create(&clock);
  int ends[2];
  if (::pipe(ends) != 0) return state.SkipWithError("pipe");
  const UniqueFd read_end(ends[0]), write_end(ends[1]);
  char byte = 'x';
  const auto watch = loop->WatchReadable(read_end.get(), [&] {
    if (::read(read_end.get(), &byte, 1) != 1) state.SkipWithError("read");
  });
  for (auto _ : state) {
    if (::write(write_end.get(), &byte, 1) != 1) state.SkipWithError("write");
    loop->Turn();
  }
}
BENCHMARK(TurnWithOneEvent);

// From fork to the end of a small program, with the news of its exec.
void SpawnAndReap(benchmark::State& state) {
  LinuxOs os;
  SpawnRequest request;
  request.argv = {"/bin/true"};
  for (auto _ : state) {
    const auto spawned = os.Spawn(request);
    int status = -1;
    if (!spawned.ok() || ::waitpid(spawned->pid, &status, 0) < 0 ||
        status != 0) {
      return state.SkipWithError("spawn");
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(SpawnAndReap)->UseRealTime();

// vfork, since copying an address space ten thousand times is not the question.
bool MakeZombie() {
  const pid_t pid = ::vfork();
  if (pid == 0) ::_exit(0);
  siginfo_t info = {};
  return pid > 0 &&
         ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0;
}

// Ten thousand that nobody knows, reaped in as many turns as that takes.
void ReapOrphans(benchmark::State& state) {
  constexpr uint64_t kCount = 10'000;
  const MonotonicClock clock;
  LinuxOs os;
  for (auto _ : state) {
    state.PauseTiming();
    const auto loop = *EventLoop::Create(&clock);
    ChildTable table(loop.get(), &os);
    for (uint64_t i = 0; i < kCount; ++i) {
      if (!MakeZombie()) return state.SkipWithError("vfork");
    }
    state.ResumeTiming();
    table.Reap();
    while (!table.none_left()) loop->Turn();
    if (table.adopted_reaped() != kCount) state.SkipWithError("lost some");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kCount));
}
BENCHMARK(ReapOrphans)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace reinit

// Ends with 1 if no benchmark ran, or one had to give up: the library's own
// main does not.
namespace {

class FailingReporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) failed_ = failed_ || run.error_occurred;
    ConsoleReporter::ReportRuns(runs);
  }
  bool failed() const { return failed_; }

 private:
  bool failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  FailingReporter reporter;
  const size_t ran = benchmark::RunSpecifiedBenchmarks(&reporter);
  return ran > 0 && !reporter.failed() ? 0 : 1;
}
