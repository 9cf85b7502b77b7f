// Tells whether each write after a look leaves another stamp.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_STAMP_CLOCK_H_
#define REINIT_SUPERVISOR_WATCH_TREE_STAMP_CLOCK_H_

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace reinit {

// Most kernels stamp files with a clock that ticks every 1 to 10 ms. Two writes
// within a tick that leave the same size leave the same stamp: who looks in
// between takes the second for the first.
//
// Linux 6.13 has multigrain stamps (FS_MGTIME). A stat that asks for the times
// marks the inode. The next change of a marked inode takes the time in
// nanoseconds if the tick is still the one of its stamp, and gives it to mtime
// and ctime alike. So a write after a look differs from what the look saw, and
// one that the look did see needs no second look. That holds for a kernel and a
// type of file system that have it, and for stamps that are kept in
// nanoseconds: ext4 with inodes of 128 bytes keeps seconds.
//
// User space cannot ask for FS_MGTIME, and a watched file system is not written
// to for a test. What is known instead: the release, an experiment with a file
// in memory (tmpfs has it wherever the kernel has), and the list of types. On
// anything else, such as an overlay, which shows the stamps of file systems
// that are not seen from here, stamps are taken for coarse.
struct KernelStamps {
  std::string release;  // as uname has it
  bool differ = false;  // StampsDiffer of a file in memory

  // Of this kernel.
  static KernelStamps Ask();
};
// `type`: of the file system, as mountinfo has it. `seconds_only`: a stamp with
// nothing below a second was met there.
bool FineStamps(const KernelStamps& kernel, std::string_view type,
                bool seconds_only);

// Changes a file again and again, with a look in between, and says whether each
// change left another stamp. Both calls return false on failure.
bool StampsDiffer(absl::FunctionRef<bool()> change,
                  absl::FunctionRef<bool(struct stat*)> look);
}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_STAMP_CLOCK_H_
