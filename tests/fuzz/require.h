// Asserts a condition in a fuzz target.
#ifndef REINIT_TESTS_FUZZ_REQUIRE_H_
#define REINIT_TESTS_FUZZ_REQUIRE_H_

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace reinit {

// Ends the process where `what` does not hold: whoever feeds us keeps the
// input.
inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

inline std::string_view AsText(const unsigned char* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace reinit

#endif  // REINIT_TESTS_FUZZ_REQUIRE_H_
