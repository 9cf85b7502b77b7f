#include "supervisor/strategy/strategy.h"

namespace reinit {

std::string_view ToString(Reason::Cause cause) {
  switch (cause) {
    case Reason::Cause::kFile:
      return "file";
    case Reason::Cause::kSignal:
      return "signal";
    case Reason::Cause::kControl:
      return "control";
    case Reason::Cause::kNotReady:
      return "not ready";
    case Reason::Cause::kWatchdog:
      return "watchdog";
    case Reason::Cause::kMemory:
      return "memory";
    case Reason::Cause::kAge:
      return "age";
    case Reason::Cause::kHealth:
      return "health";
    case Reason::Cause::kExit:
      return "exit";
  }
  return "?";
}

}  // namespace reinit
