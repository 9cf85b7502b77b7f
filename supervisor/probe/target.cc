#include "supervisor/probe/target.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "supervisor/value/duration_text.h"
#include "supervisor/value/words.h"

namespace reinit {
namespace {

constexpr std::string_view kMethods[] = {"GET", "POST", "PUT", "PATCH",
                                         "DELETE"};

// A request line must fit a server's usual limit of 8 KiB.
constexpr size_t kMaxUrl = 4096;
// Of a DNS name (RFC 1035), which is longer than any address.
constexpr size_t kMaxHost = 253;

// A password goes into no message.
std::string WithoutUser(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const size_t begin = scheme + 3;
  const std::string_view authority = url.substr(
      begin, std::min(url.find_first_of("/?", begin), url.size()) - begin);
  const size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  return absl::StrCat(url.substr(0, begin), url.substr(begin + at + 1));
}

absl::Status Refused(std::string_view given, std::string_view why) {
  constexpr size_t kShown = 200;
  // In this order: as long as it is no URL, a password may hold a / or a ?.
  const std::string text = WithoutSecrets(WithoutUrlSecrets(given));
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", absl::Utf8SafeCHexEscape(std::string_view(text).substr(0, kShown)),
      text.size() > kShown ? "..." : "", "\": ", why));
}

bool IsIpv6(const std::string& host) {
  in6_addr unused;
  return inet_pton(AF_INET6, host.c_str(), &unused) == 1;
}

bool IsIpv4(const std::string& host) {
  in_addr unused;
  return inet_pton(AF_INET, host.c_str(), &unused) == 1;
}

// A name, or an IPv4 address; underscores occur in compose service names.
std::optional<std::string_view> ProblemWithName(const std::string& host) {
  if (host.empty()) return "the host is missing";
  if (host.size() > kMaxHost) return "the host is too long";
  bool digits_and_dots = true;
  for (const char c : host) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '.' && c != '_') {
      return "the host may hold letters, digits, '-', '.' and '_' only "
             "(an IPv6 address stands in brackets)";
    }
    digits_and_dots = digits_and_dots && (absl::ascii_isdigit(c) || c == '.');
  }
  if (host.front() == '.' || host.front() == '-' ||
      absl::StrContains(host, "..")) {
    return "the host is not a name";
  }
  // Else the resolver would read 127.1 or 010.0.0.1 in ways nobody expects.
  if (digits_and_dots && !IsIpv4(host)) {
    return "the host is not an IPv4 address";
  }
  return std::nullopt;
}

// 1 to 65535 in decimal digits and nothing else: no sign, no blanks.
std::optional<uint16_t> ParsePort(std::string_view digits) {
  if (digits.empty() || digits.size() > 5) return std::nullopt;
  uint32_t port = 0;
  for (const char c : digits) {
    if (!absl::ascii_isdigit(c)) return std::nullopt;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  if (port == 0 || port > 65535) return std::nullopt;
  return static_cast<uint16_t>(port);
}

// Fills host and port from `HOST[:PORT]`; without a port it stays as it is.
absl::Status ParseAuthority(std::string_view authority, ProbeTarget& target) {
  if (absl::StrContains(authority, '@')) {
    return Refused(target.text,
                   "a user name or password is not supported here; an http: "
                   "action takes them from --on-change-auth-file");
  }
  std::string_view rest;  // ":PORT" or nothing
  if (absl::StartsWith(authority, "[")) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) {
      return Refused(target.text, "']' is missing");
    }
    target.host = std::string(authority.substr(1, end - 1));
    rest = authority.substr(end + 1);
    if (!IsIpv6(target.host)) {
      return Refused(target.text, "not an IPv6 address between the brackets");
    }
  } else {
    const size_t colon = authority.find(':');
    target.host = std::string(authority.substr(0, colon));
    if (colon != std::string_view::npos) rest = authority.substr(colon);
    if (auto problem = ProblemWithName(target.host)) {
      return Refused(target.text, *problem);
    }
  }
  if (rest.empty()) return absl::OkStatus();
  const auto port = ParsePort(rest.substr(1));
  if (rest.front() != ':' || !port.has_value()) {
    return Refused(target.text, "the port must be a number from 1 to 65535");
  }
  target.port = *port;
  return absl::OkStatus();
}

