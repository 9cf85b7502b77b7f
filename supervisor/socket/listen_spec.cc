#include "supervisor/socket/listen_spec.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reaper/user.h"

namespace reinit {
namespace {

constexpr int kMaxPort = 65535;
constexpr int kMaxDescriptor = 1 << 20;
// With its final zero it has to fit.
constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr size_t kMaxName = 64;
constexpr std::string_view kReusePort = "reuseport";

struct FormName {
  ListenForm form;
  std::string_view name;
};
constexpr FormName kForms[] = {
    {ListenForm::kSystemd, "systemd"},
    {ListenForm::kNginx, "nginx"},
    {ListenForm::kServerStarter, "server-starter"},
    {ListenForm::kPhpFpm, "php-fpm"},
    {ListenForm::kUnicorn, "unicorn"},
    {ListenForm::kEinhorn, "einhorn"},
    {ListenForm::kGunicorn, "gunicorn"},
};

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(what);
}

bool ParseNumber(std::string_view text, int max, int* number) {
  return !text.empty() && text.size() <= 7 &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, number) && *number <= max;
}

bool IsAddress(std::string_view text) {
  return absl::StartsWith(text, "tcp://") || absl::StartsWith(text, "unix:") ||
         absl::StartsWith(text, "fd:");
}

// `text`: what follows the ?.
absl::Status ParseTcpParameters(std::string_view text, ListenSpec* spec) {
  for (const std::string_view one : absl::StrSplit(text, '&')) {
    if (one != kReusePort) {
      return Wrong("behind the ? allowed is reuseport");
    }
  }
  spec->reuse_port = true;
  return absl::OkStatus();
}

absl::Status ParseTcp(std::string_view rest, ListenSpec* spec) {
  const size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    absl::Status status = ParseTcpParameters(rest.substr(question + 1), spec);
    if (!status.ok()) return status;
    rest = rest.substr(0, question);
  }
  const size_t colon = rest.rfind(':');
  std::string_view host = rest.substr(0, colon);
  if (colon == std::string_view::npos ||
      !ParseNumber(rest.substr(colon + 1), kMaxPort, &spec->port)) {
    return Wrong(
        "allowed is tcp://ADDRESS:PORT with a port from 0 to 65535, such as "
        "tcp://0.0.0.0:8080");
  }
  if (absl::ConsumePrefix(&host, "[")) {
    spec->ipv6 = absl::ConsumeSuffix(&host, "]");
    if (!spec->ipv6) return Wrong("the ] behind the address is missing");
  }
  spec->host = std::string(host);
  in6_addr address;
  if (::inet_pton(spec->ipv6 ? AF_INET6 : AF_INET, spec->host.c_str(),
                  &address) != 1) {
    return Wrong(
        "allowed is an address in numbers: 0.0.0.0 or [::] for all, 127.0.0.1, "
        "[::1]...");
  }
  spec->name = spec->port == 0 ? "tcp" : absl::StrCat(spec->port);
  return absl::OkStatus();
}

absl::Status ParseMode(std::string_view value, ListenSpec* spec) {
  mode_t mode = 0;
  for (const char digit : value) {
    if (digit < '0' || digit > '7') mode = 01000;
    mode = mode * 8 + static_cast<mode_t>(digit - '0');
    if (mode > 0777) break;
  }
  if (value.empty() || mode > 0777) {
    return Wrong("mode: allowed is an octal number up to 0777, such as 0660");
  }
  spec->mode = mode;
  return absl::OkStatus();
}

absl::Status ParseParameter(std::string_view text, ListenSpec* spec) {
  const std::pair<std::string_view, std::string_view> both =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  const auto& [key, value] = both;
  if (key == kReusePort) {
    return Wrong(
        "reuseport is for tcp:// alone: all workers share a unix socket");
  }
  if (key == "mode") return ParseMode(value, spec);
  const bool user = key == "user";
  if ((!user && key != "group") || absl::StrContains(value, ':')) {
    return Wrong(
        "behind the ? allowed are mode=, user= and group=, with & "
        "between them");
  }
  // A group alone stands behind some user.
  const auto found = FindUser(user ? value : absl::StrCat("0:", value));
  if (!found.ok()) return found.status();
  if (user) {
    spec->user = found->credentials.uid;
  } else {
    spec->group = found->credentials.gid;
  }
  return absl::OkStatus();
}

