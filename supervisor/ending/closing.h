// Ends reinit once the last process has gone: leftovers, --post-stop, last
// words.
#ifndef REINIT_SUPERVISOR_ENDING_CLOSING_H_
#define REINIT_SUPERVISOR_ENDING_CLOSING_H_

#include <functional>
#include <optional>
#include <string>

#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/process/leftovers.h"
#include "supervisor/run/post_stop.h"
#include "supervisor/side/side_file.h"

namespace reinit {

//   Open     | Begin                     -> Sweeping; a plain init that ends at
//            |                              once: Hook
//            | KillNow                   -> Open; Sweeping will begin with KILL
//   Sweeping | nothing is left, or only  -> Hook
//            |   what survives KILL      |
//            | --leftover-timeout is     -> Sweeping, with KILL
//            |   over, or KillNow        |
//   Hook     | --post-stop is through    -> Words; without --termination-log:
//            |                              Closed
//   Words    | written, or not, or its   -> Closed
//            |   file system hangs       |
//
// The end of one worker of several sweeps only what belongs to that worker.
// Owned by the Supervisor, or by Workers for the end of them all, on its
// thread.
class Closing {
 public:
  // What is known of the last process.
  struct Last {
    pid_t pid = 0;  // 0: there was none
    std::string mark;
    StopNote stop;       // of its stop
    pid_t survivor = 0;  // see Leftovers::Scope
    bool adopts = true;  // orphans are handed to us
    int exit_code = 0;   // of reinit
  };
  using Words = std::function<std::string()>;

  // `options` and `post_stop` (null: there is no hook) are borrowed; `words` is
  // for --termination-log.
  Closing(const Context& context, const Options* options, PostStop* post_stop,
          Words words)
      : context_(context),
        options_(options),
        post_stop_(post_stop),
        words_(std::move(words)) {}

  // Called before the sweep: the owner of another helper ends it then, so that
  // it is still reaped.
  void set_on_begin(std::function<void()> on_begin) {
    on_begin_ = std::move(on_begin);
  }

  // Called once everything is done.
  void set_on_closed(std::function<void()> on_closed) {
    on_closed_ = std::move(on_closed);
  }

  void Begin(const Last& last);
  // Kills what is left, now and later, without waiting for it.
  void KillNow();
  void OnReaped() {
    if (sweep_.has_value()) sweep_->Look();
  }
  bool closed() const { return closed_; }

 private:
  void Sweep(const Last& last);
  void EndAtOnce(const Last& last);
  void RunHook();
  void WriteWords();
  void Close();

  const Context context_;
  const Options* const options_;
  PostStop* const post_stop_;
  const Words words_;
  std::function<void()> on_begin_;
  std::function<void()> on_closed_;
  std::optional<Leftovers> sweep_;
  std::optional<SideFile> words_file_;
  bool kill_now_ = false;
  bool closed_ = false;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ENDING_CLOSING_H_