// Blanks and control characters would split the request line, and bytes over
// 126 are not allowed in a URL: the user must write %XX.
absl::Status CheckUrlBytes(std::string_view text) {
  if (text.size() > kMaxUrl) return Refused(text, "longer than 4096 bytes");
  for (const char c : text) {
    if (!absl::ascii_isgraph(c)) {
      return Refused(text,
                     "blanks, control characters and bytes beyond ASCII must "
                     "be written as %XX");
    }
  }
  if (absl::StrContains(text, '#')) {
    return Refused(text, "a fragment (#...) is never sent to a server");
  }
  return absl::OkStatus();
}

absl::StatusOr<ProbeTarget> ParseHttp(std::string_view rest,
                                      ProbeTarget target) {
  target.port = 80;
  if (absl::Status s = CheckUrlBytes(target.text); !s.ok()) return s;
  const size_t end = rest.find_first_of("/?");
  if (absl::Status s = ParseAuthority(rest.substr(0, end), target); !s.ok()) {
    return s;
  }
  if (end == std::string_view::npos) {
    target.path = "/";
  } else {
    target.path = absl::StrCat(rest[end] == '?' ? "/" : "", rest.substr(end));
  }
  return target;
}

absl::StatusOr<ProbeTarget> ParseTcp(std::string_view rest,
                                     ProbeTarget target) {
  if (absl::Status s = CheckUrlBytes(target.text); !s.ok()) return s;
  absl::ConsumeSuffix(&rest, "/");  // tcp://db:5432/ is common
  if (rest.find_first_of("/?") != std::string_view::npos) {
    return Refused(target.text, "a tcp check has no path");
  }
  if (absl::Status s = ParseAuthority(rest, target); !s.ok()) return s;
  if (target.port == 0) return Refused(target.text, "the port is missing");
  return target;
}

absl::StatusOr<ProbeTarget> ParseGrpc(std::string_view rest,
                                      ProbeTarget target) {
  if (absl::Status s = CheckUrlBytes(target.text); !s.ok()) return s;
  const size_t end = std::min(rest.find('/'), rest.size());
  target.service = std::string(rest.substr(end));
  if (!target.service.empty()) target.service.erase(0, 1);
  if (target.service.find_first_of("/?%") != std::string::npos) {
    return Refused(target.text,
                   "behind the slash stands the name of a service, such as "
                   "my.package.Service");
  }
  if (absl::Status s = ParseAuthority(rest.substr(0, end), target); !s.ok()) {
    return s;
  }
  if (target.port == 0) return Refused(target.text, "the port is missing");
  return target;
}

absl::Status ParseSocket(std::string_view path, ProbeTarget& target) {
  if (path.empty() || path.front() != '/') {
    return Refused(target.text, "the socket must be an absolute path");
  }
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Refused(target.text, "the socket's path is longer than 107 bytes");
  }
  target.socket = std::string(path);
  return absl::OkStatus();
}

absl::StatusOr<ProbeTarget> ParseUnix(std::string_view rest,
                                      ProbeTarget target) {
  if (absl::Status s = CheckUrlBytes(target.text); !s.ok()) return s;
  if (absl::Status s = ParseSocket(rest, target); !s.ok()) return s;
  return target;
}

absl::StatusOr<ProbeTarget> ParseHttpUnix(std::string_view rest,
                                          ProbeTarget target) {
  target.host = "localhost";
  target.port = 80;
  target.path = "/";
  if (absl::Status s = CheckUrlBytes(target.text); !s.ok()) return s;
  const size_t colon = rest.find(':');
  if (colon != std::string_view::npos) {
    target.path = std::string(rest.substr(colon + 1));
    if (target.path.empty() || target.path.front() != '/') {
      return Refused(target.text, "behind the colon stands a path like /ready");
    }
  }
  if (absl::Status s = ParseSocket(rest.substr(0, colon), target); !s.ok()) {
    return s;
  }
  return target;
}

