#include "reaper/self/memory_reserve.h"

#include <sys/mman.h>

#include <new>

namespace reinit {
namespace {

void* reserve = nullptr;
bool kept = false;

bool Map() {
  void* const memory = ::mmap(nullptr, kMemoryReserve, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  reserve = memory;
  return true;
}

// Called by operator new, which then tries again, or throws without a handler.
void UseReserve() {
  if (reserve == nullptr) {
    std::set_new_handler(nullptr);
    return;
  }
  ::munmap(reserve, kMemoryReserve);
  reserve = nullptr;
}

}  // namespace

void KeepMemoryReserve() {
  kept = true;
  if (Map()) std::set_new_handler(UseReserve);
}

bool RefillMemoryReserve() {
  if (!kept || reserve != nullptr || !Map()) return false;
  std::set_new_handler(UseReserve);
  return true;
}

}  // namespace reinit
