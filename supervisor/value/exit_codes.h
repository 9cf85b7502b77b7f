// Holds a set of exit codes and signals, as --success-exit-status takes it.
#ifndef REINIT_SUPERVISOR_VALUE_EXIT_CODES_H_
#define REINIT_SUPERVISOR_VALUE_EXIT_CODES_H_

#include <bitset>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "reaper/value/exit_status.h"
#include "reaper/value/signals.h"

namespace reinit {

class ExitCodes {
 public:
  // `143,SIGTERM,64-78`: codes from 0 to 255, ranges of them, signals by name.
  // A number is always a code. The error names the item.
  static absl::StatusOr<ExitCodes> Parse(std::string_view list);

  // What a shell calls `code`: with 143, an end by SIGTERM as well.
  void AddShellCode(int code);

  // As Parse takes it: `3,64-78,SIGTERM`; empty if there are none.
  std::string ToString() const;

  bool empty() const { return codes_.none() && signals_.none(); }
  bool Contains(const ExitStatus& status) const {
    return status.signal != 0 ? signals_[status.signal] : codes_[status.code];
  }

 private:
  std::bitset<256> codes_;
  std::bitset<kMaxSignal + 1> signals_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_VALUE_EXIT_CODES_H_
