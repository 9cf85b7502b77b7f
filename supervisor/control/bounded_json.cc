#include "supervisor/control/bounded_json.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "reaper/value/json_text.h"

namespace reinit {
namespace {

constexpr std::string_view kCut = "...";

using NextFn = std::string(std::string_view text, size_t* size);

// One piece of `bytes` after the other, as `next` has it.
std::string Cut(std::string_view bytes, size_t max, NextFn* next) {
  std::string result;
  size_t cut = 0;  // with room for kCut behind it
  while (!bytes.empty()) {
    size_t size = 0;
    result += next(bytes, &size);
    bytes.remove_prefix(size);
    if (result.size() > max) return result.substr(0, cut).append(kCut);
    if (result.size() + kCut.size() <= max) cut = result.size();
  }
  return result;
}

}  // namespace

std::string ValidText(std::string_view bytes, size_t max) {
  return Cut(bytes, max, NextText);
}

std::string SecondsText(absl::Duration duration) {
  const int64_t millis =
      absl::ToInt64Milliseconds(std::max(duration, absl::ZeroDuration()));
  return absl::StrCat(millis / 1000, ".",
                      absl::Dec(millis % 1000, absl::kZeroPad3));
}

void BoundedJson::Separate() {
  if (out_.empty()) return;
  const char last = out_.back();
  if (last != '{' && last != '[' && last != ':') out_ += ',';
}

BoundedJson& BoundedJson::Open(char bracket) {
  Separate();
  out_ += bracket;
  return *this;
}

BoundedJson& BoundedJson::Close(char bracket) {
  out_ += bracket;
  return *this;
}

BoundedJson& BoundedJson::Key(std::string_view name) {
  Separate();
  absl::StrAppend(&out_, "\"", name, "\":");
  return *this;
}

BoundedJson& BoundedJson::Text(std::string_view bytes, size_t max) {
  Separate();
  absl::StrAppend(&out_, "\"", Cut(bytes, max, NextJsonText), "\"");
  return *this;
}

BoundedJson& BoundedJson::Number(int64_t number) {
  Separate();
  absl::StrAppend(&out_, number);
  return *this;
}

BoundedJson& BoundedJson::Seconds(absl::Duration duration) {
  Separate();
  absl::StrAppend(&out_, SecondsText(duration));
  return *this;
}

BoundedJson& BoundedJson::Bool(bool value) {
  Separate();
  out_ += value ? "true" : "false";
  return *this;
}

BoundedJson& BoundedJson::Null() {
  Separate();
  out_ += "null";
  return *this;
}

BoundedJson& BoundedJson::Value(const BoundedJson& whole) {
  Separate();
  out_ += whole.out_;
  return *this;
}

}  // namespace reinit
