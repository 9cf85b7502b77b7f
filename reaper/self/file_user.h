// Opens files as another user, for a moment.
#ifndef REINIT_REAPER_SELF_FILE_USER_H_
#define REINIT_REAPER_SELF_FILE_USER_H_

#include <sys/types.h>

namespace reinit {

// While this lives, the calling thread opens files, and looks at what the
// kernel guards like files, as this user and group; it signals and starts
// processes as before. For /proc: what a process has open is shown to its own
// user, or to who has CAP_SYS_PTRACE, which containers lack by default. A
// process that has only changed its user, without an exec since, is closed to
// that user too.
//
// Needs CAP_SETUID and CAP_SETGID; without them, and for the user that it is
// already, nothing changes. The kernel takes such a change for one that guards
// secrets: it forgets the parent death signal and makes the process not
// dumpable; both are put back. Not to be nested; on the stack, and for no
// longer than a few calls.
class FileUser {
 public:
  FileUser(uid_t uid, gid_t gid);
  ~FileUser();
  FileUser(const FileUser&) = delete;
  FileUser& operator=(const FileUser&) = delete;

 private:
  const uid_t uid_;  // to go back to
  const gid_t gid_;
  bool changed_ = false;
  pid_t parent_ = 0;
  int death_signal_ = 0;
  int dumpable_ = 0;
};

}  // namespace reinit

#endif  // REINIT_REAPER_SELF_FILE_USER_H_
