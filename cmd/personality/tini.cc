#include "cmd/personality/tini.h"

#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "reaper/log.h"
#include "reaper/value/signals.h"
#include "reaper/value/version.h"

namespace reinit {
namespace {

constexpr std::string_view kTiniVersion = "tini version 0.19.0";

enum class Level { kFatal, kWarning, kInfo, kDebug, kTrace };

std::string_view Tag(Level level) {
  switch (level) {
    case Level::kFatal:
      return "FATAL";
    case Level::kWarning:
      return "WARN ";
    case Level::kInfo:
      return "INFO ";
    case Level::kDebug:
      return "DEBUG";
    case Level::kTrace:
      return "TRACE";
  }
  return "";
}

std::string Line(Level level, pid_t pid, std::string_view text) {
  return absl::StrCat("[", Tag(level), " tini (", pid, ")] ", text, "\n");
}

// Warnings go to stderr and the rest to stdout, as its users are used to.
class TiniWords : public Observer {
 public:
  TiniWords(int verbosity, bool warns_on_reap, std::string program)
      : verbosity_(verbosity),
        warns_on_reap_(warns_on_reap),
        program_(std::move(program)) {}

  void OnSpawned(pid_t pid) override {
    Say(Level::kInfo, absl::StrCat("Spawned child process '", program_,
                                   "' with pid '", pid, "'"));
  }
  void OnSpawnFailure(pid_t pid, const SpawnFailure& failure,
                      std::string_view explanation) override {
    const bool exec = failure.stage == SpawnFailure::Stage::kExec;
    Say(Level::kFatal,
        exec ? absl::StrCat("exec ", program_,
                            " failed: ", ::strerror(failure.error))
             : std::string(explanation),
        pid);
  }
  void OnSignal(int signo) override {
    Say(Level::kDebug,
        signo == SIGCHLD
            ? std::string("Received SIGCHLD")
            : absl::StrCat("Passing signal: '", ::strsignal(signo), "'"));
  }
  void OnForwarded(int, int, pid_t, int error) override {
    if (error == ESRCH) {
      Say(Level::kWarning, "Child was dead when forwarding signal");
    } else if (error != 0) {
      Say(Level::kWarning,
          absl::StrCat("Unexpected error when forwarding signal: '",
                       ::strerror(error), "'"));
    }
  }
  void OnReaped(pid_t pid, ExitStatus status, bool main) override {
    Say(Level::kDebug, absl::StrCat("Reaped child with pid: '", pid, "'"));
    if (!main) {
      if (warns_on_reap_) {
        Say(Level::kWarning,
            absl::StrCat("Reaped zombie process with pid=", pid));
      }
    } else if (status.signal != 0) {
      Say(Level::kInfo,
          absl::StrCat("Main child exited with signal (with signal '",
                       ::strsignal(status.signal), "')"));
    } else {
      Say(Level::kInfo,
          absl::StrCat("Main child exited normally (with status '", status.code,
                       "')"));
    }
  }
  void OnAllReaped(bool none_left) override {
    Say(Level::kTrace, none_left ? "No child to wait" : "No child to reap");
  }
  void OnEnd(int) override { Say(Level::kTrace, "Exiting: child has exited"); }

 private:
  void Say(Level level, std::string_view text, pid_t pid = ::getpid()) const {
    if (static_cast<int>(level) > verbosity_) return;
    WriteWithoutBlocking(
        level <= Level::kWarning ? STDERR_FILENO : STDOUT_FILENO,
        Line(level, pid, text));
  }

