// Lists the files of a change, within bounds.
#ifndef REINIT_SUPERVISOR_VALUE_CHANGED_FILES_H_
#define REINIT_SUPERVISOR_VALUE_CHANGED_FILES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reinit {

// Paths, each once, in the order in which they came. A value.
class ChangedFiles {
 public:
  // Of text(), so that an environment has room for it (one entry may have
  // 128 KiB).
  static constexpr size_t kMaxBytes = 32 * 1024;
  static constexpr size_t kMaxPaths = 256;

  // What does not fit is left out; the paths behind it are, too.
  void Add(std::string_view path);
  // How many files have changed in all; nothing: unknown.
  void SetCount(std::optional<uint64_t> count) { count_ = count; }
  // Puts those of an earlier change, which was not applied, before these.
  void Precede(const ChangedFiles& earlier);

  bool empty() const { return paths_.empty(); }
  // A file that two changes have in common is counted once if all are listed.
  std::optional<uint64_t> count() const { return count_; }

  // One path a line, without a newline at the end. A backslash, a newline and
  // other control characters in a path are written as printf(1) reads them with
  // %b: \\, \n, \t and \0 with three octal digits.
  std::string text() const;

 private:
  bool Complete() const { return count_ == paths_.size(); }
  void AddLine(std::string line);

  std::vector<std::string> paths_;  // escaped
  std::optional<uint64_t> count_ = 0;
  size_t bytes_ = 0;
  bool full_ = false;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_VALUE_CHANGED_FILES_H_
