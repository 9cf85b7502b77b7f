#include "supervisor/watch/tree/save_sequence.h"

#include <sys/inotify.h>

#include "supervisor/watch/tree/stamp.h"

namespace reinit {
namespace {

constexpr uint32_t kOfAFile = IN_CREATE | IN_MODIFY | IN_ATTRIB |
                              IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO;

}  // namespace

void SaveSequence::OnEvent(const Inotify::Event& event, absl::Time now) {
  if (now - last_ >= kCalm) {
    state_ = State::kNothing;
    written_ = false;
  }
  last_ = now;
  state_ = Next(event);
}

SaveSequence::State SaveSequence::Next(const Inotify::Event& event) {
  const bool of_a_file = (event.mask & kOfAFile) != 0 &&
                         (event.mask & IN_ISDIR) == 0 && !event.name.empty();
  if (!of_a_file || state_ == State::kMore) return State::kMore;
  const std::pair<int, uint64_t> file(event.watch, PathHash(0, event.name));
  if (state_ == State::kMoving) {
    const bool arrives =
        (event.mask & IN_MOVED_TO) != 0 && event.cookie == cookie_;
    file_ = file;
    return arrives ? State::kSaved : State::kMore;
  }
  if (state_ == State::kNothing) {
    file_ = file;
    if ((event.mask & IN_MOVED_TO) != 0) return State::kSaved;
  } else if (file != file_) {
    return State::kMore;
  }
  return Change(event);
}

// Of the file that all of this is about.
SaveSequence::State SaveSequence::Change(const Inotify::Event& event) {
  if ((event.mask & IN_MOVED_FROM) != 0) {
    cookie_ = event.cookie;
    return State::kMoving;
  }
  if (state_ == State::kSaved || (event.mask & IN_MOVED_TO) != 0) {
    return State::kMore;
  }
  if ((event.mask & IN_MODIFY) != 0) written_ = true;
  const bool closed = written_ && (event.mask & IN_CLOSE_WRITE) != 0;
  return closed ? State::kSaved : State::kOpen;
}

}  // namespace reinit
