// Makes Instances on the fake world, for tests of what holds some.
#ifndef REINIT_SUPERVISOR_SCENARIO_FAKE_INSTANCE_H_
#define REINIT_SUPERVISOR_SCENARIO_FAKE_INSTANCE_H_

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "supervisor/process/instance.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {

// A process that has been started. Its program runs, unless the world holds it.
inline std::unique_ptr<Instance> StartInstance(
    FakeWorld* world, int generation, bool own_group = true,
    Instance::OnEvent on_event = [](Instance::Event) {}) {
  Instance::Spec spec;
  spec.argv = {"app"};
  spec.mark = absl::StrCat("REINIT_INSTANCE=", generation);
  spec.environment = {spec.mark};
  spec.own_group = own_group;
  spec.generation = generation;
  spec.leftover_timeout = absl::Seconds(2);
  spec.stop_timeout = absl::Seconds(10);
  auto instance = std::make_unique<Instance>(world->context(), std::move(spec),
                                             std::move(on_event));
  EXPECT_TRUE(instance->Start().ok());
  world->Settle();
  return instance;
}

inline std::unique_ptr<Instance> StartReadyInstance(FakeWorld* world,
                                                    int generation) {
  std::unique_ptr<Instance> instance = StartInstance(world, generation);
  instance->MarkReady();
  return instance;
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SCENARIO_FAKE_INSTANCE_H_
