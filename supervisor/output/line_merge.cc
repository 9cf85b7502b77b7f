#include "supervisor/output/line_merge.h"

#include <utility>

namespace reinit {

size_t LineMerge::AddSource(std::string prefix) {
  sources_.push_back({std::move(prefix), ""});
  return sources_.size() - 1;
}

void LineMerge::Add(size_t source, std::string_view bytes, std::string* out) {
  if (open_ == source) bytes = Continue(bytes, out);
  Source& from = sources_[source];
  for (size_t end = bytes.find('\n'); end != std::string_view::npos;
       end = bytes.find('\n')) {
    Cut(out);
    out->append(from.prefix).append(from.held).append(bytes, 0, end + 1);
    from.held.clear();
    bytes.remove_prefix(end + 1);
  }
  from.held.append(bytes);
  if (from.held.size() <= kWholeLine) return;
  Cut(out);
  out->append(from.prefix).append(from.held);
  open_ = source;
  alone_ = true;
  passed_ = from.held.size();
  // The memory too: a long line is rare.
  std::string().swap(from.held);
}

void LineMerge::Rest(size_t source, std::string* out) {
  if (open_ == source) alone_ = false;
  Source& from = sources_[source];
  if (from.held.empty()) return;
  Cut(out);
  out->append(from.prefix).append(from.held);
  from.held.clear();
  open_ = source;
}

// Returns what comes after the line that is open.
std::string_view LineMerge::Continue(std::string_view bytes, std::string* out) {
  const size_t end = bytes.find('\n');
  if (end == std::string_view::npos) {
    out->append(bytes);
    passed_ += bytes.size();
    if (passed_ >= kAlone) alone_ = false;
    return "";
  }
  out->append(bytes, 0, end + 1);
  open_ = kNone;
  alone_ = false;
  return bytes.substr(end + 1);
}

void LineMerge::Cut(std::string* out) {
  if (open_ == kNone) return;
  out->push_back('\n');
  open_ = kNone;
  alone_ = false;
}

}  // namespace reinit
