// Takes prefixed output apart again, and checks it, for tests.
#ifndef REINIT_SUPERVISOR_OUTPUT_MERGED_OUTPUT_H_
#define REINIT_SUPERVISOR_OUTPUT_MERGED_OUTPUT_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace reinit {

// Line `index` of worker `worker` in the tests: its length differs from line to
// line, and its content tells if a part of another line is in it.
inline std::string TestLine(int worker, int index) {
  std::string line = absl::StrCat("w", worker, " ", index, " ");
  const size_t size =
      index % 1000 == 999 ? 150'000 : (index * 37 + worker) % 160;
  line.append(size, static_cast<char>('a' + (worker + index) % 26));
  return line;
}

// What is wrong with `merged`, if each of the workers 1 to `workers` has
// written the lines 0 to `lines` - 1; empty: nothing.
inline std::string WhatIsWrong(std::string_view merged, int workers,
                               int lines) {
  std::map<int, int> next;
  while (!merged.empty()) {
    const size_t end = merged.find('\n');
    if (end == std::string_view::npos) return "the last line has no end";
    std::string_view line = merged.substr(0, end);
    merged.remove_prefix(end + 1);
    const std::string shown(line.substr(0, 60));
    const size_t close = line.find("] ");
    int worker = 0;
    if (line.empty() || line[0] != '[' || close == std::string_view::npos ||
        !absl::SimpleAtoi(line.substr(1, close - 1), &worker)) {
      return absl::StrCat("a line without a prefix: ", shown);
    }
    if (line.substr(close + 2) != TestLine(worker, next[worker])) {
      return absl::StrCat("not line ", next[worker], ": ", shown);
    }
    ++next[worker];
  }
  for (int worker = 1; worker <= workers; ++worker) {
    if (next[worker] != lines) {
      return absl::StrCat("worker ", worker, " has ", next[worker], " lines");
    }
  }
  return "";
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_OUTPUT_MERGED_OUTPUT_H_
