#include "supervisor/run/child_environment.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

constexpr std::string_view kOurs[] = {
    "REINIT_INSTANCE=", "REINIT_GENERATION=",    "REINIT_REASON=",
    "REINIT_CHANGED=",  "REINIT_CHANGED_FILES=", "REINIT_CHANGED_COUNT="};

bool IsOurs(std::string_view entry) {
  for (const std::string_view prefix : kOurs) {
    if (absl::StartsWith(entry, prefix)) return true;
  }
  return false;
}

std::string Bounded(std::string_view name, std::string_view value) {
  value = value.substr(0, kMaxVariable);
  return absl::StrCat(name, value.substr(0, value.find('\0')));
}

}  // namespace

std::vector<std::string> ChildEnvironment(const std::vector<std::string>& base,
                                          const std::string& mark,
                                          int generation,
                                          const Reason* reason) {
  std::vector<std::string> result;
  for (const std::string& entry : base) {
    if (!IsOurs(entry)) result.push_back(entry);
  }
  result.push_back(mark);
  result.push_back(absl::StrCat("REINIT_GENERATION=", generation));
  if (reason == nullptr) {
    result.emplace_back("REINIT_REASON=start");
    return result;
  }
  result.push_back(
      Bounded("REINIT_REASON=",
              absl::StrCat(ToString(reason->cause), ": ", reason->text)));
  if (!reason->changed.empty()) {
    result.push_back(Bounded("REINIT_CHANGED=", reason->changed));
  }
  if (reason->files.empty()) return result;
  result.push_back(absl::StrCat("REINIT_CHANGED_FILES=", reason->files.text()));
  if (const auto count = reason->files.count()) {
    result.push_back(absl::StrCat("REINIT_CHANGED_COUNT=", *count));
  }
  return result;
}

}  // namespace reinit
