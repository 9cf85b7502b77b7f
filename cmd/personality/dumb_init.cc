#include "cmd/personality/dumb_init.h"

#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "reaper/log.h"

namespace reinit {
namespace {

constexpr std::string_view kDumbInitVersion = "dumb-init v1.2.5\n";

class DumbInitWords : public Observer {
 public:
  DumbInitWords(bool verbose, bool session, std::string program)
      : verbose_(verbose), session_(session), program_(std::move(program)) {}

  // Before anything else, by its variables rather than its flags.
  void BeginByVariables(bool debug, bool no_session) const {
    if (debug) Debug("Running in debug mode.");
    if (no_session) Debug("Not running in setsid mode.");
  }

  void OnTerminalGivenUp(int error) override {
    no_terminal_ = error;
    handed_over_ = error == 0 && ::getsid(0) == ::getpid();
    if (error != 0) {
      Debug(absl::StrCat("Unable to detach from controlling tty (",
                         InWords(error), ")."));
    } else if (handed_over_) {
      Debug(
          "Detached from controlling tty, ignoring the first SIGHUP and "
          "SIGCONT we receive.");
    }
  }
  void OnSpawned(pid_t pid) override {
    Debug(absl::StrCat("Child spawned with PID ", pid, "."));
    if (no_terminal_ != 0) {
      Debug(absl::StrCat("Unable to attach to controlling tty (",
                         InWords(no_terminal_), ")."));
    }
    if (session_) Debug("setsid complete.");
    if (!handed_over_) return;
    // The kernel has sent them by now, and they are not seen as signals.
    for (const int signo : {SIGHUP, SIGCONT}) {
      Debug(absl::StrCat("Received signal ", signo, "."));
      Debug(absl::StrCat("Ignoring tty hand-off signal ", signo, "."));
    }
  }
  void OnSpawnFailure(pid_t, const SpawnFailure& failure,
                      std::string_view explanation) override {
    const bool exec = failure.stage == SpawnFailure::Stage::kExec;
    Say(exec ? absl::StrCat(program_, ": ", ::strerror(failure.error))
             : std::string(explanation));
  }
  void OnSignal(int signo) override {
    Debug(absl::StrCat("Received signal ", signo, "."));
  }
  void OnForwarded(int received, int sent, pid_t, int error) override {
    if (sent != received) {
      Debug(absl::StrCat("Translating signal ", received, " to ", sent, "."));
    }
    if (sent == 0) {
      Debug(absl::StrCat("Not forwarding signal ", sent,
                         " to children (ignored)."));
    } else if (error == 0 || error == ESRCH) {
      Debug(absl::StrCat("Forwarded signal ", sent, " to children."));
    } else {
      Say(absl::StrCat("Cannot forward signal ", sent, ": ",
                       ::strerror(error)));
    }
  }
  void OnSuspend() override { Debug("Suspending self due to TTY signal."); }
  void OnReaped(pid_t pid, ExitStatus status, bool) override {
    Debug(status.signal != 0
              ? absl::StrCat("A child with PID ", pid,
                             " was terminated by signal ", status.signal, ".")
              : absl::StrCat("A child with PID ", pid,
                             " exited with exit status ", status.code, "."));
  }
  void OnEnd(int exit_code) override {
    Debug(absl::StrCat("Child exited with status ", exit_code, ". Goodbye."));
  }

 private:
  static std::string InWords(int error) {
    return absl::StrCat("errno=", error, " ", ::strerror(error));
  }
  static void Say(std::string_view text) {
    WriteWithoutBlocking(STDERR_FILENO,
                         absl::StrCat("[dumb-init] ", text, "\n"));
  }
  void Debug(std::string_view text) const {
    if (verbose_) Say(text);
  }

