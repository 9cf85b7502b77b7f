// Makes allocations of a reinit fail, as malloc does without memory.
//
// The linker sends each call of malloc and its like here (--wrap in
// BUILD.bazel), also those of the C and the C++ library. Which ones fail is
// told by a file next to the program, named as the program with ".allocations"
// behind: helpers have no environment, and are the same program. The file is
// mapped, so that a test can change it and read it while reinit runs.
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

extern "C" {
void* __real_malloc(size_t size);
void* __real_calloc(size_t number, size_t size);
void* __real_realloc(void* old, size_t size);
void* __real_memalign(size_t alignment, size_t size);
void* __real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void** result, size_t alignment, size_t size);
void __real__ZN6reinit17KeepMemoryReserveEv();
}

namespace {

// Of all processes of one role together.
struct Allocations {
  std::atomic<int64_t> made;
  // The `first`-th to the one before the `end`-th fail. From 1; 0: none.
  std::atomic<int64_t> first;
  std::atomic<int64_t> end;
  std::atomic<int64_t> failed;
};

// allocations_test.py packs and unpacks it.
struct Plan {
  Allocations init;      // the process that was started
  Allocations children;  // what it forks, and does not execute
  Allocations helpers;
  int64_t no_reserve;            // if not 0: KeepMemoryReserve does nothing
  std::atomic<int64_t> kept_at;  // init.made when KeepMemoryReserve was called
};

Plan* plan = nullptr;
pid_t started = 0;  // 0: no allocation has been made
bool helper = false;

// The first allocation comes before the C library knows argv.
bool IsHelper() {
  constexpr std::string_view kPrefix = "reinit: ";
  char name[kPrefix.size()] = {};
  const int file = ::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t size = ::read(file, name, sizeof(name));
  ::close(file);
  return size == sizeof(name) && std::string_view(name, size) == kPrefix;
}

// By system calls alone. Without a file nothing fails.
void ReadPlan() {
  started = ::getpid();
  helper = IsHelper();
  char path[PATH_MAX] = {};
  constexpr char kEnding[] = ".allocations";
  const ssize_t size =
      ::readlink("/proc/self/exe", path, sizeof(path) - sizeof(kEnding));
  if (size <= 0) return;
  std::memcpy(path + size, kEnding, sizeof(kEnding));
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void* const mapped = ::mmap(nullptr, sizeof(Plan), PROT_READ | PROT_WRITE,
                              MAP_SHARED, file, 0);
  ::close(file);
  if (mapped != MAP_FAILED) plan = static_cast<Plan*>(mapped);
}

// Whether this allocation is to fail; then with errno.
bool Fails() {
  const int error = errno;
  if (started == 0) ReadPlan();
  errno = error;
  if (plan == nullptr) return false;
  Allocations& mine = helper                  ? plan->helpers
                      : ::getpid() == started ? plan->init
                                              : plan->children;
  const int64_t number = ++mine.made;
  if (number < mine.first || number >= mine.end) return false;
  ++mine.failed;
  errno = ENOMEM;
  return true;
}

}  // namespace

extern "C" {

void* __wrap_malloc(size_t size) {
  return Fails() ? nullptr : __real_malloc(size);
}

void* __wrap_calloc(size_t number, size_t size) {
  return Fails() ? nullptr : __real_calloc(number, size);
}

void* __wrap_realloc(void* old, size_t size) {
  return Fails() ? nullptr : __real_realloc(old, size);
}

void* __wrap_memalign(size_t alignment, size_t size) {
  return Fails() ? nullptr : __real_memalign(alignment, size);
}

void* __wrap_aligned_alloc(size_t alignment, size_t size) {
  return Fails() ? nullptr : __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void** result, size_t alignment, size_t size) {
  return Fails() ? ENOMEM : __real_posix_memalign(result, alignment, size);
}

void __wrap__ZN6reinit17KeepMemoryReserveEv() {
  if (plan != nullptr) plan->kept_at = plan->init.made.load();
  if (plan == nullptr || plan->no_reserve == 0) {
    __real__ZN6reinit17KeepMemoryReserveEv();
  }
}
}
