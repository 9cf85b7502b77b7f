#include "reaper/self/memory.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace reinit {
namespace {

int Release(dl_phdr_info* program, size_t, void*) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < program->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = program->dlpi_phdr[i];
    // What can be written to is not in the file any more.
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = program->dlpi_addr + segment.p_vaddr;
    const uintptr_t first = begin & ~(page - 1);
    // The last page may be shared with what can be written to.
    const uintptr_t last = (begin + segment.p_memsz) & ~(page - 1);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): addresses come as numbers
    ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }
  // The first one is the program itself, linked statically.
  return 1;
}

}  // namespace

void ReleaseStartPages() { ::dl_iterate_phdr(Release, nullptr); }

}  // namespace reinit