// From the end: a path may hold a question mark, and any other byte.
absl::StatusOr<ProbeTarget> ParseFile(std::string_view rest,
                                      ProbeTarget target) {
  constexpr std::string_view kMaxAge = "?max-age=";
  const size_t end = rest.rfind(kMaxAge);
  if (end == std::string_view::npos) {
    return Refused(target.text,
                   "?max-age= is missing: file:/run/alive?max-age=30s");
  }
  target.file = std::string(rest.substr(0, end));
  if (target.file.empty() || target.file.front() != '/') {
    return Refused(target.text, "the file must be an absolute path");
  }
  if (target.file.size() >= PATH_MAX || absl::StrContains(target.file, '\0')) {
    return Refused(target.text, "no file can have such a path");
  }
  auto max_age = ParseDuration(rest.substr(end + kMaxAge.size()));
  if (!max_age.ok()) {
    return Refused(target.text,
                   absl::StrCat("max-age: ", max_age.status().message()));
  }
  if (*max_age <= absl::ZeroDuration() ||
      *max_age == absl::InfiniteDuration()) {
    return Refused(target.text, "max-age must be more than 0 and finite");
  }
  target.max_age = *max_age;
  return target;
}

absl::StatusOr<ProbeTarget> ParseExec(std::string_view rest,
                                      ProbeTarget target) {
  auto words = SplitWords(rest);
  if (!words.ok()) return Refused(target.text, words.status().message());
  target.argv = *std::move(words);
  return target;
}

absl::StatusOr<ProbeTarget> ParseStall(std::string_view rest,
                                       ProbeTarget target) {
  if (!rest.empty()) {
    return Refused(target.text,
                   "nothing stands behind stall:, which is about every socket "
                   "of --listen");
  }
  return target;
}

using Kind = ProbeTarget::Kind;
using Checker = ProbeScheme::Checker;

constexpr ProbeScheme kSchemes[] = {
    {.prefix = "http://",
     .begins = "http://",
     .synopsis = "http://HOST[:PORT][/PATH]",
     .kind = Kind::kHttp,
     .parse = ParseHttp,
     .has_status = true},
    {.prefix = "http+unix://",
     .begins = "http+unix:///",
     .synopsis = "http+unix://SOCKET[:PATH]",
     .kind = Kind::kHttp,
     .parse = ParseHttpUnix,
     .has_status = true},
    {.prefix = "tcp://",
     .begins = "tcp://",
     .synopsis = "tcp://HOST:PORT",
     .kind = Kind::kTcp,
     .parse = ParseTcp,
     .only_connects = true},
    {.prefix = "unix://",
     .begins = "unix:///",
     .synopsis = "unix://SOCKET",
     .kind = Kind::kUnix,
     .parse = ParseUnix,
     .only_connects = true},
    {.prefix = "grpc://",
     .begins = "grpc://",
     .synopsis = "grpc://HOST:PORT[/SERVICE]",
     .kind = Kind::kGrpc,
     .parse = ParseGrpc},
    {.prefix = "file:",
     .begins = "file:/",
     .synopsis = "file:PATH?max-age=DURATION",
     .kind = Kind::kFile,
     .parse = ParseFile,
     .not_for_probe =
         "only what is asked over a socket; one look at a file tells nothing"},
    {.prefix = "exec:",
     .begins = "exec:",
     .synopsis = "exec:CMD",
     .kind = Kind::kExec,
     .parse = ParseExec,
     .checker = Checker::kCommand,
     .not_for_probe =
         "only what is asked over a socket; run the command itself instead"},
    {.prefix = "stall:",
     .begins = "stall:",
     .synopsis = "stall:",
     .kind = Kind::kStall,
     .parse = ParseStall,
     .checker = Checker::kQueues,
     .not_for_probe =
         "only for --health: it is about the sockets that reinit holds",
     .not_for_ready = "stall: is for --health; whether the process accepts at "
                      "all is --ready=accept"},
};

std::string Allowed() {
  std::string out = "allowed are ";
  for (const ProbeScheme& scheme : kSchemes) {
    const bool first = &scheme == std::begin(kSchemes);
    const bool last = &scheme == std::prev(std::end(kSchemes));
    absl::StrAppend(&out, first ? "" : last ? " and " : ", ", scheme.synopsis);
  }
  return out;
}

// Schemes are not case-sensitive (RFC 3986).
bool ConsumeScheme(std::string_view& text, std::string_view scheme) {
  if (!absl::StartsWithIgnoreCase(text, scheme)) return false;
  text.remove_prefix(scheme.size());
  return true;
}

