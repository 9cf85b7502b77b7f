// Goes on with the child that the first act has started.
#ifndef REINIT_REAPER_FIRST_ACT_ADOPTING_OS_H_
#define REINIT_REAPER_FIRST_ACT_ADOPTING_OS_H_

#include "absl/status/statusor.h"
#include "reaper/first_act/first_act.h"
#include "reaper/os.h"

namespace reinit {

// The kernel, but the first Spawn starts nothing if the first act has acted: it
// returns that child, which runs its program already. If the child has been
// reaped too, the first ReapOne after that tells how it ended.
class AdoptingOs : public LinuxOs {
 public:
  explicit AdoptingOs(const FirstActResult& first) : first_(first) {}

  absl::StatusOr<Spawned> Spawn(const SpawnRequest& request) override;
  Reaped ReapOne() override;

 private:
  FirstActResult first_;
};

}  // namespace reinit

#endif  // REINIT_REAPER_FIRST_ACT_ADOPTING_OS_H_
