#include "supervisor/control/bounded_json.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::string_view kCut = "...";

bool Continues(std::string_view bytes, size_t at) {
  return at < bytes.size() &&
         (static_cast<unsigned char>(bytes[at]) & 0xc0) == 0x80;
}

// The length of the UTF-8 character that `bytes` begins with; 0: none. Neither
// surrogates nor forms that are too long are characters.
size_t CharacterSize(std::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0   ? 4
                      : first >= 0xe0 ? 3
                      : first >= 0xc2 ? 2
                                      : 0;
  if (size == 0 || first > 0xf4) return 0;
  for (size_t i = 1; i < size; ++i) {
    if (!Continues(bytes, i)) return 0;
  }
  const auto second = static_cast<unsigned char>(bytes[1]);
  const bool wrong =
      (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return wrong ? 0 : size;
}

// One character of a JSON string.
std::string Escaped(std::string_view character) {
  const char c = character[0];
  if (c == '"' || c == '\\') return {'\\', c};
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte != 0x7f) return std::string(character);
  return absl::StrCat("\\u00", std::string(1, kHex[byte >> 4]),
                      std::string(1, kHex[byte & 15]));
}

// One character of `bytes` after the other, as `show` has it; what is none is
// shown to it as \xNN.
template <typename Show>
std::string Cut(std::string_view bytes, size_t max, Show show) {
  std::string result;
  size_t cut = 0;  // with room for kCut behind it
  while (!bytes.empty()) {
    const size_t size = CharacterSize(bytes);
    const auto byte = static_cast<unsigned char>(bytes[0]);
    if (size > 0) {
      result += show(bytes.substr(0, size));
    } else {
      absl::StrAppend(&result, show("\\"), "x",
                      std::string({kHex[byte >> 4], kHex[byte & 15]}));
    }
    bytes.remove_prefix(size > 0 ? size : 1);
    if (result.size() > max) return result.substr(0, cut).append(kCut);
    if (result.size() + kCut.size() <= max) cut = result.size();
  }
  return result;
}

}  // namespace

std::string ValidText(std::string_view bytes, size_t max) {
  return Cut(bytes, max, [](std::string_view text) { return text; });
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

BoundedJson& BoundedJson::Text(std::string_view bytes) {
  Separate();
  absl::StrAppend(&out_, "\"", Cut(bytes, kMaxText, Escaped), "\"");
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

}  // namespace reinit
