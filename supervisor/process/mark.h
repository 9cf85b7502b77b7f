// Marks the processes of one start, so that they are told from others.
#ifndef REINIT_SUPERVISOR_PROCESS_MARK_H_
#define REINIT_SUPERVISOR_PROCESS_MARK_H_

#include <string>
#include <string_view>

namespace reinit {

// A new REINIT_INSTANCE=<random> entry. It tells the processes of one start
// from those of others; it is no secret.
std::string NewInstanceMark();

// In place of one where no process is given a mark: as a plain init.
inline constexpr char kNoInstanceMark[] = "REINIT_INSTANCE=none";

// The same for a job: REINIT_JOB=<random>.
std::string NewJobMark();

// Whether an entry of an environment is a mark, of whatever start or job.
bool IsMark(std::string_view entry);

// 16 random hexadecimal digits.
std::string RandomName();

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROCESS_MARK_H_
