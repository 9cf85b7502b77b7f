// Looks up users and groups by name or number.
#ifndef REINIT_REAPER_USER_H_
#define REINIT_REAPER_USER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "reaper/os.h"

namespace reinit {

struct User {
  Credentials credentials;
  std::string name;        // empty where only a number is known
  std::string home = "/";  // "/" where none is known, as in a container
};

// `USER[:GROUP]`, each a name or a number, as `docker run --user` reads it:
// without a group the user's own and the supplementary ones that `group_file`
// lists, with one only that. A number needs no entry, and an image needs no
// such files for numbers. Reads the files itself: in a static binary the C
// library would load the image's own modules. The error names the user or
// group and the file.
absl::StatusOr<User> FindUser(std::string_view text,
                              const std::string& passwd_file = "/etc/passwd",
                              const std::string& group_file = "/etc/group");

}  // namespace reinit

#endif  // REINIT_REAPER_USER_H_
