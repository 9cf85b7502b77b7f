#include "cmd/reference/flag_docs.h"

#include <vector>

#include "cmd/reference/completion.h"
#include "cmd/reference/flag_reference.h"
#include "cmd/reference/man_page.h"

namespace reinit {

std::vector<FlagDocument> FlagDocuments() {
  return {{"docs/flags.md", FlagReference()},
          {"docs/reinit.1", ManPage()},
          {"docs/completion/reinit.bash", BashCompletion()},
          {"docs/completion/_reinit", ZshCompletion()}};
}

}  // namespace reinit
