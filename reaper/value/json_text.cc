#include "reaper/value/json_text.h"

namespace reinit {
namespace {

// How many bytes at the beginning of `text` are one character of UTF-8; 0: they
// are none. Without overlong forms, surrogates and what is above U+10FFFF.
size_t CharacterSize(std::string_view text) {
  const auto byte = [text](size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  const auto goes_on = [&byte](size_t at, unsigned low = 0x80,
                               unsigned high = 0xbf) {
    return byte(at) >= low && byte(at) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return goes_on(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;
    return goes_on(1, low, high) && goes_on(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return goes_on(1, low, high) && goes_on(2) && goes_on(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string HexText(std::string_view prefix, char byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  std::string result(prefix);
  result += kHex[value >> 4];
  result += kHex[value & 15];
  return result;
}

bool IsControl(std::string_view character) {
  const auto byte = [character](size_t at) {
    return static_cast<unsigned char>(character[at]);
  };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7f;
  // U+0080 to U+009F, which a terminal obeys as well.
  return character.size() == 2 && byte(0) == 0xc2 && byte(1) < 0xa0;
}

std::string NextText(std::string_view text, size_t* size) {
  *size = CharacterSize(text);
  if (*size > 0) return std::string(text.substr(0, *size));
  *size = 1;
  return HexText("\\x", text[0]);
}

std::string NextJsonText(std::string_view text, size_t* size) {
  const std::string valid = NextText(text, size);
  const char c = text[0];
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  if (c == '"') return "\\\"";
  if (c == '\\') return text.substr(1, 1) == "x" ? "\\\\x5c" : "\\\\";
  if (IsControl(text.substr(0, *size)))
    return HexText("\\u00", text[*size - 1]);
  // A stray byte begins with a backslash of ours.
  return valid[0] == '\\' ? "\\" + valid : valid;
}

}  // namespace reinit
