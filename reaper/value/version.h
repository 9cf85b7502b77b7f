// Holds the version, in one place.
#ifndef REINIT_REAPER_VALUE_VERSION_H_
#define REINIT_REAPER_VALUE_VERSION_H_

#include <string_view>

namespace reinit {

inline constexpr std::string_view kVersion = "0.1.0";

// What -l and -L of the programs that it stands in for print.
inline constexpr std::string_view kLicense =
    "reinit is under the Apache License, Version 2.0:\n"
    "http://www.apache.org/licenses/LICENSE-2.0\n";

}  // namespace reinit

#endif  // REINIT_REAPER_VALUE_VERSION_H_