absl::StatusOr<ProbeTarget> ParseByScheme(std::string_view text) {
  ProbeTarget target;
  target.text = std::string(text);
  std::string_view rest = text;
  for (const ProbeScheme& scheme : kSchemes) {
    if (!ConsumeScheme(rest, scheme.prefix)) continue;
    target.kind = scheme.kind;
    return scheme.parse(rest, std::move(target));
  }
  if (ConsumeScheme(rest, "https://")) {
    return Refused(text,
                   "reinit speaks no TLS; check a plain port, or use exec: "
                   "with a program that does");
  }
  return Refused(text, Allowed());
}

// `?KEY=VALUE&...`, where a part without = may be a token as well.
std::string WithoutValues(std::string_view query) {
  std::vector<std::string> parts;
  for (const std::string_view part : absl::StrSplit(query.substr(1), '&')) {
    const size_t equals = part.find('=');
    const size_t kept = equals == std::string_view::npos ? 0 : equals + 1;
    parts.push_back(
        absl::StrCat(part.substr(0, kept), kept == part.size() ? "" : "***"));
  }
  return absl::StrCat("?", absl::StrJoin(parts, "&"));
}

}  // namespace

absl::Span<const ProbeScheme> ProbeSchemes() { return kSchemes; }

const ProbeScheme& ProbeTarget::scheme() const {
  return *std::find_if(
      std::begin(kSchemes), std::end(kSchemes),
      [this](const ProbeScheme& one) { return one.kind == kind; });
}

bool ProbeTarget::IsForHelper() const {
  return scheme().checker == ProbeScheme::Checker::kHelper;
}

std::string WithoutSecrets(std::string_view text) {
  std::string_view rest = text;
  if (ConsumeScheme(rest, "exec:")) {
    const auto words = SplitWords(rest);
    const bool known = words.ok() && !words->empty();
    return absl::StrCat("exec:", known ? words->front() : "");
  }
  if (ConsumeScheme(rest, "file:")) return std::string(text);
  const size_t query = std::min(text.find('?'), text.size());
  std::string shown = WithoutUser(text.substr(0, query));
  if (query < text.size()) shown += WithoutValues(text.substr(query));
  return shown;
}

std::string WithoutUrlSecrets(std::string_view text) {
  constexpr std::string_view kSlashes = "://";
  std::string shown;
  for (;;) {
    const size_t slashes = text.find(kSlashes);
    if (slashes == std::string_view::npos) return absl::StrCat(shown, text);
    const size_t begin = slashes + kSlashes.size();
    shown += text.substr(0, begin);
    text.remove_prefix(begin);
    const std::string_view word =
        text.substr(0, text.find_first_of(" \t\n'\""));
    const size_t at = word.rfind('@');
    const size_t query = word.find('?');
    // Either the password or the query has the other's mark.
    if (at != std::string_view::npos && query < at) return shown + "***";
    if (query != std::string_view::npos) {
      const size_t begin_shown = at == std::string_view::npos ? 0 : at + 1;
      return absl::StrCat(shown, text.substr(begin_shown, query - begin_shown),
                          WithoutValues(text.substr(query)));
    }
    if (at != std::string_view::npos) text.remove_prefix(at + 1);
  }
}

absl::StatusOr<ProbeTarget> ParseProbeTarget(std::string_view text) {
  absl::StatusOr<ProbeTarget> target = ParseByScheme(text);
  if (target.ok()) target->shown = WithoutSecrets(text);
  return target;
}

absl::StatusOr<ProbeTarget> ParseRequestTarget(std::string_view text) {
  const size_t blank = text.find(' ');
  const std::string_view method = text.substr(0, blank);
  const bool known = std::find(std::begin(kMethods), std::end(kMethods),
                               method) != std::end(kMethods);
  if (!known || blank == std::string_view::npos) {
    return Refused(text,
                   "allowed is METHOD URL, as in POST "
                   "http://127.0.0.1:9090/-/reload, with GET, POST, PUT, PATCH "
                   "or DELETE");
  }
  auto target = ParseProbeTarget(text.substr(blank + 1));
  if (!target.ok()) return target;
  if (target->kind != Kind::kHttp) {
    return Refused(text,
                   "allowed is http:// or http+unix:// behind the method");
  }
  target->method = std::string(method);
  target->is_request = true;
  target->text = std::string(text);
  target->shown = WithoutSecrets(text);
  return target;
}

}  // namespace reinit
