// Small files that others read: the ready file, the last words.
#ifndef REINIT_SUPERVISOR_SIDE_FILE_H_
#define REINIT_SUPERVISOR_SIDE_FILE_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "supervisor/context.h"

namespace reinit {

// A file that is written and removed by short-lived children of ours: its file
// system may hang (NFS, FUSE), and PID 1 must not. One at a time, and of what
// is asked for meanwhile the last counts. Owned by who has something to say; on
// the loop's thread. Destroying it leaves a child that is at work to itself.
class SideFile {
 public:
  // Gets 0, an errno, or ETIMEDOUT where the file system hangs; once for each
  // request that was not overtaken by another. May come from within it.
  using OnDone = std::function<void(int error)>;

  SideFile(const Context& context, std::string path, OnDone done);
  ~SideFile();
  SideFile(const SideFile&) = delete;
  SideFile& operator=(const SideFile&) = delete;

  // Replaces its content with the first 4096 bytes of `text` (Kubernetes takes
  // no more). Waits for no reader, if it is a fifo.
  void Write(std::string text);
  // One that is not there is no error.
  void Remove();

  static const char* ErrorText(int error);  // of OnDone

  // How long a child may take.
  static constexpr absl::Duration kPatience = absl::Seconds(2);

 private:
  struct Request {
    bool remove = false;
    std::string text;
  };
  void Ask(Request request);
  void StartNext();
  void OnEnd(int error);

  const Context context_;
  const std::string path_;
  const OnDone done_;
  std::optional<Request> next_;
  pid_t pid_ = 0;  // at work
  EventLoop::Timer deadline_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SIDE_FILE_H_
