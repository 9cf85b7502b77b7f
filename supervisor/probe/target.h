// Parses health checks, and has the table of their schemes.
#ifndef REINIT_SUPERVISOR_PROBE_TARGET_H_
#define REINIT_SUPERVISOR_PROBE_TARGET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace reinit {

struct ProbeScheme;

struct ProbeTarget {
  enum class Kind { kHttp, kTcp, kUnix, kGrpc, kFile, kExec, kStall };
  Kind kind = Kind::kHttp;
  std::string text;            // as given, with its secrets
  std::string shown;           // for logs and status: WithoutSecrets(text)
  std::string host;            // http, tcp, grpc; IPv6 without brackets
  uint16_t port = 0;           // http, tcp, grpc
  std::string socket;          // unix, http by one: its absolute path
  std::string file;            // file: its absolute path
  absl::Duration max_age;      // file
  std::string path;            // http: path and query, at least "/"
  std::string service;         // grpc; empty: the server as a whole
  std::string method = "GET";  // http
  bool is_request = false;     // an action: the body of an error is told
  // http: lines with a CRLF at the end of each, sent beside our own. Secret.
  std::string headers = {};
  std::vector<std::string> argv;  // exec

  // What is true of all checks of its kind.
  const ProbeScheme& scheme() const;
  // Whether the probe helper does it: it runs no program of the user's and has
  // no held sockets.
  bool IsForHelper() const;
};

// One way to write a check. A new scheme is a row of the table in target.cc
// with its parser; check_run.h or probe_helper.cc then does what the row says.
struct ProbeScheme {
  enum class Checker {
    kHelper,   // the probe helper
    kCommand,  // a child of reinit runs the user's program
    kQueues,   // reinit reads the queues of the sockets that it holds
  };
  std::string_view prefix;    // "http://"; in any case of letters
  std::string_view begins;    // how a value begins, for shells that complete it
  std::string_view synopsis;  // for messages
  ProbeTarget::Kind kind;     // also that of another scheme, if all below agree
  // `rest` is without the prefix; `target` has kind and text.
  absl::StatusOr<ProbeTarget> (*parse)(std::string_view rest,
                                       ProbeTarget target);
  Checker checker = Checker::kHelper;
  bool has_status = false;     // --health-expect judges its answer
  bool only_connects = false;  // passes once the kernel has connected it
  // Why `reinit probe`, or --ready, does not take it; empty: it does.
  std::string_view not_for_probe = "";
  std::string_view not_for_ready = "";
};

// In the order in which they are shown.
absl::Span<const ProbeScheme> ProbeSchemes();

// `http://HOST[:PORT][/PATH][?QUERY]`, `http+unix://SOCKET[:PATH[?QUERY]]` (as
// in curl and Docker the socket is a file path, which may hold no colon),
// `tcp://HOST:PORT`, `unix://SOCKET`, `grpc://HOST:PORT[/SERVICE]`,
// `file:PATH?max-age=DURATION`, `exec:CMD ARGS`, `stall:` (of the sockets that
// reinit holds). The error names the text and what is wrong with it.
absl::StatusOr<ProbeTarget> ParseProbeTarget(std::string_view text);

// What of a target, a request or an action everybody may see, since the status
// is served to everybody: of exec: the program alone, of a URL neither user and
// password nor the values of its query.
std::string WithoutSecrets(std::string_view text);

// Returns `text` without what stands between a :// and the last @ of the same
// word, and without the values of a query in that word and whatever follows
// them. For messages about a URL that may not be well-formed.
std::string WithoutUrlSecrets(std::string_view text);

// `METHOD URL`, a request rather than a check: `POST http://HOST[:PORT]/PATH`
// or one by http+unix. Errors as above.
absl::StatusOr<ProbeTarget> ParseRequestTarget(std::string_view text);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_TARGET_H_
