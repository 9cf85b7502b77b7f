// Tells one finished save of one file from anything more.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_SAVE_SEQUENCE_H_
#define REINIT_SUPERVISOR_WATCH_TREE_SAVE_SEQUENCE_H_

#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "supervisor/watch/tree/inotify.h"

namespace reinit {

// Reads what inotify announces, in its order. After a calm second the events of
// a save are those of one file alone, and its last one says that no more is to
// come: closed after writing, or renamed to where it is. A temporary file that
// is renamed is the same file. A second file, even one that the filter leaves
// out, a removed file, a folder, an event after the last one: all of this is
// more than a save, until a second has been calm again. A file that is still
// open for writing is not saved yet.
//
// What it cannot tell: a second writer of the same file that has not written
// since the first one closed it, and what a tool is about to do next.
//
// Pure: the owner has the clock.
class SaveSequence {
 public:
  static constexpr absl::Duration kCalm = absl::Seconds(1);

  void OnEvent(const Inotify::Event& event, absl::Time now);

  // One save, finished, is all that was announced since a calm second.
  bool finished() const { return state_ == State::kSaved; }

 private:
  enum class State {
    kNothing,
    kOpen,    // the file was made or written, and not closed
    kMoving,  // it has lost its old name, and has no new one yet
    kSaved,
    kMore,
  };

  State Next(const Inotify::Event& event);
  State Change(const Inotify::Event& event);

  State state_ = State::kNothing;
  std::pair<int, uint64_t> file_;  // watch, and hash of its name
  bool written_ = false;           // there is something to close
  uint32_t cookie_ = 0;
  absl::Time last_ = absl::InfinitePast();
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_SAVE_SEQUENCE_H_
