// Writes small files that others read: the ready file, the last words.
#ifndef REINIT_SUPERVISOR_SIDE_SIDE_FILE_H_
#define REINIT_SUPERVISOR_SIDE_SIDE_FILE_H_

#include <functional>
#include <optional>
#include <string>

#include "supervisor/context.h"
#include "supervisor/side/side_child.h"

namespace reinit {

// A file that is written and removed by children, since its file system may
// hang. One at a time, and of what is asked for meanwhile the last counts.
// Owned by who has something to say; on the loop's thread. Destroying it leaves
// a child that is at work to itself.
class SideFile {
 public:
  // Gets what SideChild::OnDone gets; once for each request that was not
  // overtaken by another. May come from within it.
  using OnDone = SideChild::OnDone;

  SideFile(const Context& context, std::string path, OnDone done);
  SideFile(const SideFile&) = delete;
  SideFile& operator=(const SideFile&) = delete;

  // An empty file takes the place of whatever is there, a link as well.
  void Make();
  // Replaces its content with the first 4096 bytes of `text` (Kubernetes takes
  // no more); the file stays the same one. Adds to a file that /proc leads to
  // (/dev/stderr) or that stdout or stderr have open. Waits for no reader, if
  // it is a fifo. Follows no link that another user made (ELOOP), and leaves a
  // file with several names alone (EMLINK).
  void Write(std::string text);
  // One that is not there is no error.
  void Remove();
  // A child is at work; it has a deadline (SideChild::kPatience).
  bool busy() const { return child_.busy(); }

  static std::string ErrorText(int error);  // of OnDone

 private:
  struct Request {
    enum class What { kMake, kWrite, kRemove } what = What::kRemove;
    std::string text;
  };
  void Ask(Request request);
  void StartNext();
  void OnEnd(int error);

  const std::string path_;
  const OnDone done_;
  std::optional<Request> next_;
  SideChild child_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SIDE_SIDE_FILE_H_
