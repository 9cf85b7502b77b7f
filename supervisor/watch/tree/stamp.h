// Hashes what tells two states of a file apart to 64 bits.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_STAMP_H_
#define REINIT_SUPERVISOR_WATCH_TREE_STAMP_H_

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <string_view>

namespace reinit {

// All hashes here are the same in every process and at every time, because a
// new watch helper compares its own with what the last one told PID 1. They are
// no defence against somebody who searches for collisions.

// Mixes `value` into `hash`; for equal `hash`, different values give different
// results.
inline uint64_t MixIn(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9fb21c651e98df25ULL;
  return hash ^ (hash >> 32);
}

inline uint64_t MixInTime(uint64_t hash, const timespec& time) {
  hash = MixIn(hash, static_cast<uint64_t>(time.tv_sec));
  return MixIn(hash, static_cast<uint64_t>(time.tv_nsec));
}

// What users call the state of a file: device, inode, size, mtime, mode and
// owner; never 0. Any difference is a change, so a clock that is set back or a
// `cp -p` of an older file is a change too. The ctime is left out: it moves
// when a file is chowned to the owner that it has, as the kubelet does at each
// sync, and when one of its hard links goes.
inline uint64_t StampOf(const struct stat& st) {
  uint64_t hash = MixIn(0x7265696e6974ULL, st.st_dev);
  hash = MixIn(hash, st.st_ino);
  hash = MixIn(hash, static_cast<uint64_t>(st.st_size));
  hash = MixInTime(hash, st.st_mtim);
  hash = MixIn(hash, st.st_mode);
  hash = MixIn(hash, st.st_uid);
  hash = MixIn(hash, st.st_gid);
  return hash != 0 ? hash : 1;
}

// StampOf with the ctime: any difference means that the content has to be read
// again, which may turn out to be the same. Never 0.
inline uint64_t ReadStampOf(const struct stat& st) {
  const uint64_t hash = MixInTime(StampOf(st), st.st_ctim);
  return hash != 0 ? hash : 1;
}

inline int64_t Nanoseconds(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// CLOCK_REALTIME.
inline int64_t WallClock() {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return Nanoseconds(now);
}

// Whether a change right now might leave the same stamp: it is no older than a
// tick of the coarse clock that file systems stamp with (10 ms at the most),
// with room for a busy machine. `now` was taken before `st`.
inline bool IsYoung(const struct stat& st, int64_t now) {
  constexpr int64_t kTick = 50'000'000;
  return Nanoseconds(st.st_ctim) >= now - kTick;
}

// Of the path that is `name` below the path with the hash `parent`.
inline uint64_t PathHash(uint64_t parent, std::string_view name) {
  uint64_t hash = parent ^ 0xcbf29ce484222325ULL;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return MixIn(hash, name.size());
}

// What one path with this stamp adds to the digest of a tree: a sum, so that
// order means nothing and a change costs one subtraction.
inline uint64_t DigestOf(uint64_t path_hash, uint64_t stamp) {
  return MixIn(MixIn(path_hash, stamp), 0x77617463680aULL);
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_STAMP_H_
