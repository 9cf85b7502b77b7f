// Makes a watched path absolute, whatever becomes of the working directory.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_ABSOLUTE_PATH_H_
#define REINIT_SUPERVISOR_WATCH_TREE_ABSOLUTE_PATH_H_

#include <limits.h>
#include <unistd.h>

#include <string>

namespace reinit {

// Empty if it has no path, as a directory that has been removed.
inline std::string WorkingDirectory() {
  char path[PATH_MAX];
  return ::getcwd(path, sizeof(path)) != nullptr && path[0] == '/' ? path : "";
}

// `path`, which begins at `base` if it is relative, or at the working directory
// if that is empty.
inline std::string AbsolutePath(const std::string& path,
                                const std::string& base) {
  if (!path.empty() && path[0] == '/') return path;
  const std::string from = base.empty() ? WorkingDirectory() : base;
  return from.empty() ? path : from + "/" + path;
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_ABSOLUTE_PATH_H_
