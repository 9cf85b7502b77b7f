// Formats the lines of a plan.
#ifndef REINIT_CMD_PLAN_PLAN_LINES_H_
#define REINIT_CMD_PLAN_PLAN_LINES_H_

#include <string>
#include <string_view>
#include <vector>

namespace reinit {

// One line, with the text in the second column.
void AppendLine(std::string_view label, std::string_view text,
                std::string& out);

// As one would type it into a shell, so that the borders of words are seen.
std::string Quoted(std::string_view word);
std::string QuotedList(const std::vector<std::string>& words,
                       std::string_view separator);

}  // namespace reinit

#endif  // REINIT_CMD_PLAN_PLAN_LINES_H_
