// Keeps descriptors 0, 1 and 2 taken.
#ifndef REINIT_REAPER_SELF_STDIO_H_
#define REINIT_REAPER_SELF_STDIO_H_

namespace reinit {

// Puts a placeholder on each of descriptors 0 to 2 that is closed, so that no
// socket or pipe of ours lands there and is written to as if it were stderr.
// The placeholders end at exec: a child finds closed what was closed.
void HoldStandardDescriptors();

}  // namespace reinit

#endif  // REINIT_REAPER_SELF_STDIO_H_
