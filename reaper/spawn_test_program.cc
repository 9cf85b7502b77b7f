// What a spawned program sees of itself, for spawn_test:
//
//   spawn_test_program report FILE    writes it to FILE
//   spawn_test_program pass TEXT      writes TEXT to descriptor 3
//   spawn_test_program sleep          lives until it is killed
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <string_view>

namespace {

std::set<int> Descriptors() {
  std::set<int> result;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return result;
  while (const dirent* entry = ::readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    if (entry->d_name[0] != '.' && fd != ::dirfd(directory)) result.insert(fd);
  }
  ::closedir(directory);
  return result;
}

void Report(int argc, char** argv) {
  const std::set<int> descriptors = Descriptors();
  std::ofstream out(argv[2]);
  out << "descriptors:\t";
  for (const int fd : descriptors) out << fd << " ";
  out << "\narguments:\t";
  for (int i = 0; i < argc; ++i) out << (i == 2 ? "FILE" : argv[i]) << " ";
  out << "\nenvironment:\t";
  for (char** entry = environ; *entry != nullptr; ++entry) out << *entry << " ";
  out << "\ngroup:\t" << ::getpgrp();
  out << "\nself:\t" << ::getpid();
  out << "\nforeground:\t" << ::tcgetpgrp(STDIN_FILENO) << "\n";
  std::ifstream status("/proc/self/status");
  out << status.rdbuf();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "report" && argc > 2) {
    Report(argc, argv);
    return 0;
  }
  if (what == "pass" && argc > 2) {
    const size_t size = std::strlen(argv[2]);
    return ::write(3, argv[2], size) == static_cast<ssize_t>(size) ? 0 : 1;
  }
  while (what == "sleep") ::pause();
  return 2;
}
