// Gives back memory that only the start needed.
#ifndef REINIT_REAPER_SELF_MEMORY_H_
#define REINIT_REAPER_SELF_MEMORY_H_

namespace reinit {

// Gives back the program's own pages that only the start needed: an init is
// idle all its life, and most of its code has run by then. They are clean pages
// of its file, and come back from there when they are needed after all. Costs
// about what a fork does, so it is for a moment in which nobody waits.
void ReleaseStartPages();

}  // namespace reinit

#endif  // REINIT_REAPER_SELF_MEMORY_H_
