// Defines the records between the watch helper and PID 1.
#ifndef REINIT_SUPERVISOR_WATCH_WATCH_RECORD_H_
#define REINIT_SUPERVISOR_WATCH_WATCH_RECORD_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "supervisor/watch/filter/compare.h"
#include "supervisor/watch/filter/filter.h"

namespace reinit {

// One datagram on the helper's SOCK_SEQPACKET socket, always of exactly this
// size, so that PID 1 parses nothing of variable length.
struct WatchRecord {
  static constexpr uint32_t kMagic = 0x52574832;
  static constexpr size_t kMaxNames = 64;
  enum class Kind : uint32_t {
    kReady = 1,     // the first scan is done, changes are noticed from here on
    kNoticed = 2,   // something changed and has not settled yet
    kChanged = 3,   // settled: `count` files, `path` the first of them
    kGone = 4,      // the watched root `path` has disappeared
    kBack = 5,      // the watched root `path` has returned (kChanged follows)
    kWarning = 6,   // `path` holds one line of text for the log
    kProgress = 7,  // the first scan goes on, with `count` directories so far
    kStale = 8,     // what is mounted as `path` was replaced outside
    kPath = 9,      // `path` is one of the files of the next kChanged
  };
  static constexpr Kind kLastKind = Kind::kPath;
  // So many bytes of kPath, with one more for each, at most stand before a
  // kChanged. It needs none if it is about a single file.
  static constexpr size_t kMaxPathBytes = 32 * 1024;

  uint32_t magic = kMagic;
  Kind kind = Kind::kReady;
  uint32_t count = 0;
  uint32_t settled_ms = 0;  // from the first change noticed to this record
  // Of the names and stamps of all that is watched, after what this record
  // reports. A helper that replaces a killed one is given the last digest: if
  // its own first scan differs, it reports kChanged with count 0 (unknown).
  uint64_t digest = 0;
  char path[480] = {};  // NUL terminated; a longer one keeps its end: "...x/y"
  // Of kChanged: from when the last of the changes was noticed, at which all of
  // them had been made, to this record. Rounded down.
  uint64_t quiet_ms = 0;
  // Of kChanged: a number for each of the first kMaxNames files, the same in
  // each record about the same file, so that PID 1 can count them once.
  uint64_t names[kMaxNames] = {};

  size_t NameCount() const { return std::min<size_t>(count, kMaxNames); }
};
static_assert(sizeof(WatchRecord) == 1024);

// The record in sizeof(WatchRecord) bytes from the helper, which may be broken:
// nothing, unless all of it is as it is said above.
std::optional<WatchRecord> ReadWatchRecord(const char* bytes);

struct WatchConfig {
  std::vector<std::string> paths;
  // Absolute: what relative paths begin at. The working directory may have been
  // removed and made again. Empty: the working directory.
  std::string base;
  bool poll = false;  // sweep only; else what is not announced is swept
  WatchCompare compare = WatchCompare::kAuto;
  absl::Duration reload_delay;  // between two sweeps
  absl::Duration scan;          // between two safety scans; 0: none
  bool scan_adapts = false;     // more where scans find nothing (scan_pace.h)
  absl::Duration settle;        // quiet time; 5 s in all at most
  bool settle_adapts = false;   // less for one finished save (settle.h)
  FilterOptions filter;
  std::optional<uint64_t> digest;  // what PID 1 last heard, if it ever did
  // When PID 1 began (CLOCK_REALTIME): what is younger when the first scan
  // meets it has changed, since the process may have read it before. File
  // systems stamp with the last tick, so the first few milliseconds look older;
  // nothing has read a file by then. Not used with a digest.
  std::optional<timespec> since;

  // As command line arguments of the helper (argv[1] and up) and back.
  std::vector<std::string> ToArgs() const;
  static absl::StatusOr<WatchConfig> FromArgs(
      const std::vector<std::string>& args);
};

// From where on a first scan is worth a word. Lower in tests.
struct FirstScanLimits {
  absl::Duration progress_every =
      absl::Seconds(1);           // kProgress while it goes on
  size_t many_files = 1'000'000;  // so many are a kWarning
  // A call that takes longer is a kWarning.
  absl::Duration answers_within = absl::Seconds(5);
};

// The helper's whole life: sweeps and sends records on `fd` until the other end
// is closed. Returns the exit status. Runs in its own process, may block on a
// hung file system, and is killed by PID 1 at any time.
int RunWatchHelper(int fd, const WatchConfig& config,
                   const FirstScanLimits& limits = {});

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_WATCH_RECORD_H_
