#include "cmd/plan/plan_lines.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "reaper/log.h"

namespace reinit {
namespace {

constexpr size_t kLabelWidth = 18;

}  // namespace

void AppendLine(std::string_view label, std::string_view text,
                std::string& out) {
  absl::StrAppend(&out, "  ", label);
  out.append(kLabelWidth - std::min(kLabelWidth - 1, label.size()), ' ');
  absl::StrAppend(&out, text, "\n");
}

std::string Quoted(std::string_view word) {
  const bool plain =
      !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
               std::string_view("-_./:=,+@%").find(c) != std::string_view::npos;
      });
  if (plain) return std::string(word);
  return absl::StrCat(
      "'", absl::StrReplaceAll(EscapeForLog(word), {{"'", "'\\''"}}), "'");
}

std::string QuotedList(const std::vector<std::string>& words,
                       std::string_view separator) {
  return absl::StrJoin(words, separator,
                       [](std::string* out, const std::string& word) {
                         out->append(Quoted(word));
                       });
}

}  // namespace reinit
