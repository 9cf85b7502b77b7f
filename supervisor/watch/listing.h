// The names in one directory.
#ifndef REINIT_SUPERVISOR_WATCH_LISTING_H_
#define REINIT_SUPERVISOR_WATCH_LISTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "supervisor/watch/filter.h"

namespace reinit {

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
};

// Reads the directory behind `fd` from its beginning. False: errno says why,
// and what has been read so far is in `listing`.
bool ReadListing(int fd, const Filter& filter, Listing* listing);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_LISTING_H_
