#include "cmd/flags/process_values.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "cmd/flags/look_in_time.h"
#include "reaper/user.h"
#include "supervisor/run/environment.h"
#include "supervisor/value/words.h"

namespace reinit {

absl::Status SetUser(std::string_view value, ProcessOptions* to) {
  absl::StatusOr<User> user = FindUser(value);
  if (!user.ok()) return user.status();
  to->as.credentials = std::move(user->credentials);
  // As a login would; --env still has the last word.
  std::vector<std::string> entries = {absl::StrCat("HOME=", user->home)};
  if (!user->name.empty()) {
    entries.push_back(absl::StrCat("USER=", user->name));
    entries.push_back(absl::StrCat("LOGNAME=", user->name));
  }
  to->environment.insert(to->environment.begin(), entries.begin(),
                         entries.end());
  return absl::OkStatus();
}

absl::Status SetCommand(std::string_view value, std::vector<std::string>* to) {
  absl::StatusOr<std::vector<std::string>> words = SplitWords(value);
  if (!words.ok()) return words.status();
  *to = *std::move(words);
  return absl::OkStatus();
}

absl::Status CheckDirectory(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) {
    return absl::InvalidArgumentError(::strerrordesc_np(errno));
  }
  if (!S_ISDIR(st.st_mode)) {
    return absl::InvalidArgumentError("not a folder");
  }
  return absl::OkStatus();
}

absl::Status SetDirectory(std::string_view value, std::string* to) {
  const std::string path(value);
  absl::Status look = LookInTime([&path] { return CheckDirectory(path); });
  if (look.ok() || IsUnseen(look)) *to = path;
  return look;
}

absl::Status AddEnvironmentEntry(std::string_view value,
                                 std::vector<std::string>* to) {
  const size_t equals = value.find('=');
  if (equals == 0 || equals == std::string_view::npos) {
    return absl::InvalidArgumentError("write KEY=VALUE");
  }
  absl::Status name = CheckEntryName(value);
  if (!name.ok()) return name;
  to->emplace_back(value);
  return absl::OkStatus();
}

absl::Status AddEnvironmentFile(std::string_view value,
                                std::vector<std::string>* to) {
  const std::string path(value);
  absl::Status look =
      LookInTime([&path] { return MakeEnvironment({}, {path}, {}).status(); });
  if (look.ok() || IsUnseen(look)) to->push_back(path);
  return look;
}

absl::Status SetExitCodes(std::string_view value, ExitCodes* to) {
  const absl::StatusOr<ExitCodes> codes = ExitCodes::Parse(value);
  if (!codes.ok()) return codes.status();
  *to = *codes;
  return absl::OkStatus();
}

}  // namespace reinit
