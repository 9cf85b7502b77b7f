// Resolves host names to addresses, without ever waiting for a name server.
#ifndef REINIT_SUPERVISOR_PROBE_RESOLVER_H_
#define REINIT_SUPERVISOR_PROBE_RESOLVER_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reaper/unique_fd.h"

namespace reinit {

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
};

// What needs no look-up: a numeric address, or "localhost", which a scratch
// image without /etc/hosts does not know. Empty for any other host.
std::vector<Address> KnownAddresses(const std::string& host, uint16_t port);

// Fills at most kMaxFound addresses (port 0) and returns their number, or a
// negative EAI_ error. May block for as long as it likes.
using LookupFn = int (*)(const char* host, sockaddr_storage* found);
inline constexpr int kMaxFound = 8;

// getaddrinfo by files and DNS only, whatever the image's nsswitch.conf says: a
// static binary would load the modules of another libc.
int SystemLookup(const char* host, sockaddr_storage* found);

// One look-up in a process of its own, since getaddrinfo can neither be given a
// deadline nor be stopped. Destroying this object ends the process.
class Resolver {
 public:
  static absl::StatusOr<std::unique_ptr<Resolver>> Start(
      const std::string& host, uint16_t port, LookupFn lookup);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Readable once Finish will not block.
  int fd() const { return pipe_.get(); }

  // The addresses, at least one, or why there is none. Call once.
  absl::StatusOr<std::vector<Address>> Finish();

 private:
  Resolver(pid_t pid, UniqueFd pipe, uint16_t port)
      : pid_(pid), pipe_(std::move(pipe)), port_(port) {}

  const pid_t pid_;
  const UniqueFd pipe_;
  const uint16_t port_;
  bool ended_ = false;  // it is exiting by itself
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_RESOLVER_H_
