// Files of /proc, in which other processes have had their say: names of mounts.
#include <cstdint>

#include "supervisor/socket/proc_text.h"
#include "supervisor/watch/stale_mounts.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using reinit::Require;
  const std::string_view bytes = reinit::AsText(data, size);
  for (const auto& target : reinit::ParseEpollTargets(bytes)) {
    Require(target.fd >= 0, "a descriptor is one");
  }
  const auto call = reinit::ParseBlockingCall(bytes);
  if (call.has_value()) {
    const reinit::Waiting waiting = reinit::WaitingIn(*call);
    Require(waiting.what == reinit::Waiting::For::kAccept || waiting.fd == -1,
            "only accept has a descriptor of its own");
  }
  for (const auto& mount : reinit::ParseMountInfo(bytes)) {
    Require(mount.path.size() + mount.source.size() <= bytes.size(),
            "nothing is added");
  }
  return 0;
}
