// A health check as the user wrote it, parsed.
#ifndef REINIT_SUPERVISOR_PROBE_TARGET_H_
#define REINIT_SUPERVISOR_PROBE_TARGET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace reinit {

struct ProbeTarget {
  enum class Kind { kHttp, kTcp, kUnix, kGrpc, kFile, kExec, kStall };
  Kind kind = Kind::kHttp;
  std::string text;               // as given: for messages
  std::string host;               // http, tcp, grpc; IPv6 without brackets
  uint16_t port = 0;              // http, tcp, grpc
  std::string socket;             // unix, http by one: its absolute path
  std::string file;               // file: its absolute path
  absl::Duration max_age;         // file
  std::string path;               // http: path and query, at least "/"
  std::string service;            // grpc; empty: the server as a whole
  std::string method = "GET";     // http
  std::vector<std::string> argv;  // exec

  // What the probe helper can do: no program of the user's runs there, and the
  // held sockets are not there.
  bool IsForHelper() const {
    return kind != Kind::kExec && kind != Kind::kStall;
  }
};

// `http://HOST[:PORT][/PATH][?QUERY]`, `http+unix://SOCKET[:PATH[?QUERY]]` (as
// in curl and Docker the socket is a file path, which may hold no colon),
// `tcp://HOST:PORT`, `unix://SOCKET`, `grpc://HOST:PORT[/SERVICE]`,
// `file:PATH?max-age=DURATION`, `exec:CMD ARGS`, `stall:` (of the sockets that
// reinit holds). The error names the text and what is wrong with it.
absl::StatusOr<ProbeTarget> ParseProbeTarget(std::string_view text);

// `METHOD URL`, a request rather than a check: `POST http://HOST[:PORT]/PATH`
// or one by http+unix. Errors as above.
absl::StatusOr<ProbeTarget> ParseRequestTarget(std::string_view text);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_TARGET_H_
