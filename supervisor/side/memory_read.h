// Reads the memory of other processes in short-lived children.
#ifndef REINIT_SUPERVISOR_SIDE_MEMORY_READ_H_
#define REINIT_SUPERVISOR_SIDE_MEMORY_READ_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "supervisor/context.h"
#include "supervisor/side/side_child.h"

namespace reinit {

// The environment and the arguments of a process are its memory. To read them
// waits for as long as that process likes: for a lock that one of its threads
// holds, or for a file system that does not answer. So a child of ours reads
// one process after the other. When it has taken longer than kSlow, the next
// child goes on with the other processes, and after SideChild::kPatience the
// process at which the first one stands is given up. Without a child (the limit
// of processes is reached) it tries again for as long. Owned by the user of the
// texts, on the loop's thread; destroying it leaves its children to themselves.
class MemoryRead {
 public:
  // A pid and its start time, which name one process.
  using Key = std::pair<pid_t, uint64_t>;
  struct Result {
    Key process;
    std::optional<std::string> text;  // nothing: it could not be read
    bool hangs = false;               // given up
  };
  // Runs in a child, and may hang. At most kMostText bytes count.
  using Work = std::function<std::optional<std::string>(pid_t pid)>;
  // Gets what is known by now; from the loop, never from within Ask.
  using OnRead = std::function<void(const std::vector<Result>& results)>;

  MemoryRead(const Context& context, Work work, OnRead on_read);
  MemoryRead(const MemoryRead&) = delete;
  MemoryRead& operator=(const MemoryRead&) = delete;
  ~MemoryRead();

  // Asks for one more text, once for each process at a time. Beyond kMost
  // processes that are not answered yet it does nothing: `on_read` comes for
  // these, and then the caller asks again.
  void Ask(const ProcessInfo& process);

  static constexpr size_t kMost = 1024;
  static constexpr size_t kMostText = 4096;
  static constexpr size_t kReaders = 8;
  static constexpr absl::Duration kSlow = absl::Milliseconds(50);

 private:
  struct Slot;
  // Shared with the children. Only what is written takes memory.
  struct Unmap {
    void operator()(Slot* slots) const;
  };

  bool Map();
  void Begin();
  SideChild* FreeReader(int* number);
  int Read(int reader);
  void OnEnd(int reader, int error);
  void GiveUpWaiting(std::vector<Result>* results);
  void Collect(int reader, bool hangs, std::vector<Result>* results);
  void Answer(size_t at, Result result, std::vector<Result>* results);

  const Context context_;
  const Work work_;
  const OnRead on_read_;
  std::unique_ptr<Slot[], Unmap> slots_;
  size_t used_ = 0;              // slots from here on are free
  std::map<Key, size_t> asked_;  // their slots
  std::vector<Key> refused_;     // for lack of memory
  std::vector<std::unique_ptr<SideChild>> readers_;
  // Since then no child has read anything; InfiniteFuture: the last one has.
  absl::Time idle_since_ = absl::InfiniteFuture();
  int active_ = -1;         // the reader that has not been slow yet; -1: none
  EventLoop::Timer begin_;  // at once
  EventLoop::Timer slow_;   // of the active reader
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SIDE_MEMORY_READ_H_
