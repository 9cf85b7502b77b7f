// Lists the names in one directory.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_LISTING_H_
#define REINIT_SUPERVISOR_WATCH_TREE_LISTING_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/watch/filter/filter.h"

namespace reinit {

// The link in a Kubernetes ConfigMap, Secret or projected volume whose exchange
// brings a new version of all that is in it.
inline constexpr std::string_view kVolumeData = "..data";

// NUL-terminated names in one block, sorted as bytes: what a system call takes
// without a copy, at the cost of a name and five bytes.
struct NameList {
  const char* name(size_t i) const { return bytes.data() + offsets[i]; }
  size_t size() const { return offsets.size(); }
  void Add(const char* text);
  void Sort();

  std::string bytes;
  std::vector<uint32_t> offsets;
};

struct Listing {
  NameList files;  // all that the filter watches and is no directory
  NameList directories;
  bool is_volume = false;       // it holds a `..data` link
  bool is_environment = false;  // it holds a pyvenv.cfg, as Python makes them
};

// Reads the directory behind `fd` from its beginning. False: errno says why,
// and what has been read so far is in `listing`.
//
// In a volume `..data` stands among the directories. The rest of what the
// kubelet keeps there (older versions, `..data_tmp`) is left out, and so are
// the links that lead into `..data`: what they mean is found there.
bool ReadListing(int fd, const Filter& filter, const Filter::Place& place,
                 Listing* listing);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_LISTING_H_
