// Any bytes as text that a JSON string may hold.
#ifndef REINIT_REAPER_JSON_TEXT_H_
#define REINIT_REAPER_JSON_TEXT_H_

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

}  // namespace reinit

#endif  // REINIT_REAPER_JSON_TEXT_H_
