// Finds mounts that do not follow what is mounted.
#ifndef REINIT_SUPERVISOR_WATCH_STALE_MOUNTS_H_
#define REINIT_SUPERVISOR_WATCH_STALE_MOUNTS_H_

#include <string>
#include <string_view>
#include <vector>

namespace reinit {

// One line of /proc/self/mountinfo, as far as it is of interest.
struct MountPoint {
  std::string path;    // where it is seen
  std::string source;  // what of its file system is: the fourth field
};

std::vector<MountPoint> ParseMountInfo(std::string_view text);

// A file that is mounted by itself (a subPath of Kubernetes, docker -v
// file:file) stays what it was when it is replaced outside, which the kubelet
// always does and most editors do: no event, no other content. What can be seen
// is that it has no name any more. Owned by the watch helper, on its thread.
class StaleMounts {
 public:
  // What is mounted so at or below `roots`; what the runtime mounts so and
  // writes in place (/etc/hosts) is left out.
  StaleMounts(const std::vector<std::string>& roots,
              const std::vector<MountPoint>& mounts);

  const std::vector<std::string>& paths() const { return paths_; }

  // Those of `paths` that are parts of a Kubernetes volume (subPath).
  const std::vector<std::string>& volume_parts() const { return parts_; }

  // Those that have been replaced since the last look.
  std::vector<std::string> Check();

 private:
  std::vector<std::string> paths_;
  std::vector<std::string> parts_;
  std::vector<std::string> left_;  // not replaced yet
};

// Of this process; empty without /proc.
std::vector<MountPoint> OwnMounts();

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_STALE_MOUNTS_H_
