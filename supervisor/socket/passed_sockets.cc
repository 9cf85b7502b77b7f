#include "supervisor/socket/passed_sockets.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace reinit {
namespace {

// LISTEN_PIDFDID would say, in newer versions of systemd, that it is for us.
constexpr std::string_view kListenEntries[] = {
    "LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES=", "LISTEN_PIDFDID="};

// gunicorn looks at GUNICORN_FD only if it takes itself for the successor of
// this process, and for a full master once that is not its parent. No pid is as
// high.
constexpr std::string_view kNoParent = "GUNICORN_PID=2147483647";

// NUMBER<separator>NUMBER...
std::string Numbers(size_t count, std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : separator,
                    kFirstPassedSocket + static_cast<int>(i));
  }
  return text;
}

// ADDRESS=NUMBER<separator>ADDRESS=NUMBER...
std::string Addresses(absl::Span<const PassedSocket> sockets,
                      std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < sockets.size(); ++i) {
    if (sockets[i].address.empty()) continue;
    absl::StrAppend(&text, text.empty() ? "" : separator, sockets[i].address,
                    "=", kFirstPassedSocket + static_cast<int>(i));
  }
  return text;
}

void AddForm(absl::Span<const PassedSocket> sockets, ListenForm form,
             pid_t self, std::vector<std::string>& to) {
  const size_t count = sockets.size();
  switch (form) {
    case ListenForm::kSystemd:
      to.push_back(absl::StrCat("LISTEN_FDS=", count));
      to.push_back(absl::StrCat("LISTEN_PID=", self));
      to.push_back(absl::StrCat(
          "LISTEN_FDNAMES=",
          absl::StrJoin(sockets, ":",
                        [](std::string* out, const PassedSocket& one) {
                          out->append(one.name);
                        })));
      return;
    case ListenForm::kNginx:
      to.push_back(absl::StrCat("NGINX=", Numbers(count, ";"), ";"));
      return;
    case ListenForm::kServerStarter:
      to.push_back(
          absl::StrCat("SERVER_STARTER_PORT=", Addresses(sockets, ";")));
      return;
    case ListenForm::kPhpFpm:
      to.push_back(absl::StrCat("FPM_SOCKETS=", Addresses(sockets, ",")));
      return;
    case ListenForm::kUnicorn:
      to.push_back(absl::StrCat("UNICORN_FD=", Numbers(count, ",")));
      return;
    case ListenForm::kEinhorn:
      to.push_back(absl::StrCat("EINHORN_FD_COUNT=", count));
      for (size_t i = 0; i < count; ++i) {
        to.push_back(absl::StrCat("EINHORN_FD_", i, "=",
                                  kFirstPassedSocket + static_cast<int>(i)));
      }
      return;
    case ListenForm::kGunicorn:
      to.push_back(absl::StrCat("GUNICORN_FD=", Numbers(count, ",")));
      to.emplace_back(kNoParent);
      return;
  }
}

// What stands in braces.
struct Placeholder {
  bool port = false;  // else the descriptor
  std::string_view name;
};

std::optional<Placeholder> ParsePlaceholder(std::string_view inside) {
  const bool port = absl::ConsumePrefix(&inside, "port:");
  if (!port && !absl::ConsumePrefix(&inside, "fd:")) return std::nullopt;
  return Placeholder{port, inside};
}

// Empty: nothing.
std::string Meaning(const Placeholder& placeholder,
                    absl::Span<const PassedSocket> sockets) {
  const bool port = placeholder.port;
  for (size_t i = 0; i < sockets.size(); ++i) {
    if (sockets[i].name != placeholder.name || (port && sockets[i].port == 0)) {
      continue;
    }
    return absl::StrCat(port ? sockets[i].port
                             : kFirstPassedSocket + static_cast<int>(i));
  }
  return "";
}

std::string UnknownLine(const Placeholder& placeholder,
                        absl::Span<const PassedSocket> sockets) {
  std::vector<std::string_view> names;
  for (const PassedSocket& socket : sockets) {
    if (!placeholder.port || socket.port != 0) names.push_back(socket.name);
  }
  return absl::StrCat(placeholder.port ? "{port:" : "{fd:", placeholder.name,
                      placeholder.port ? "}: no TCP socket" : "}: no socket",
                      " of --listen has this name; allowed ",
                      names.empty()       ? "is none"
                      : names.size() == 1 ? "is "
                                          : "are ",
                      absl::StrJoin(names, ", "),
                      "; with a blank behind the colon it means itself");
}

// `unknown`, which may be null, gets a line for each that has no meaning.
std::string Filled(std::string_view text,
                   absl::Span<const PassedSocket> sockets,
                   std::vector<std::string>* unknown) {
  std::string result;
  while (!text.empty()) {
    const size_t open = text.find('{');
    const size_t close = text.find('}', std::min(open, text.size()));
    if (close == std::string_view::npos) break;
    const auto placeholder =
        ParsePlaceholder(text.substr(open + 1, close - open - 1));
    std::string meaning;
    if (placeholder.has_value()) {
      meaning = Meaning(*placeholder, sockets);
      const bool a_shells = open > 0 && text[open - 1] == '$';
      if (unknown != nullptr && meaning.empty() && !a_shells &&
          IsListenName(placeholder->name)) {
        unknown->push_back(UnknownLine(*placeholder, sockets));
      }
    }
    // Another brace may open behind one that means nothing.
    const size_t taken = meaning.empty() ? open + 1 : close + 1;
    absl::StrAppend(&result, text.substr(0, meaning.empty() ? taken : open),
                    meaning);
    text.remove_prefix(taken);
  }
  return absl::StrCat(result, text);
}

}  // namespace

std::vector<std::string> WithoutListenEntries(
    std::vector<std::string> environment) {
  const auto about_sockets = [](const std::string& entry) {
    return std::any_of(
        std::begin(kListenEntries), std::end(kListenEntries),
        [&](std::string_view key) { return absl::StartsWith(entry, key); });
  };
  environment.erase(
      std::remove_if(environment.begin(), environment.end(), about_sockets),
      environment.end());
  return environment;
}

std::vector<std::string> WithSockets(std::vector<std::string> environment,
                                     absl::Span<const PassedSocket> sockets,
                                     absl::Span<const ListenForm> forms,
                                     pid_t self) {
  std::vector<std::string> entries;
  for (const ListenForm form : forms) AddForm(sockets, form, self, entries);
  environment = WithoutListenEntries(std::move(environment));
  for (const std::string& entry : entries) {
    const std::string_view key =
        std::string_view(entry).substr(0, entry.find('=') + 1);
    environment.erase(std::remove_if(environment.begin(), environment.end(),
                                     [&](const std::string& old) {
                                       return absl::StartsWith(old, key);
                                     }),
                      environment.end());
  }
  environment.insert(environment.end(), entries.begin(), entries.end());
  return environment;
}

std::vector<std::string> FillPlaceholders(
    std::vector<std::string> arguments,
    absl::Span<const PassedSocket> sockets) {
  for (std::string& argument : arguments) {
    argument = Filled(argument, sockets, nullptr);
  }
  return arguments;
}

std::vector<std::string> UnknownPlaceholders(
    absl::Span<const std::string> arguments,
    absl::Span<const PassedSocket> sockets) {
  std::vector<std::string> lines;
  for (const std::string& argument : arguments) {
    Filled(argument, sockets, &lines);
  }
  return lines;
}

}  // namespace reinit
