// Which names inside a watched directory are looked at.
#ifndef REINIT_SUPERVISOR_WATCH_FILTER_H_
#define REINIT_SUPERVISOR_WATCH_FILTER_H_

#include <string>
#include <string_view>
#include <vector>

namespace reinit {

// Version control, caches, virtual environments and editor litter never count;
// with extensions given, only files with one of them do. Decides by the last
// component of a path alone. A path that the user has named is never asked
// about, so it always wins. Immutable.
class Filter {
 public:
  // Extensions without the dot; none: all files.
  explicit Filter(const std::vector<std::string>& extensions);

  bool EntersDirectory(std::string_view name) const;
  bool WatchesFile(std::string_view name) const;

 private:
  std::vector<std::string> suffixes_;  // with the dot
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_FILTER_H_
