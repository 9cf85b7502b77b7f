// Writes the log lines of one worker.
#ifndef REINIT_SUPERVISOR_WORKERS_WORKER_LOG_H_
#define REINIT_SUPERVISOR_WORKERS_WORKER_LOG_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "reaper/log.h"

namespace reinit {

// Puts "worker 2: " before each line, and the number into each event. `log` is
// borrowed.
class WorkerLog : public Log {
 public:
  WorkerLog(Log* log, int number)
      : log_(log),
        number_(number),
        prefix_(absl::StrCat("worker ", number, ": ")) {}

  void Write(LogLevel level, std::string_view line) override {
    if (Enabled(level)) log_->Write(level, absl::StrCat(prefix_, line));
  }
  void Event(LogLevel level, std::string_view event, std::string_view line,
             absl::Span<const LogField> fields) override {
    if (!Enabled(level)) return;
    std::vector<LogField> all = {{"worker", number_}};
    all.insert(all.end(), fields.begin(), fields.end());
    log_->Event(level, event, absl::StrCat(prefix_, line), all);
  }
  bool Enabled(LogLevel level) const override { return log_->Enabled(level); }
  // A terminal shows all workers.
  void ClearTerminal() override {}

 private:
  Log* const log_;
  const int number_;
  const std::string prefix_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WORKERS_WORKER_LOG_H_
