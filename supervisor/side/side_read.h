// Reads files that the user named, in a child.
#ifndef REINIT_SUPERVISOR_SIDE_SIDE_READ_H_
#define REINIT_SUPERVISOR_SIDE_SIDE_READ_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "supervisor/context.h"
#include "supervisor/side/side_child.h"

namespace reinit {

// Reads by a child, since the file system may hang. Owned by who wants the
// text; on the loop's thread. As a SideChild in all else.
class SideRead {
 public:
  // Gets the text; or FailedPrecondition with the words of what `work` has
  // returned, DeadlineExceeded where it hangs, Unavailable where no child was
  // to be had. Once for each Start, from within it or later.
  using OnDone = std::function<void(absl::StatusOr<std::string>)>;

  explicit SideRead(const Context& context) : child_(context) {}

  // `work` runs in the child. To be called only when not busy.
  void Start(absl::FunctionRef<absl::StatusOr<std::string>()> work,
             OnDone done);
  bool busy() const { return child_.busy(); }
  void Cancel();

  // Bytes that a text may have; a longer one is an error.
  static constexpr size_t kMost = 8 << 20;

 private:
  // Shared with the child, so that there is no end of a pipe to be watched.
  // Only what is written takes memory.
  struct Answer {
    bool ok;
    size_t size;
    char text[kMost];
  };
  struct Unmap {
    void operator()(Answer* answer) const;
  };

  SideChild child_;
  std::unique_ptr<Answer, Unmap> answer_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SIDE_SIDE_READ_H_
