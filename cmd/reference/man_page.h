// Writes the manual page from the flag table.
#ifndef REINIT_CMD_REFERENCE_MAN_PAGE_H_
#define REINIT_CMD_REFERENCE_MAN_PAGE_H_

#include <string>

namespace reinit {

std::string ManPage();  // docs/reinit.1, in mdoc

}  // namespace reinit

#endif  // REINIT_CMD_REFERENCE_MAN_PAGE_H_
