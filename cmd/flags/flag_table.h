// Holds the one table of flags. Parsing, the environment, --help, the flag
// reference (docs/flags.md), the man page and completion all read it.
//
// A new flag is one row in flag_table.cc, with its setter. It also needs its
// field in Options, an example (flag_examples.h), a line in flag_table_test.cc
// and one in the plan (cmd/plan): tests fail without them. Its default is text;
// a test compares it with what Options has.
#ifndef REINIT_CMD_FLAGS_FLAG_TABLE_H_
#define REINIT_CMD_FLAGS_FLAG_TABLE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "cmd/flags/settings.h"

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
  kWorkers,
  kStop,
  kPid1,
  kProcess,
  kObserve,
};

// Bits of Flag::traits.
inline constexpr unsigned kCommon = 1U << 0;    // shown by a plain --help
inline constexpr unsigned kForProbe = 1U << 1;  // also for `reinit probe`
// Not read from the environment: an image may well have `ENV
// REINIT_VERSION=...` for the version that it downloads, and must still start.
inline constexpr unsigned kNoVariable = 1U << 2;
// About a process that reinit starts: an error in a sidecar.
inline constexpr unsigned kNeedsCommand = 1U << 3;
// Without these the flag has no effect, and the user is told.
inline constexpr unsigned kNeedsWatch = 1U << 4;
inline constexpr unsigned kNeedsHealth = 1U << 5;
inline constexpr unsigned kNeedsReady = 1U << 6;  // --ready, --listen
inline constexpr unsigned kNeedsListen = 1U << 7;
inline constexpr unsigned kNeedsRestart = 1U << 8;  // --restart, --health...
// With kNeedsWatch: --reload-signal is enough, and so is `reinit ctl`, which
// works whenever reinit supervises.
inline constexpr unsigned kReloads = 1U << 9;
// --workers: at least 2 of them, or auto.
inline constexpr unsigned kNeedsWorkers = 1U << 10;

struct Flag {
  std::string_view name;  // without the dashes
  FlagType type;
  FlagGroup group;
  std::string_view placeholder;  // what follows `=`; none for a switch
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

// How the variables of all flags begin.
inline constexpr std::string_view kVariablePrefix = "REINIT_";

// REINIT_STOP_TIMEOUT; empty for a flag that has no variable.
std::string FlagVariable(const Flag& flag);

// Whether this environment variable is that of a flag, set or not: those are
// not passed on to the process. False for REINIT_INSTANCE and its like, and for
// any REINIT_* that is no flag (Kubernetes injects REINIT_PORT for a Service).
bool IsFlagVariable(std::string_view variable);

// The flag that the user probably meant, with its dashes (`--no-clear` too);
// empty if none is near. `given` is without dashes and value.
std::string NearestFlag(std::string_view given);

// What --dev stands for: values for the flags that were not given. --clear on a
// terminal comes on top.
struct FlagPreset {
  std::string_view flag;
  std::string_view value;
};
absl::Span<const FlagPreset> DevPreset();

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_FLAG_TABLE_H_
