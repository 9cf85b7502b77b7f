#include "cmd/personality/catatonit.h"

#include <getopt.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/log.h"
#include "reaper/value/version.h"

namespace reinit {
namespace {

// Docker looks for tini's words in the version of an init.
constexpr std::string_view kCatatonitVersion = "tini version 0.1.7_catatonit\n";

std::string Line(std::string_view level, pid_t pid, std::string_view text) {
  return absl::StrCat(level, " (catatonit:", pid, "): ", text, "\n");
}

class CatatonitWords : public Observer {
 public:
  CatatonitWords(bool debug, std::string program)
      : debug_(debug), program_(std::move(program)) {}

  void OnSpawned(pid_t pid) override {
    if (!debug_) return;
    Say("DEBUG", absl::StrCat("pid1 (", pid, ") spawned: ", program_));
  }
  void OnSpawnFailure(pid_t pid, const SpawnFailure& failure,
                      std::string_view explanation) override {
    const bool exec = failure.stage == SpawnFailure::Stage::kExec;
    Say("ERROR",
        exec ? absl::StrCat("failed to exec pid1: ", ::strerror(failure.error))
             : std::string(explanation),
        pid);
  }
  void OnForwarded(int, int sent, pid_t pid, int error) override {
    if (error == 0) return;
    Say("WARN", absl::StrCat("failed to pass signal ", sent, " to pid1 (", pid,
                             "): ", ::strerror(error)));
  }
  void OnReaped(pid_t pid, ExitStatus status, bool main) override {
    if (!debug_ || main) return;
    Say("DEBUG", absl::StrCat("child process ", pid, " exited with code ",
                              status.ShellCode()));
  }
  void OnAllReaped(bool none_left) override {
    if (debug_ && none_left) {
      Say("DEBUG", "got ECHILD: no children left to monitor");
    }
  }

 private:
  static void Say(std::string_view level, std::string_view text,
                  pid_t pid = ::getpid()) {
    WriteWithoutBlocking(STDERR_FILENO, Line(level, pid, text));
  }

  const bool debug_;
  const std::string program_;
};

constexpr std::string_view kUsage =
    "usage: catatonit [-ghLPV] [--] <progname> [<arguments>...]\n";

std::string Help() {
  return absl::StrCat(
      kUsage, "\nThis is reinit ", kVersion,
      " in the place of catatonit.\n\n"
      "options:\n"
      "  -g              pass signals to the whole process group\n"
      "  -h              this text\n"
      "  -L              the license\n"
      "  -P              pause: run nothing, reap, end on SIGINT or SIGTERM\n"
      "  -V, --version   the version\n\n"
      "REINIT_... variables set any flag of `reinit --help=all`.\n");
}

constexpr option kLongOptions[] = {
    {"version", no_argument, nullptr, 'V'},
    {nullptr, 0, nullptr, 0},
};

}  // namespace

PersonalityLine ParseCatatonit(int argc, char** argv, Options options) {
  if (::getenv("CATATONIT_LOG") != nullptr) {
    return PrintAndExit(
        "",
        Line("ERROR", ::getpid(), "CATATONIT_LOG is reserved for future use"),
        1);
  }
  PersonalityLine line;
  for (int option; (option = ::getopt_long(argc, argv, "+ghLPV", kLongOptions,
                                           nullptr)) != -1;) {
    switch (option) {
      case 'g':
        options.signals.forward_to = SignalOptions::ForwardTo::kGroup;
        break;
      case 'h':
        return PrintAndExit("", Help(), 0);
      case 'L':
        return PrintAndExit(std::string(kLicense), "", 0);
      case 'P':
        line.action = PersonalityLine::Action::kPause;
        break;
      case 'V':
        return PrintAndExit(std::string(kCatatonitVersion), "", 0);
      default:
        return PrintAndExit("", std::string(kUsage), 1);
    }
  }
  options.command.assign(argv + optind, argv + argc);
  if (options.command.empty() && line.action == PersonalityLine::Action::kRun) {
    return PrintAndExit(
        "",
        absl::StrCat(Line("ERROR", ::getpid(), "missing program name"), kUsage),
        1);
  }
  options.init.ends_at_once = true;
  options.process.as.text_is_script = true;
  options.process.as.exec_failure_code = [](int) { return 1; };
  line.observer = std::make_unique<CatatonitWords>(
      ::getenv("CATATONIT_DEBUG") != nullptr,
      options.command.empty() ? "" : options.command[0]);
  line.options = std::move(options);
  return line;
}

}  // namespace reinit
