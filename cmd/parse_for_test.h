// Parses command lines for tests.
#ifndef REINIT_CMD_PARSE_FOR_TEST_H_
#define REINIT_CMD_PARSE_FOR_TEST_H_

#include <string>
#include <string_view>
#include <vector>

#include "cmd/command_line.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {

using Words = std::vector<std::string_view>;

inline CommandLine Parse(const Words& args, const Words& environment = {},
                         bool on_terminal = false) {
  CommandLineContext context;
  context.on_terminal = on_terminal;
  return ParseCommandLine(args, environment, context);
}

// The options of a line that is right.
inline Options Good(const Words& args, const Words& environment = {},
                    bool on_terminal = false) {
  const CommandLine line = Parse(args, environment, on_terminal);
  EXPECT_THAT(line.errors, testing::IsEmpty());
  EXPECT_EQ(line.action, CommandLine::Action::kRun);
  return line.options;
}

inline std::vector<std::string> Errors(const Words& args,
                                       const Words& environment = {}) {
  return Parse(args, environment).errors;
}

inline std::vector<std::string> Warnings(const Words& args,
                                         const Words& environment = {}) {
  const CommandLine line = Parse(args, environment);
  EXPECT_THAT(line.errors, testing::IsEmpty());
  return line.warnings;
}

}  // namespace reinit

#endif  // REINIT_CMD_PARSE_FOR_TEST_H_
