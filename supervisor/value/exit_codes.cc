#include "supervisor/value/exit_codes.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace reinit {

absl::StatusOr<ExitCodes> ExitCodes::Parse(std::string_view list) {
  ExitCodes result;
  for (std::string_view item : absl::StrSplit(list, ',')) {
    item = absl::StripAsciiWhitespace(item);
    const auto bad = [&] {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", item,
          "': write codes from 0 to 255, ranges of them or signal names, "
          "separated by commas: 0,64-78,SIGTERM"));
    };
    if (item.empty()) return bad();
    if (!absl::ascii_isdigit(item[0])) {
      const absl::StatusOr<int> signo = ParseSignal(item);
      if (!signo.ok()) return bad();
      result.signals_.set(*signo);
      continue;
    }
    const std::pair<std::string_view, std::string_view> ends =
        absl::StrSplit(item, absl::MaxSplits('-', 1));
    int first = 0;
    int last = 0;
    const std::string_view second =
        ends.second.empty() && item.back() != '-' ? ends.first : ends.second;
    if (!absl::SimpleAtoi(ends.first, &first) ||
        !absl::SimpleAtoi(second, &last) || first < 0 || last > 255 ||
        first > last) {
      return bad();
    }
    for (int code = first; code <= last; ++code) result.codes_.set(code);
  }
  return result;
}

std::string ExitCodes::ToString() const {
  std::string out;
  const auto begin_item = [&out] {
    if (!out.empty()) out += ',';
  };
  for (size_t first = 0; first < codes_.size(); ++first) {
    if (!codes_[first]) continue;
    size_t last = first;
    while (last + 1 < codes_.size() && codes_[last + 1]) ++last;
    begin_item();
    absl::StrAppend(&out, first);
    if (last != first) absl::StrAppend(&out, "-", last);
    first = last;
  }
  for (int signo = 1; signo <= kMaxSignal; ++signo) {
    if (!signals_[signo]) continue;
    begin_item();
    out += SignalName(signo);
  }
  return out;
}

void ExitCodes::AddShellCode(int code) {
  codes_.set(code);
  if (code > 128 && code <= 128 + kMaxSignal) signals_.set(code - 128);
}

}  // namespace reinit
