#include "supervisor/value/changed_files.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"

namespace reinit {
namespace {

std::string Escaped(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\0";
      out += static_cast<char>('0' + byte / 64);
      out += static_cast<char>('0' + byte / 8 % 8);
      out += static_cast<char>('0' + byte % 8);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void ChangedFiles::Add(std::string_view path) {
  if (!full_) AddLine(Escaped(path));
}

void ChangedFiles::Precede(const ChangedFiles& earlier) {
  // The same change once more.
  if (earlier.paths_ == paths_ && earlier.count_ == count_) return;
  ChangedFiles all = earlier;
  for (std::string& line : paths_) {
    if (!all.full_) all.AddLine(std::move(line));
  }
  all.full_ = all.full_ || full_;
  if (earlier.Complete() && Complete() && !all.full_) {
    all.count_ = all.paths_.size();
  } else if (earlier.count_.has_value() && count_.has_value()) {
    all.count_ = *earlier.count_ + *count_;
  } else {
    all.count_ = std::nullopt;
  }
  *this = std::move(all);
}

void ChangedFiles::AddLine(std::string line) {
  if (std::find(paths_.begin(), paths_.end(), line) != paths_.end()) return;
  if (paths_.size() == kMaxPaths || bytes_ + line.size() + 1 > kMaxBytes) {
    full_ = true;
    return;
  }
  bytes_ += line.size() + 1;
  paths_.push_back(std::move(line));
}

std::string ChangedFiles::text() const { return absl::StrJoin(paths_, "\n"); }

}  // namespace reinit
