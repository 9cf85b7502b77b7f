// Checks what holds for every command line, however wrong it is.
#ifndef REINIT_CMD_LINE_PROMISES_H_
#define REINIT_CMD_LINE_PROMISES_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "cmd/command_line.h"

namespace reinit {

inline std::string BrokenPromiseOfAction(const CommandLine& line) {
  switch (line.action) {
    case CommandLine::Action::kRun:
      if (line.options.command.empty() || line.options.command[0].empty()) {
        return "there is nothing to run";
      }
      return line.options.restart.delay <= line.options.restart.delay_max
                 ? ""
                 : "a delay beyond its maximum";
    case CommandLine::Action::kCheck:
    case CommandLine::Action::kPrint:
      return line.text.empty() ? "there is nothing to print" : "";
    case CommandLine::Action::kProbe:
      return line.options.health.checks.size() == 1 ? "" : "not one probe";
    case CommandLine::Action::kListenExec:
    case CommandLine::Action::kSelfInstall:
      return line.options.command.empty() ? "no operand" : "";
    case CommandLine::Action::kCtl:
      if (line.ctl.path.empty()) return "no socket to ask at";
      return line.ctl.wait || !line.ctl.request.empty() ? "" : "no request";
  }
  return "no such action";
}

// Empty if all is as it should be.
inline std::string BrokenPromise(const CommandLine& line) {
  for (const std::string& error : line.errors) {
    if (error.empty()) return "an empty error";
    for (const char c : error) {
      if (static_cast<unsigned char>(c) < 0x20) {
        return absl::StrCat("an error of more than one line: ", error);
      }
    }
  }
  if (line.errors.empty()) return BrokenPromiseOfAction(line);
  return line.action == CommandLine::Action::kPrint ? "help in spite of errors"
                                                    : "";
}

}  // namespace reinit

#endif  // REINIT_CMD_LINE_PROMISES_H_
