// Tree against bare loops over the same files, in one run:
//   tools/bazel run -c opt //supervisor/watch:tree_bench
// with 10,000 files in 100 directories and 100,000 files in 1,000.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "supervisor/watch/filter/filter.h"
#include "supervisor/watch/tree/announcer.h"
#include "supervisor/watch/tree/tree.h"

namespace reinit {
namespace {

constexpr int kFilesPerDirectory = 100;

// One tree of each size, made once.
class Sample {
 public:
  explicit Sample(int files) {
    const char* const base = std::getenv("TEST_TMPDIR");
    path_ = absl::StrCat(base != nullptr ? base : "/tmp", "/bench.XXXXXX");
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
    for (int d = 0; d < files / kFilesPerDirectory; ++d) {
      const std::string directory = absl::StrCat(path_, "/package_", d);
      ::mkdir(directory.c_str(), 0755);
      for (int i = 0; i < kFilesPerDirectory; ++i) {
        ::close(::open(absl::StrCat(directory, "/module_", i, ".py").c_str(),
                       O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
      }
    }
  }
  ~Sample() { std::filesystem::remove_all(path_); }
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

const Sample& SampleOf(const benchmark::State& state) {
  static std::vector<std::pair<int64_t, std::unique_ptr<Sample>>> samples;
  for (const auto& [files, sample] : samples) {
    if (files == state.range(0)) return *sample;
  }
  samples.emplace_back(state.range(0),
                       std::make_unique<Sample>(state.range(0)));
  return *samples.back().second;
}

std::unique_ptr<Tree> MakeTree(const Sample& sample,
                               Announcer* announcer = nullptr) {
  return std::make_unique<Tree>(Tree::Options{.roots = {sample.path()},
                                              .filter = Filter({}),
                                              .announcer = announcer,
                                              .max_open_directories = 10'000});
}

void CountFiles(benchmark::State& state) {
  state.counters["per_file"] =
      benchmark::Counter(static_cast<double>(state.range(0)),
                         benchmark::Counter::kIsIterationInvariantRate |
                             benchmark::Counter::kInvert);
}

// Opens, reads, and calls statx for each name; the directory stays open.
class BareDirectory {
 public:
  BareDirectory(int parent, const char* name) {
    fd_ = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    alignas(dirent64) char buffer[32 * 1024];
    long size;
    while ((size = ::syscall(SYS_getdents64, fd_, buffer, sizeof(buffer))) >
           0) {
      for (long at = 0; at < size;) {
        const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
        at += entry->d_reclen;
        if (entry->d_name[0] == '.') continue;
        names_.append(entry->d_name, std::strlen(entry->d_name) + 1);
        if (entry->d_type == DT_REG) LookAt(entry->d_name);
      }
    }
  }
  ~BareDirectory() { ::close(fd_); }
  BareDirectory(const BareDirectory&) = delete;
  BareDirectory& operator=(const BareDirectory&) = delete;

  int fd() const { return fd_; }
  const std::string& names() const { return names_; }

  void LookAt(const char* name) const {
    struct statx stx;
    ::statx(fd_, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx);
    benchmark::DoNotOptimize(stx);
  }
  void Sweep() const {
    for (const char* name = names_.data(); *name != '\0';
         name += std::strlen(name) + 1) {
      LookAt(name);
    }
  }

 private:
  int fd_;
  std::string names_;
};

std::vector<std::unique_ptr<BareDirectory>> BareWalk(const Sample& sample) {
  std::vector<std::unique_ptr<BareDirectory>> directories;
  const BareDirectory root(AT_FDCWD, sample.path().c_str());
  for (const char* name = root.names().data(); *name != '\0';
       name += std::strlen(name) + 1) {
    directories.push_back(std::make_unique<BareDirectory>(root.fd(), name));
  }
  return directories;
}

void BM_BareWalk(benchmark::State& state) {
  const Sample& sample = SampleOf(state);
  for (auto _ : state) {
    auto directories = BareWalk(sample);
    state.PauseTiming();  // closing is no part of it
    directories.clear();
    state.ResumeTiming();
  }
  CountFiles(state);
}

void BM_TreeScan(benchmark::State& state) {
  const Sample& sample = SampleOf(state);
  for (auto _ : state) {
    state.PauseTiming();
    auto tree = MakeTree(sample);
    state.ResumeTiming();
    tree->Scan();
    state.PauseTiming();
    tree.reset();
    state.ResumeTiming();
  }
  CountFiles(state);
}

// With every directory watched, too.
void BM_TreeScanAnnounced(benchmark::State& state) {
  const Sample& sample = SampleOf(state);
  for (auto _ : state) {
    state.PauseTiming();
    auto announcer = std::make_unique<Announcer>();
    if (announcer->Open() != 0) state.SkipWithError("no inotify");
    auto tree = MakeTree(sample, announcer.get());
    state.ResumeTiming();
    tree->Scan();
    state.PauseTiming();
    if (tree->Sweeps()) state.SkipWithError("not all of it is watched");
    tree.reset();
    announcer.reset();
    state.ResumeTiming();
  }
  CountFiles(state);
}

void BM_BareStatx(benchmark::State& state) {
  const auto directories = BareWalk(SampleOf(state));
  for (auto _ : state) {
    for (const auto& directory : directories) directory->Sweep();
  }
  CountFiles(state);
}

void BM_TreeSweep(benchmark::State& state) {
  const auto tree = MakeTree(SampleOf(state));
  tree->Scan();
  ::usleep(100'000);  // until no directory is young any more
  tree->Sweep();
  for (auto _ : state) tree->Sweep();
  if (tree->findings().changed()) state.SkipWithError("changed by itself");
  state.counters["bytes_per_file"] = static_cast<double>(tree->MemoryUsed()) /
                                     static_cast<double>(tree->files());
  CountFiles(state);
}

void Sizes(benchmark::internal::Benchmark* b) {
  b->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK(BM_BareWalk)->Apply(Sizes);
BENCHMARK(BM_TreeScan)->Apply(Sizes);
BENCHMARK(BM_TreeScanAnnounced)->Apply(Sizes);
BENCHMARK(BM_BareStatx)->Apply(Sizes);
BENCHMARK(BM_TreeSweep)->Apply(Sizes);

}  // namespace
}  // namespace reinit
