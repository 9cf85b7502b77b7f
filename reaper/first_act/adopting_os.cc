#include "reaper/first_act/adopting_os.h"

#include <utility>

#include "reaper/unique_fd.h"

namespace reinit {

absl::StatusOr<Spawned> AdoptingOs::Spawn(const SpawnRequest& request) {
  if (!first_.acted) return LinuxOs::Spawn(request);
  first_.acted = false;
  return Spawned{first_.child, UniqueFd()};
}

Reaped AdoptingOs::ReapOne() {
  if (first_.acted || !std::exchange(first_.child_ended, false)) {
    return LinuxOs::ReapOne();
  }
  return {Reaped::What::kProcess, first_.child,
          ExitStatus::FromWait(first_.wait_status), 0};
}

}  // namespace reinit
