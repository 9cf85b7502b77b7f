// A parser with two faults, to be found: without that, silence proves nothing.
#include <cstdint>

#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = reinit::AsText(data, size);
  reinit::Require(text.substr(0, 4) != "BUG!", "an input is not the bug");
  if (text.substr(0, 4) == "OVER") {
    // One byte behind the end: only AddressSanitizer sees it.
    volatile uint8_t read = data[size];
    (void)read;
  }
  return 0;
}
