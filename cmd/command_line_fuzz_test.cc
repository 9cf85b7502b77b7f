// Random command lines out of the flag table, the same in each run. What comes
// without any grammar is in tests/fuzz.
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cmd/command_line.h"
#include "cmd/flags/flag_table.h"
#include "cmd/line_promises.h"
#include "cmd/parse_for_test.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

constexpr int kLines = 20'000;

constexpr std::string_view kValues[] = {
    "",
    "yes",
    "no",
    "0",
    "1",
    "-1",
    "250ms",
    "1h30m",
    "infinity",
    "99999999999999999999h",
    "1e9",
    "TERM",
    "RTMIN+3",
    "SIGFOO",
    "always",
    "on-failure:3",
    "wait",
    "stay",
    "restart",
    "poll",
    "inotify",
    "all",
    "debug",
    "200-399",
    "200,,",
    "py,html",
    ".",
    "/no/such",
    "=",
    "==",
    "--",
    "-",
    "\n",
    "\xff\xfe",
    "%s%n",
    "$(x)",
    "exec:'",
    "exec:true",
    "tcp://127.0.0.1:80",
    "http://[::1]:99999/",
    "http://localhost/?q",
};

constexpr std::string_view kWords[] = {
    "--",      "-",
    "probe",   "self-install",
    "ls",      "",
    "--=",     "---",
    "--no-",   "-x",
    "--no",    "-h",
    "\x1b[m",  "tcp://127.0.0.1:80",
    "--bogus",
};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::vector<std::string> Arguments() {
    std::vector<std::string> args(Below(8));
    for (std::string& arg : args) arg = Argument();
    return args;
  }

  std::vector<std::string> Environment() {
    std::vector<std::string> environment(Below(4));
    for (std::string& entry : environment) {
      entry = absl::StrCat(FlagVariable(AnyFlag()), Below(8) == 0 ? "" : "=",
                           Value(), Below(4) == 0 ? "\n" : "",
                           Below(4) == 0 ? Value() : "");
    }
    return environment;
  }

  bool Coin() { return Below(2) == 0; }

 private:
  size_t Below(size_t end) { return random_() % end; }

  const Flag& AnyFlag() { return FlagTable()[Below(FlagTable().size())]; }

  std::string_view Value() { return kValues[Below(std::size(kValues))]; }

  std::string Argument() {
    std::string arg;
    switch (Below(6)) {
      case 0:
        return std::string(kWords[Below(std::size(kWords))]);
      case 1:
        return std::string(Value());
      case 2:
        arg = absl::StrCat("--", AnyFlag().name);
        break;
      case 3:
        arg = absl::StrCat("--no-", AnyFlag().name);
        break;
      default:
        arg = absl::StrCat("--", AnyFlag().name, "=", Value());
        break;
    }
    if (Below(4) == 0) arg[Below(arg.size())] = static_cast<char>(random_());
    if (Below(8) == 0) arg.resize(Below(arg.size()));
    return arg;
  }

  // Its numbers are laid down by the standard, unlike those of distributions.
  std::mt19937 random_;
};

TEST(CommandLineFuzz, GivesErrorsOrSomethingToDo) {
  Generator generator(20240722);
  int runs = 0;
  int wrong = 0;
  for (int i = 0; i < kLines; ++i) {
    const std::vector<std::string> args = generator.Arguments();
    const std::vector<std::string> environment = generator.Environment();
    SCOPED_TRACE(absl::StrCat("line ", i, ": ", absl::StrJoin(args, " | ")));
    const CommandLine line =
        Parse(Words(args.begin(), args.end()),
              Words(environment.begin(), environment.end()), generator.Coin());
    ASSERT_EQ(BrokenPromise(line), "");
    if (!line.errors.empty()) {
      ++wrong;
    } else if (line.action == CommandLine::Action::kRun) {
      ++runs;
    }
  }
  // Else the fragments no longer make anything worth testing.
  EXPECT_GT(runs, kLines / 20);
  EXPECT_GT(wrong, kLines / 20);
}

}  // namespace
}  // namespace reinit