  const bool verbose_;
  const bool session_;
  const std::string program_;
  int no_terminal_ = 0;       // errno
  bool handed_over_ = false;  // what the kernel tells a session leader
};

// The original's words: its own tests, and others', compare all of them.
std::string Help(std::string_view name) {
  return absl::StrCat(
      kDumbInitVersion, "Usage: ", name, " [option] command [[arg] ...]\n\n",
      "dumb-init is a simple process supervisor that forwards signals to "
      "children.\n"
      "It is designed to run as PID1 in minimal container environments.\n\n"
      "Optional arguments:\n"
      "   -c, --single-child   Run in single-child mode.\n"
      "                        In this mode, signals are only proxied to the\n"
      "                        direct child and not any of its descendants.\n"
      "   -r, --rewrite s:r    Rewrite received signal s to new signal r "
      "before "
      "proxying.\n"
      "                        To ignore (not proxy) a signal, rewrite it to "
      "0.\n"
      "                        This option can be specified multiple times.\n"
      "   -v, --verbose        Print debugging information to stderr.\n"
      "   -h, --help           Print this help message and exit.\n"
      "   -V, --version        Print the current version and exit.\n\n"
      "Full help is available online at "
      "https://github.com/Yelp/dumb-init\n");
}

// All of its output goes to stderr.
PersonalityLine Print(std::string text, int exit_code) {
  return PrintAndExit("", std::move(text), exit_code);
}

// `s:r`, numbers; the kernel's real-time signals are no part of it.
bool AddRewrite(std::string_view rule, SignalMap& rewrite) {
  const std::pair<std::string_view, std::string_view> parts =
      absl::StrSplit(rule, absl::MaxSplits(':', 1));
  int from = 0;
  int to = 0;
  if (!absl::SimpleAtoi(parts.first, &from) ||
      !absl::SimpleAtoi(parts.second, &to) || from < 1 || from > 31 || to < 0 ||
      to > 31) {
    return false;
  }
  rewrite.Set(from, to);
  return true;
}

constexpr std::string_view kBadRewrite =
    "Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and "
    "31.\n"
    "This option can be specified multiple times.\n"
    "Use --help for full usage.\n";

bool VariableIs(const char* name, std::string_view value) {
  const char* const text = ::getenv(name);
  return text != nullptr && value == text;
}

constexpr option kLongOptions[] = {
    {"help", no_argument, nullptr, 'h'},
    {"single-child", no_argument, nullptr, 'c'},
    {"rewrite", required_argument, nullptr, 'r'},
    {"verbose", no_argument, nullptr, 'v'},
    {"version", no_argument, nullptr, 'V'},
    {nullptr, 0, nullptr, 0},
};

}  // namespace

PersonalityLine ParseDumbInit(int argc, char** argv, Options options) {
  const bool debug = VariableIs("DUMB_INIT_DEBUG", "1");
  const bool no_session = VariableIs("DUMB_INIT_SETSID", "0");
  bool verbose = debug;
  bool session = !no_session;
  for (int option; (option = ::getopt_long(argc, argv, "+hvVcr:", kLongOptions,
                                           nullptr)) != -1;) {
    switch (option) {
      case 'h':
        return Print(Help(argv[0]), 0);
      case 'V':
        return Print(std::string(kDumbInitVersion), 0);
      case 'v':
        verbose = true;
        break;
      case 'c':
        session = false;
        break;
      case 'r':
        if (!AddRewrite(optarg, options.signals.rewrite)) {
          return Print(std::string(kBadRewrite), 1);
        }
        break;
      default:
        return Print("", 1);
    }
  }
  if (optind == argc) {
    return Print(absl::StrCat("Usage: ", argv[0], " [option] program [args]\n",
                              "Try ", argv[0], " --help for full usage.\n"),
                 1);
  }
  options.command.assign(argv + optind, argv + argc);
  options.subreaper = Subreaper::kNo;
  options.init = {.ends_at_once = true,
                  .term_group_at_end = true,
                  .own_group = session,
                  .own_session = session,
                  .suspends_itself = true};
  options.process.as.text_is_script = true;
  options.process.as.exec_failure_code = [](int) { return 2; };
  if (session) {
    options.signals.forward_to = SignalOptions::ForwardTo::kGroup;
    // Its group is orphaned, so the kernel ignores these three there.
    for (const int signo : {SIGTSTP, SIGTTIN, SIGTTOU}) {
      if (!options.signals.rewrite.Changes(signo)) {
        options.signals.rewrite.Set(signo, SIGSTOP);
      }
    }
  }
  PersonalityLine line;
  auto words =
      std::make_unique<DumbInitWords>(verbose, session, options.command[0]);
  words->BeginByVariables(debug, no_session);
  line.observer = std::move(words);
  line.options = std::move(options);
  return line;
}

}  // namespace reinit