absl::Status ParseUnix(std::string_view rest, ListenSpec* spec) {
  absl::ConsumePrefix(&rest, "//");
  const size_t question = rest.find('?');
  spec->path = std::string(rest.substr(0, question));
  if (spec->path.empty() || spec->path.front() != '/' ||
      spec->path.back() == '/') {
    return Wrong("allowed is an absolute path, as unix:/run/app.sock");
  }
  if (spec->path.size() > kMaxPath) {
    return Wrong(absl::StrCat("the path has ", spec->path.size(),
                              " bytes; a socket's may have ", kMaxPath));
  }
  spec->name = spec->path.substr(spec->path.rfind('/') + 1);
  if (!IsListenName(spec->name)) spec->name = "unix";
  if (question == std::string_view::npos) return absl::OkStatus();
  for (const std::string_view one :
       absl::StrSplit(rest.substr(question + 1), '&')) {
    if (absl::Status s = ParseParameter(one, spec); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ParseDescriptor(std::string_view rest, ListenSpec* spec) {
  const size_t question = rest.find('?');
  if (question != std::string_view::npos &&
      rest.substr(question + 1) == kReusePort) {
    return Wrong(
        "reuseport is for tcp:// alone: all workers share a socket that reinit "
        "was given");
  }
  if (!ParseNumber(rest, kMaxDescriptor, &spec->descriptor) ||
      spec->descriptor < 3) {
    return Wrong("allowed is fd:N with N of 3 or more");
  }
  spec->name = absl::StrCat("fd", spec->descriptor);
  return absl::OkStatus();
}

}  // namespace

// Colons stand between the names in LISTEN_FDNAMES, a brace ends {fd:NAME}.
bool IsListenName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  c == '-' || c == '_' || c == '.';
         });
}

absl::StatusOr<ListenSpec> ParseListenSpec(std::string_view text) {
  ListenSpec spec;
  spec.text = std::string(text);
  std::string_view rest = text;
  std::string_view name;
  const size_t equals = text.find('=');
  if (!IsAddress(text) && equals != std::string_view::npos) {
    name = text.substr(0, equals);
    rest = text.substr(equals + 1);
    if (!IsListenName(name)) {
      return Wrong(
          "allowed in a name are letters, digits, dash, underscore and dot");
    }
  }
  absl::Status status;
  if (absl::ConsumePrefix(&rest, "tcp://")) {
    spec.kind = ListenSpec::Kind::kTcp;
    status = ParseTcp(rest, &spec);
  } else if (absl::ConsumePrefix(&rest, "unix:")) {
    spec.kind = ListenSpec::Kind::kUnix;
    status = ParseUnix(rest, &spec);
  } else if (absl::ConsumePrefix(&rest, "fd:")) {
    spec.kind = ListenSpec::Kind::kDescriptor;
    status = ParseDescriptor(rest, &spec);
  } else {
    status = Wrong(
        "allowed are tcp://ADDRESS:PORT, unix:/PATH and fd:N, with NAME= "
        "before it");
  }
  if (!status.ok()) return status;
  if (!name.empty()) {
    spec.name = std::string(name);
    spec.named = true;
  }
  return spec;
}

absl::StatusOr<std::vector<ListenForm>> ParseListenForms(
    std::string_view text) {
  std::vector<ListenForm> forms;
  for (const std::string_view word : absl::StrSplit(text, ',')) {
    bool known = false;
    for (const FormName& one : kForms) {
      if (word != "all" && word != one.name) continue;
      known = true;
      if (std::find(forms.begin(), forms.end(), one.form) == forms.end()) {
        forms.push_back(one.form);
      }
    }
    if (known) continue;
    return Wrong(absl::StrCat(
        "allowed are all, or with commas: ",
        absl::StrJoin(kForms, ", ", [](std::string* out, const FormName& one) {
          out->append(one.name);
        })));
  }
  return forms;
}

std::string_view ToString(ListenForm form) {
  for (const FormName& one : kForms) {
    if (one.form == form) return one.name;
  }
  return "";
}

std::vector<std::string> ListenConflicts(const ListenOptions& options) {
  std::vector<std::string> conflicts;
  const std::vector<ListenSpec>& all = options.sockets;
  for (auto one = all.begin(); one != all.end(); ++one) {
    for (auto other = all.begin(); other != one; ++other) {
      const bool same_place =
          one->kind == other->kind && one->host == other->host &&
          one->port == other->port && one->path == other->path &&
          one->descriptor == other->descriptor &&
          (one->kind != ListenSpec::Kind::kTcp || one->port != 0);
      const bool same_name =
          one->named && other->named && one->name == other->name;
      if (!same_place && !same_name) continue;
      conflicts.push_back(absl::StrCat(
          "--listen=", one->text, ": ", same_place ? "the address" : "the name",
          " of --listen=", other->text, " as well; give one of them"));
    }
  }
  return conflicts;
}

}  // namespace reinit
