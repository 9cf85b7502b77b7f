// Defines what is known of the marks with which other processes were started.
#ifndef REINIT_SUPERVISOR_MARKS_H_
#define REINIT_SUPERVISOR_MARKS_H_

#include <functional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "reaper/os.h"

namespace reinit {

// A mark is an entry of an environment, which is the memory of a process, and
// PID 1 must not wait for that. So code that finds a mark unknown asks a
// Question, and looks again when that is answered. What was learned is kept,
// since no process gets or loses a mark. Built by main (process/mark_reader.h),
// on the loop's thread; outlives all questions but those that their own
// callback owns.
class Marks {
 public:
  enum class Verdict {
    kHas,
    kHasNot,
    kUnreadable,  // at the moment, or for good, as its memory hangs
    kUnknown
  };

  virtual ~Marks();
  Marks(const Marks&) = delete;
  Marks& operator=(const Marks&) = delete;

  // Whether `process`, which lives, was started with `mark`.
  virtual Verdict Of(const ProcessInfo& process,
                     std::string_view mark) const = 0;
  // Whether that is known for any mark, be it as unreadable.
  virtual bool Knows(const ProcessInfo& process) const = 0;
  // Has them read for whoever looks next.
  virtual void Learn(absl::Span<const ProcessInfo> unknown) = 0;

  // One look that waits for marks. Owned by who looks; destroying it ends it.
  class Question {
   public:
    explicit Question(Marks* marks) : marks_(marks) {}
    ~Question() { Cancel(); }
    Question(const Question&) = delete;
    Question& operator=(const Question&) = delete;

    // `then` is called from the loop when more is known, not necessarily of all
    // of these. Replaces what was asked before. `then` may ask again, and may
    // destroy this.
    void Ask(absl::Span<const ProcessInfo> unknown, std::function<void()> then);
    void Cancel();
    bool waiting() const { return then_ != nullptr; }

   private:
    friend class Marks;
    Marks* const marks_;
    std::function<void()> then_;
  };

 protected:
  Marks() = default;
  // More is known.
  void Answer();

 private:
  std::vector<Question*> asked_;
  std::vector<Question*> told_;  // are told now, each in turn
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_MARKS_H_
