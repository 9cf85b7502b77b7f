// Has children read with which marks other processes were started.
#ifndef REINIT_SUPERVISOR_PROCESS_MARK_READER_H_
#define REINIT_SUPERVISOR_PROCESS_MARK_READER_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "supervisor/context.h"
#include "supervisor/marks.h"
#include "supervisor/side/memory_read.h"

namespace reinit {

// Reads each process once (MemoryRead), and keeps its marks by pid and start
// time until it has ended.
class MarkReader : public Marks {
 public:
  explicit MarkReader(const Context& context);

  Verdict Of(const ProcessInfo& process, std::string_view mark) const override;
  bool Knows(const ProcessInfo& process) const override;
  void Learn(absl::Span<const ProcessInfo> unknown) override;

  size_t size() const { return known_.size(); }  // for tests

  // A process whose environment could not be read (in the middle of an exec it
  // is empty) counts as unreadable for so long, and is then read again.
  static constexpr absl::Duration kReadAgain = absl::Milliseconds(50);

 private:
  struct Known {
    bool readable = false;
    absl::Time until;
    std::vector<std::string> marks;
  };

  const Known* Find(const ProcessInfo& process) const;
  void OnRead(const std::vector<MemoryRead::Result>& results);
  void Forget();

  const Context context_;
  std::map<MemoryRead::Key, Known> known_;
  size_t forget_at_;  // when there are so many
  MemoryRead read_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROCESS_MARK_READER_H_
