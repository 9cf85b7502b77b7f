// Defines what counts as another state of a watched file.
#ifndef REINIT_SUPERVISOR_WATCH_FILTER_COMPARE_H_
#define REINIT_SUPERVISOR_WATCH_FILTER_COMPARE_H_

namespace reinit {

enum class WatchCompare {
  kAuto,   // its content in a Kubernetes volume, else its stamp
  kStamp,  // any difference in time, size, inode...
  kHash,   // another content; found by reading what has another stamp
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_FILTER_COMPARE_H_
