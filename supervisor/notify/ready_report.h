// Reports to those outside whether the process serves.
#ifndef REINIT_SUPERVISOR_NOTIFY_READY_REPORT_H_
#define REINIT_SUPERVISOR_NOTIFY_READY_REPORT_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "reaper/unique_fd.h"
#include "supervisor/context.h"
#include "supervisor/side/side_file.h"

namespace reinit {

// What a service manager gave us.
struct Upwards {
  std::string socket;  // NOTIFY_SOCKET, or empty
  // WATCHDOG_USEC, if it is meant for us; else infinite.
  absl::Duration watchdog = absl::InfiniteDuration();
};

// Takes it out of `environment`, with the variables that go with it: they are
// about us (`self`), not about the process.
Upwards TakeUpwards(std::vector<std::string>* environment, pid_t self);

// --ready-file, which exists while the process serves, and the service manager
// that started reinit (Podman, systemd). One that wants to hear every so often
// that reinit lives is told so from the beginning to the end: whether the
// process does is for reinit itself to watch. Never blocks; what cannot be told
// is reported to the log once. Owned by the Supervisor.
class ReadyReport {
 public:
  // A file of a life before this one goes. `file` may be empty.
  ReadyReport(const Context& context, const std::string& file,
              const Upwards& upwards);
  ReadyReport(const ReadyReport&) = delete;
  ReadyReport& operator=(const ReadyReport&) = delete;

  // To be called whenever either may have changed. `state` is for people.
  void Show(bool ready, std::string_view state);
  void Stopping();
  // What the process says of itself.
  void Status(std::string_view text);
  // The file is being made or removed: reinit must not end before that is done.
  // Bounded; the end of a child of ours ends it.
  bool busy() const { return file_.has_value() && file_->busy(); }

 private:
  void SetFile(bool there);
  void Send(std::string_view message);
  void Live();

  const Context context_;
  std::optional<SideFile> file_;
  UniqueFd upwards_;
  std::string address_;
  absl::Duration watchdog_;
  EventLoop::Timer alive_;
  bool file_is_there_ = false;
  bool complained_ = false;
  bool said_ready_ = false;
  std::string said_state_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_NOTIFY_READY_REPORT_H_
