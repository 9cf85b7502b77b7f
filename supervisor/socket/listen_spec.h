// Parses what --listen asks for into plain values.
#ifndef REINIT_SUPERVISOR_SOCKET_LISTEN_SPEC_H_
#define REINIT_SUPERVISOR_SOCKET_LISTEN_SPEC_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace reinit {

// What the first one is to the process, as sd_listen_fds(3) has it; the others
// follow.
inline constexpr int kFirstPassedSocket = 3;

// One socket that reinit is to hold.
struct ListenSpec {
  enum class Kind { kTcp, kUnix, kDescriptor };
  Kind kind = Kind::kTcp;
  std::string text;  // as given
  // For LISTEN_FDNAMES and placeholders. Unless given: the port, the file's
  // name, or fdN.
  std::string name;
  bool named = false;  // the name was given

  std::string host;  // kTcp: a number, without brackets
  bool ipv6 = false;
  int port = 0;             // 0: the kernel chooses
  bool reuse_port = false;  // kTcp: one socket for each worker
  std::string path;         // kUnix: absolute
  std::optional<mode_t> mode;
  std::optional<uid_t> user;
  std::optional<gid_t> group;
  int descriptor = -1;  // kDescriptor: one that reinit was given
};

// `[NAME=]tcp://ADDRESS:PORT[?reuseport]`,
// `[NAME=]unix:/PATH[?mode=M&user=U&group=G]`, `[NAME=]fd:N`. Users and groups
// must be known now. The error says what is allowed.
absl::StatusOr<ListenSpec> ParseListenSpec(std::string_view text);

// Whether a socket may be called so: letters, digits, dash, underscore and dot.
bool IsListenName(std::string_view text);

// How a server is told of its sockets.
enum class ListenForm {
  kSystemd,        // LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES
  kNginx,          // NGINX
  kServerStarter,  // SERVER_STARTER_PORT
  kPhpFpm,         // FPM_SOCKETS
  kUnicorn,        // UNICORN_FD
  kEinhorn,        // EINHORN_FD_COUNT, EINHORN_FD_0...
  kGunicorn,       // GUNICORN_FD
};

// `systemd,nginx`, or `all`.
absl::StatusOr<std::vector<ListenForm>> ParseListenForms(std::string_view text);

std::string_view ToString(ListenForm form);

struct ListenOptions {
  std::vector<ListenSpec> sockets;
  int backlog = 4096;
  std::vector<ListenForm> forms = {ListenForm::kSystemd};
};

// One line for each of what cannot stand together; none: all is well.
std::vector<std::string> ListenConflicts(const ListenOptions& options);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_LISTEN_SPEC_H_
