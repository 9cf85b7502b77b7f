// Finds the processes that belong to an instance.
#ifndef REINIT_SUPERVISOR_PROCESS_MEMBERS_H_
#define REINIT_SUPERVISOR_PROCESS_MEMBERS_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/context.h"
#include "supervisor/marks.h"

namespace reinit {

// `main`, the orphans that were handed to us, and what lives below them; or all
// processes, where the kernel does not list children. Nothing without /proc.
std::optional<std::vector<ProcessInfo>> FamilyOf(const Context& context,
                                                 pid_t main);

// The live processes of an instance whose main process is `main`, itself
// included: its descendants, and those of orphans that stand in the group or
// session `group`, or were started with `mark`. Without /proc only `main`.
// Adds, if these are not null, the orphans that hide others to `hiding`, and
// those whose marks are unknown to `unknown`: they are left out.
std::vector<pid_t> MembersOf(const Context& context, pid_t main, pid_t group,
                             std::string_view mark,
                             std::vector<pid_t>* hiding = nullptr,
                             std::vector<ProcessInfo>* unknown = nullptr);

// Whether a live orphan is one of those, or a root of theirs: one whose marks
// are unknown is not, and is added to `unknown`, if that is not null.
bool IsOrphanOf(const Context& context, const ProcessInfo& process, pid_t group,
                std::string_view mark, std::vector<ProcessInfo>* unknown);

// An orphan that ends. Its environment does not say any more whose it is, and
// its children (the daemon of a double fork) are not ours yet, or were not when
// the look came by; once it is reaped they are. One that a debugger holds is
// not: it is reaped when that pleases, and its children are ours already.
bool HidesOthers(const Context& context, const ProcessInfo& process);

// Whether `pid` is one of those, or was and waits to be reaped: a process that
// sends a message and ends at once is a zombie when the message is heard. Of an
// orphan that has ended only its group and session are known. One that its
// parent has reaped cannot be told. Nothing, if it is or descends from an
// orphan whose marks are unknown, which is added to `unknown`.
std::optional<bool> IsMember(const Context& context, pid_t pid, pid_t main,
                             pid_t group, std::string_view mark,
                             std::vector<ProcessInfo>* unknown);

// MembersOf, with all marks known that can be. Owned by who looks, on the
// loop's thread; destroying it ends the search.
class MemberSearch {
 public:
  using Then = std::function<void(const std::vector<pid_t>& members)>;

  explicit MemberSearch(const Context& context)
      : context_(context), question_(context.marks) {}

  // `then` is called once, from here or later. Ends an earlier search.
  void Find(pid_t main, pid_t group, const std::string& mark, const Then& then);
  void Cancel() { question_.Cancel(); }

  // In a storm of new orphans it does with what it has.
  static constexpr int kMostLooks = 20;

 private:
  void Look(pid_t main, pid_t group, const std::string& mark, const Then& then,
            int looks);

  const Context context_;
  Marks::Question question_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROCESS_MEMBERS_H_
