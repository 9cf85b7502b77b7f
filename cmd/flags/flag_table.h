// The one table of flags: parsing, the environment, --help, the flag reference
// (docs/flags.md), the man page and completion all read it.
//
// A new flag is one row in flag_table.cc. Its setter stands in the row, so that
// nothing else has to be touched; its default is written as text and a test
// compares it with what Options has.
#ifndef REINIT_CMD_FLAG_TABLE_H_
#define REINIT_CMD_FLAG_TABLE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "cmd/settings.h"

namespace reinit {

enum class FlagType {
  kSwitch,         // --clear, --no-clear, --clear=no
  kOptionalValue,  // --help, --help=all; never the next argument
  kValue,          // --x=V or --x V; the last one counts
  kRepeated,       // the same, all of them count
};

enum class FlagGroup {
  kDev,
  kReload,
  kSidecar,
  kExit,
  kHealth,
  kReady,
  kStop,
  kPid1,
  kProcess,
  kObserve,
};

// Bits of Flag::traits.
inline constexpr unsigned kCommon = 1;  // shown by a plain --help
inline constexpr unsigned kProbe = 2;   // also a flag of `reinit probe`
// Not read from the environment: an image may well have `ENV REINIT_VERSION=…`
// for the version that it downloads, and must still start.
inline constexpr unsigned kNoVariable = 4;
// Without these the flag has no effect, and the user is told.
inline constexpr unsigned kNeedsWatch = 8;
inline constexpr unsigned kNeedsHealth = 16;
inline constexpr unsigned kNeedsReady = 64;  // --ready, --listen
inline constexpr unsigned kNeedsListen = 256;
// --reload-signal will do for --watch, and so will `reinit ctl`, which is there
// when supervising.
inline constexpr unsigned kReloads = 128;
inline constexpr unsigned kNeedsRestart = 32;  // --restart, --health, --watch

struct Flag {
  std::string_view name;  // without the dashes
  FlagType type;
  FlagGroup group;
  std::string_view placeholder;  // what stands behind `=`; none for a switch
  std::string_view standard;     // default as text; empty: none
  unsigned traits;
  std::string_view help;
  // Called once for each value, in order. A switch gets yes or no as text.
  absl::Status (*set)(std::string_view value, Settings& settings);

  bool Has(unsigned trait) const { return (traits & trait) != 0; }
};

// In the order in which they are shown: groups stay together.
absl::Span<const Flag> FlagTable();

std::string_view FlagGroupTitle(FlagGroup group);

// `name` without dashes, underscores count as hyphens; null if there is none.
const Flag* FindFlag(std::string_view name);

// `--watch=PATH`, `--[no-]clear`, `--help[=all]`: for help and reference.
std::string FlagSynopsis(const Flag& flag);

// REINIT_STOP_TIMEOUT; empty for a flag that has no variable.
std::string FlagVariable(const Flag& flag);

// Whether this environment variable is one of ours, set or not: those are not
// handed on to the child. False for REINIT_INSTANCE and its like, and for any
// REINIT_* that is no flag (Kubernetes injects REINIT_PORT for a Service).
bool IsFlagVariable(std::string_view variable);

// The known flag that was probably meant, with its dashes (`--no-clear` too);
// empty if nothing is near. `given` is without dashes and value.
std::string NearestFlag(std::string_view given);

// What --dev stands for: values for the flags that were not given. --clear on a
// terminal comes on top.
struct FlagPreset {
  std::string_view flag;
  std::string_view value;
};
absl::Span<const FlagPreset> DevPreset();

}  // namespace reinit

#endif  // REINIT_CMD_FLAG_TABLE_H_
