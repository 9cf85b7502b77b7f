// Tells those outside whether the process serves.
#ifndef REINIT_SUPERVISOR_NOTIFY_READY_REPORT_H_
#define REINIT_SUPERVISOR_NOTIFY_READY_REPORT_H_

#include <string>
#include <string_view>
#include <vector>

#include "reaper/log.h"
#include "reaper/unique_fd.h"

namespace reinit {

// --ready-file, which exists while the process serves, and the service manager
// that started reinit (Podman, systemd) by its NOTIFY_SOCKET. Never blocks;
// what cannot be told is reported to the log once. Owned by the Supervisor.
class ReadyReport {
 public:
  // `upwards`: the value of NOTIFY_SOCKET, or empty. `log` is borrowed.
  ReadyReport(Log* log, std::string file, std::string_view upwards);
  ~ReadyReport();  // the file goes
  ReadyReport(const ReadyReport&) = delete;
  ReadyReport& operator=(const ReadyReport&) = delete;

  // To be called whenever either may have changed. `state` is for people.
  void Show(bool ready, std::string_view state);
  void Stopping();
  // What the process says of itself.
  void Status(std::string_view text);
  void WatchdogAlive();

 private:
  void SetFile(bool there);
  void Send(std::string_view message);

  Log* const log_;
  const std::string file_;
  UniqueFd upwards_;
  std::string address_;
  bool file_is_there_ = false;
  bool complained_ = false;
  bool said_ready_ = false;
  std::string said_state_;
};

// The value of NOTIFY_SOCKET in `environment`, which loses it and the variables
// that go with it: they are about us, not about the process.
std::string TakeNotifySocket(std::vector<std::string>* environment);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_NOTIFY_READY_REPORT_H_