  const int verbosity_;
  const bool warns_on_reap_;
  const std::string program_;
};

// The original's words, which scripts look for, and below them our own.
std::string Usage(std::string_view name) {
  return absl::StrCat(
      name, " (", kTiniVersion, ")\n", "Usage: ", name,
      " [OPTIONS] PROGRAM -- [ARGS] | --version\n\n"
      "Execute a program under the supervision of a valid init process (",
      name,
      ")\n\n"
      "Command line options:\n\n"
      "  --version: Show version and exit.\n"
      "  -h: Show this help message and exit.\n"
      "  -s: Register as a process subreaper (requires Linux >= 3.4).\n"
      "  -p SIGNAL: Trigger SIGNAL when parent dies, e.g. \"-p SIGKILL\".\n"
      "  -v: Generate more verbose output. Repeat up to 3 times.\n"
      "  -w: Print a warning when processes are getting reaped.\n"
      "  -g: Send signals to the child's process group.\n"
      "  -e EXIT_CODE: Remap EXIT_CODE (from 0 to 255) to 0.\n"
      "  -l: Show license and exit.\n\n"
      "Environment variables:\n\n"
      "  TINI_SUBREAPER: Register as a process subreaper (requires Linux >= "
      "3.4).\n"
      "  TINI_VERBOSITY: Set the verbosity level (default: 1).\n"
      "  TINI_KILL_PROCESS_GROUP: Send signals to the child's process "
      "group.\n\n"
      "This is reinit ",
      kVersion,
      " in the place of tini.\n"
      "  REINIT_...: Set any flag of `reinit --help=all`.\n\n");
}

PersonalityLine Fail(std::string text) {
  return PrintAndExit("", std::move(text), 1);
}

PersonalityLine BadValue(char option, std::string_view value) {
  return Fail(Line(Level::kFatal, ::getpid(),
                   absl::StrCat("Not a valid option for -",
                                std::string_view(&option, 1), ": ", value)));
}

// In full and upper case, and no real-time signal.
bool ParseFullName(std::string_view name, int* signo) {
  const auto parsed = ParseSignal(name);
  if (!parsed.ok() || SignalName(*parsed) != name) return false;
  *signo = *parsed;
  return true;
}

int ExecCode(int error) {
  return error == ENOENT ? 127 : error == EACCES ? 126 : 1;
}

// Whether orphans come to this process; asked for by an ancestor's exec, too.
bool IsReaper() {
  int subreaper = 0;
  return ::getpid() == 1 ||
         (::prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == 0 && subreaper == 1);
}

std::string NoReaperWarning() {
  return absl::StrCat(
      Line(Level::kWarning, ::getpid(),
           "Tini is not running as PID 1 and isn't registered as a child "
           "subreaper."),
      "Orphans go to another process, so zombie reaping won't work.\n"
      "Use -s or set TINI_SUBREAPER, or make it PID 1.\n");
}

}  // namespace

PersonalityLine ParseTini(int argc, char** argv, Options options) {
  const std::string name(BaseName(argv[0]));
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    return PrintAndExit(absl::StrCat(kTiniVersion, "\n"), "", 0);
  }
  int verbosity = 1;
  bool warns_on_reap = false;
  bool subreaper = ::getenv("TINI_SUBREAPER") != nullptr;
  bool group = ::getenv("TINI_KILL_PROCESS_GROUP") != nullptr;
  for (int option; (option = ::getopt(argc, argv, "+p:hvwgle:s")) != -1;) {
    int code = 0;
    switch (option) {
      case 'h':
        return PrintAndExit(Usage(name), "", 0);
      case 'l':
        return PrintAndExit(std::string(kLicense), "", 0);
      case 's':
        subreaper = true;
        break;
      case 'p':
        if (!ParseFullName(optarg, &options.parent_death_signal)) {
          return BadValue('p', optarg);
        }
        break;
      case 'v':
        ++verbosity;
        break;
      case 'w':
        warns_on_reap = true;
        break;
      case 'g':
        group = true;
        break;
      case 'e':
        if (!absl::SimpleAtoi(optarg, &code) || code < 0 || code > 255) {
          return BadValue('e', optarg);
        }
        options.success.AddShellCode(code);
        break;
      default:
        return Fail(Usage(name));
    }
  }
  if (optind == argc) return Fail(Usage(name));
  if (const char* value = ::getenv("TINI_VERBOSITY")) {
    verbosity = std::atoi(value);
  }
  options.command.assign(argv + optind, argv + argc);
  options.subreaper = subreaper ? Subreaper::kYes : Subreaper::kNo;
  if (group) options.signals.forward_to = SignalOptions::ForwardTo::kGroup;
  options.init.ends_at_once = true;
  options.process.as.text_is_script = true;
  options.process.as.exec_failure_code = ExecCode;

  PersonalityLine line;
  if (subreaper && verbosity >= static_cast<int>(Level::kTrace)) {
    line.to_stdout =
        Line(Level::kTrace, ::getpid(), "Registered as child subreaper");
  }
  if (!subreaper && !IsReaper() && verbosity > 0) {
    line.to_stderr = NoReaperWarning();
  }
  line.observer =
      std::make_unique<TiniWords>(verbosity, warns_on_reap, options.command[0]);
  line.options = std::move(options);
  return line;
}

}  // namespace reinit
