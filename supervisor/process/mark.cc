#include "supervisor/process/mark.h"

#include <sys/random.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reaper/clock.h"

namespace reinit {
namespace {

constexpr std::string_view kInstance = "REINIT_INSTANCE=";
constexpr std::string_view kJob = "REINIT_JOB=";

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

std::string NewInstanceMark() { return absl::StrCat(kInstance, RandomName()); }

std::string NewJobMark() { return absl::StrCat(kJob, RandomName()); }

bool IsMark(std::string_view entry) {
  return absl::StartsWith(entry, kInstance) || absl::StartsWith(entry, kJob);
}

}  // namespace reinit
