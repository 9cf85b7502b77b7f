// main for a fuzz target without libFuzzer: each file of a corpus, and the same
// seeded changes of each in every run.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace reinit {
namespace {

constexpr int kChangesPerFile = 150;
constexpr size_t kMaxSize = 32 * 1024;

using Corpus = std::map<std::string, std::string>;  // name, bytes

Corpus ReadCorpus(const std::string& folder) {
  Corpus corpus;
  DIR* const dir = ::opendir(folder.c_str());
  if (dir == nullptr) return corpus;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] == '.') continue;
    std::ifstream file(absl::StrCat(folder, "/", entry->d_name),
                       std::ios::binary);
    corpus[entry->d_name] = std::string(std::istreambuf_iterator<char>(file),
                                        std::istreambuf_iterator<char>());
  }
  ::closedir(dir);
  return corpus;
}

// Exactly as many bytes as there are, so that ASan sees one too many.
void Feed(const std::string& bytes) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), copy.get());
  LLVMFuzzerTestOneInput(copy.get(), bytes.size());
}

// What was fed last: Bazel keeps it (test.outputs) when that was the end.
class LastInput {
 public:
  LastInput() {
    const char* const folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
    file_.reset(::open(
        absl::StrCat(folder != nullptr ? folder : ".", "/last-input").c_str(),
        O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  }
  void Keep(const std::string& bytes) {
    const bool kept = ::ftruncate(file_.get(), 0) == 0 &&
                      ::pwrite(file_.get(), bytes.data(), bytes.size(), 0) ==
                          static_cast<ssize_t>(bytes.size());
    ASSERT_TRUE(kept);
  }

 private:
  UniqueFd file_;
};

class Changes {
 public:
  Changes(const Corpus* corpus, unsigned seed)
      : corpus_(corpus), random_(seed) {}

  std::string Of(std::string bytes) {
    for (size_t n = 1 + Below(4); n > 0; --n) Change(&bytes);
    if (bytes.size() > kMaxSize) bytes.resize(kMaxSize);
    return bytes;
  }

 private:
  // Its numbers are laid down by the standard, unlike those of distributions.
  size_t Below(size_t end) { return end == 0 ? 0 : random_() % end; }
  char Byte() { return static_cast<char>(random_()); }

  void Change(std::string* bytes) {
    const size_t at = Below(bytes->size() + 1);
    switch (Below(7)) {
      case 0:
        if (at < bytes->size()) (*bytes)[at] = Byte();
        break;
      case 1:
        bytes->insert(at, 1 + Below(4), Byte());
        break;
      case 2:
        bytes->erase(at, 1 + Below(8));
        break;
      case 3:
        bytes->resize(at);
        break;
      case 4:
        bytes->insert(at, bytes->substr(Below(bytes->size()), Below(64)));
        break;
      case 5: {
        const auto other = std::next(corpus_->begin(),
                                     static_cast<long>(Below(corpus_->size())));
        bytes->resize(at);
        bytes->append(other->second, Below(other->second.size()));
        break;
      }
      default:
        if (at < bytes->size()) {
          (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << Below(8)));
        }
        break;
    }
  }

  const Corpus* const corpus_;
  std::mt19937 random_;
};

class Replayed : public ::testing::Test {
 public:
  Replayed(const Corpus* corpus, std::string name)
      : corpus_(corpus), name_(std::move(name)) {}
  void TestBody() override {
    const std::string& bytes = corpus_->at(name_);
    LastInput last;
    last.Keep(bytes);
    Feed(bytes);
    Changes changes(corpus_, static_cast<unsigned>(bytes.size()));
    for (int i = 0; i < kChangesPerFile; ++i) {
      const std::string changed = changes.Of(bytes);
      last.Keep(changed);
      Feed(changed);
    }
  }

 private:
  const Corpus* const corpus_;
  const std::string name_;
};

int Main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  const Corpus corpus = ReadCorpus(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: there is no corpus\n", argv[1]);
    return 1;
  }
  for (const auto& file : corpus) {
    ::testing::RegisterTest("Corpus", file.first.c_str(), nullptr, nullptr,
                            __FILE__, __LINE__,
                            [&corpus, name = file.first]() -> ::testing::Test* {
                              return new Replayed(&corpus, name);
                            });
  }
  return RUN_ALL_TESTS();
}

}  // namespace
}  // namespace reinit

int main(int argc, char** argv) { return reinit::Main(argc, argv); }
