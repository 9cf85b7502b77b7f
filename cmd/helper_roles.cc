#include "cmd/helper_roles.h"

#include <unistd.h>

#include <string>

#include "absl/strings/strip.h"
#include "supervisor/helper/helper_process.h"
#include "supervisor/helper/memory_limit.h"
#include "supervisor/output/output_record.h"
#include "supervisor/probe/probe_record.h"
#include "supervisor/status_server/status_record.h"
#include "supervisor/watch/watch_record.h"

namespace reinit {
namespace {

// It was not PID 1 that started it so.
constexpr int kBadArguments = 2;

// Of which the binary itself and 256 checks are a half.
constexpr rlim_t kMaxProbeMemory = 128 << 20;

}  // namespace

std::optional<int> RunAsHelper(const std::vector<std::string_view>& argv) {
  if (argv.empty()) return std::nullopt;
  std::string_view role = argv[0];
  if (!absl::ConsumePrefix(&role, kHelperPrefix)) return std::nullopt;
  const std::vector<std::string> args(argv.begin() + 1, argv.end());
  if (role == "watch") {
    const auto config = WatchConfig::FromArgs(args);
    if (!config.ok()) return kBadArguments;
    // What it is on may be watched, and unmounted.
    if (!config->base.empty() && ::chdir("/") != 0) return kBadArguments;
    return RunWatchHelper(kHelperFd, *config);
  }
  if (role == "probe") {
    const auto config = ProbeConfig::FromArgs(ReceiveArguments());
    LimitMemory(kMaxProbeMemory);
    return config.ok() ? RunProbeHelper(kHelperFd, *config) : kBadArguments;
  }
  if (role == "output") return RunOutputHelper(kHelperFd);
  if (role == "status") return RunStatusHelper(kHelperFd, kStatusListenFd);
  return kBadArguments;
}

}  // namespace reinit
