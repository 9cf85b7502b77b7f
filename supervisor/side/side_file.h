// Small files that others read: the ready file, the last words.
#ifndef REINIT_SUPERVISOR_SIDE_FILE_H_
#define REINIT_SUPERVISOR_SIDE_FILE_H_

#include <functional>
#include <optional>
#include <string>

#include "supervisor/context.h"
#include "supervisor/side_child.h"

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

  // Replaces its content with the first 4096 bytes of `text` (Kubernetes takes
  // no more). Waits for no reader, if it is a fifo.
  void Write(std::string text);
  // One that is not there is no error.
  void Remove();

 private:
  struct Request {
    bool remove = false;
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

#endif  // REINIT_SUPERVISOR_SIDE_FILE_H_
