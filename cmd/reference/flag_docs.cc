#include "cmd/flag_docs.h"

#include <vector>

#include "cmd/completion.h"
#include "cmd/flag_reference.h"
#include "cmd/man_page.h"

namespace reinit {

std::vector<FlagDocument> FlagDocuments() {
  return {{"docs/flags.md", FlagReference()},
          {"docs/reinit.1", ManPage()},
          {"docs/completion/reinit.bash", BashCompletion()},
          {"docs/completion/_reinit", ZshCompletion()}};
}

}  // namespace reinit
