#include "reaper/self/file_user.h"

#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace reinit {
namespace {

// Neither call has an error: what it is now is told by the next one.
bool SetUser(uid_t uid) {
  ::setfsuid(uid);
  return static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))) == uid;
}

bool SetGroup(gid_t gid) {
  ::setfsgid(gid);
  return static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1))) == gid;
}

}  // namespace

FileUser::FileUser(uid_t uid, gid_t gid)
    : uid_(::geteuid()), gid_(::getegid()) {
  if (uid == uid_ && gid == gid_) return;
  changed_ = true;
  parent_ = ::getppid();
  ::prctl(PR_GET_PDEATHSIG, &death_signal_, 0, 0, 0);
  dumpable_ = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  if (!SetGroup(gid) || !SetUser(uid)) SetGroup(gid_);
}

FileUser::~FileUser() {
  if (!changed_) return;
  // To the effective ones one may always return.
  SetUser(uid_);
  SetGroup(gid_);
  if (dumpable_ == 1) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (death_signal_ == 0) return;
  ::prctl(PR_SET_PDEATHSIG, death_signal_, 0, 0, 0);
  if (::getppid() != parent_) ::raise(death_signal_);  // it died meanwhile
}

}  // namespace reinit
