// Finds the process that goes on in the place of one that has ended.
#ifndef REINIT_SUPERVISOR_PROCESS_SUCCESSOR_H_
#define REINIT_SUPERVISOR_PROCESS_SUCCESSOR_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "supervisor/context.h"
#include "supervisor/marks.h"

namespace reinit {

// See Instance::Event::kSucceeded. Owned by the Instance, on the loop's thread;
// destroying it ends the search.
class Successor {
 public:
  // Gets its pid, or 0.
  using Then = std::function<void(pid_t pid)>;
  // Of whom: the process that has ended, and its instance.
  struct Former {
    pid_t pid = 0;
    pid_t group = 0;
    std::string mark;
    // Whether a process may follow without having been named: if this is set
    // and true of it.
    std::function<bool(pid_t)> holds_socket;
  };

  explicit Successor(const Context& context)
      : context_(context), question_(context.marks) {}

  // The process that is to follow, if it is our child by then.
  void Name(pid_t pid) { named_ = pid; }
  // `then` is called once, from here or later.
  void Find(const Former& former, const Then& then);
  bool searching() const { return question_.waiting(); }

 private:
  pid_t Look(const Former& former, std::vector<ProcessInfo>* unknown) const;
  void Search(const Former& former, const Then& then, int looks);

  const Context context_;
  pid_t named_ = 0;
  Marks::Question question_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROCESS_SUCCESSOR_H_
