// Lists what is generated from the flag table and kept in the repository.
#ifndef REINIT_CMD_REFERENCE_FLAG_DOCS_H_
#define REINIT_CMD_REFERENCE_FLAG_DOCS_H_

#include <string>
#include <vector>

namespace reinit {

struct FlagDocument {
  std::string path;  // from the top of the repository
  std::string text;
};

std::vector<FlagDocument> FlagDocuments();

}  // namespace reinit

#endif  // REINIT_CMD_REFERENCE_FLAG_DOCS_H_
