#include "reaper/passed_rights.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace reinit {
namespace {

constexpr int kPassRights = 83;  // SO_PASSRIGHTS, newer than the C library

// Where the child has the socket.
constexpr int kSocket = 3;

// A descriptor without room in the table would be closed by recvmsg().
void AllowMoreDescriptors() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

void ReceiveRightsAndStop(int socket, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(1);  // nobody would end it
  // The message stays where it is if this fails, and the parent looks again.
  if (socket != kSocket && ::dup2(socket, kSocket) < 0) ::_exit(1);
  ::syscall(SYS_close_range, kSocket + 1, ~0U, 0);
  AllowMoreDescriptors();
  char text[1];
  iovec part = {text, sizeof(text)};
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int)) +
                                CMSG_SPACE(sizeof(int) * kMostRights)];
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  if (::recvmsg(kSocket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0) {
    ::_exit(1);
  }
  ::raise(SIGSTOP);
  ::_exit(0);
}

void HoldUntilKilled(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(1);  // nobody would end it
  for (;;) ::pause();
}

void LeaveToExit(UniqueFd socket) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
      domain == AF_UNIX) {
    [[maybe_unused]] const int left_open = socket.release();
  }
}

int RefuseRights(int socket, bool refuse) {
  const int pass = refuse ? 0 : 1;
  return ::setsockopt(socket, SOL_SOCKET, kPassRights, &pass, sizeof(pass)) == 0
             ? 0
             : errno;
}

}  // namespace reinit
