#include "reaper/user.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace reinit {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

File OpenFile(const std::string& path) {
  return File(std::fopen(path.c_str(), "re"));
}

// A number, if `text` is one.
std::optional<uint32_t> Number(std::string_view text) {
  uint32_t number = 0;
  // 4294967295 means "no change" to the kernel.
  if (!absl::SimpleAtoi(text, &number) || number == UINT32_MAX) return {};
  return number;
}

absl::Status NotFound(std::string_view what, std::string_view name,
                      std::string_view file) {
  return absl::NotFoundError(
      absl::StrCat("no ", what, " '", name, "' in ", file,
                   ": use a name from there or a number"));
}

absl::StatusOr<gid_t> FindGroup(std::string_view text,
                                const std::string& group_file) {
  if (const auto number = Number(text)) return *number;
  if (const File file = OpenFile(group_file)) {
    while (const group* entry = ::fgetgrent(file.get())) {
      if (text == entry->gr_name) return entry->gr_gid;
    }
  }
  return NotFound("group", text, group_file);
}

std::vector<gid_t> SupplementaryGroups(const User& user,
                                       const std::string& group_file) {
  std::vector<gid_t> groups = {user.credentials.gid};
  const File file = user.name.empty() ? nullptr : OpenFile(group_file);
  while (const group* entry = file ? ::fgetgrent(file.get()) : nullptr) {
    for (char** member = entry->gr_mem; *member != nullptr; ++member) {
      const bool there = std::find(groups.begin(), groups.end(),
                                   entry->gr_gid) != groups.end();
      if (user.name == *member && !there) groups.push_back(entry->gr_gid);
    }
  }
  return groups;
}

}  // namespace

absl::StatusOr<User> FindUser(std::string_view text,
                              const std::string& passwd_file,
                              const std::string& group_file) {
  const std::pair<std::string_view, std::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  const auto number = Number(parts.first);
  User user;
  bool found = false;
  if (const File file = OpenFile(passwd_file)) {
    while (const passwd* entry = ::fgetpwent(file.get())) {
      if (parts.first != entry->pw_name && number != entry->pw_uid) continue;
      user.credentials.uid = entry->pw_uid;
      user.credentials.gid = entry->pw_gid;
      user.name = entry->pw_name;
      if (entry->pw_dir[0] != '\0') user.home = entry->pw_dir;
      found = true;
      break;
    }
  }
  if (!found && !number.has_value()) {
    return NotFound("user", parts.first, passwd_file);
  }
  if (!found) user.credentials.uid = *number;
  if (parts.second.empty()) {
    user.credentials.groups = SupplementaryGroups(user, group_file);
    return user;
  }
  const absl::StatusOr<gid_t> gid = FindGroup(parts.second, group_file);
  if (!gid.ok()) return gid.status();
  user.credentials.gid = *gid;
  user.credentials.groups = {*gid};
  return user;
}

}  // namespace reinit
