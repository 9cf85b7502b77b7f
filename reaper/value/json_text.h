// Turns any bytes into text that a JSON string may hold.
#ifndef REINIT_REAPER_VALUE_JSON_TEXT_H_
#define REINIT_REAPER_VALUE_JSON_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace reinit {

// The character, or the stray byte, at the beginning of `text`, which is not
// empty; `size` is how much of `text` it was. A stray byte, which is no UTF-8,
// becomes \xNN.
std::string NextText(std::string_view text, size_t* size);

// The same, as it stands between the quotes of a JSON string. The backslash of
// a `\x` that was in the text becomes \x5c, so that the bytes can be had back.
std::string NextJsonText(std::string_view text, size_t* size);

// Whether a terminal obeys this character, which is as NextText takes it: of
// C0, DEL, or of C1 in UTF-8.
bool IsControl(std::string_view character);

// `prefix` and two hexadecimal digits.
std::string HexText(std::string_view prefix, char byte);

}  // namespace reinit

#endif  // REINIT_REAPER_VALUE_JSON_TEXT_H_
