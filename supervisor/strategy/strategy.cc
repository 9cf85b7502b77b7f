#include "supervisor/strategy/strategy.h"

namespace reinit {

std::string_view ToString(Reason::Cause cause) {
  switch (cause) {
    case Reason::Cause::kFile:
      return "file";
    case Reason::Cause::kHealth:
      return "health";
    case Reason::Cause::kExit:
      return "exit";
  }
  return "?";
}

}  // namespace reinit
