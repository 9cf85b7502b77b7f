#include "supervisor/child_environment.h"

#include <sys/random.h>

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reaper/clock.h"

namespace reinit {
namespace {

constexpr std::string_view kOurs[] = {"REINIT_INSTANCE=", "REINIT_GENERATION=",
                                      "REINIT_REASON=", "REINIT_CHANGED="};

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

std::string RandomName() {
  char bytes[8] = {};
  if (::getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) !=
      static_cast<ssize_t>(sizeof(bytes))) {
    const int64_t now = absl::ToUnixNanos(MonotonicClock().Now());
    std::memcpy(bytes, &now, sizeof(bytes));
  }
  return absl::BytesToHexString(std::string_view(bytes, sizeof(bytes)));
}

std::string NewInstanceMark() {
  return absl::StrCat("REINIT_INSTANCE=", RandomName());
}

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
  return result;
}

}  // namespace reinit
