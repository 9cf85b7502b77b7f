// Hashes the content of a file to 64 bits.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_CONTENT_H_
#define REINIT_SUPERVISOR_WATCH_TREE_CONTENT_H_

#include <cstdint>
#include <functional>

namespace reinit {

// Hashes (XXH3) the content of the regular file `name` below `directory_fd`,
// through links; never 0. False: errno says why; EINVAL if it is no regular
// file. Takes as long as reading the file does, and calls `progress`, unless it
// is empty, now and then meanwhile.
bool HashContent(int directory_fd, const char* name,
                 const std::function<void()>& progress, uint64_t* hash);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_CONTENT_H_
