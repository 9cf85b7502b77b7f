#include "reaper/value/signals.h"

#include <signal.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace reinit {
namespace {

struct Named {
  int signo;
  std::string_view name;
};

// The first name of a number is the one that is printed.
constexpr Named kNames[] = {
    {SIGHUP, "HUP"},       {SIGINT, "INT"},       {SIGQUIT, "QUIT"},
    {SIGILL, "ILL"},       {SIGTRAP, "TRAP"},     {SIGABRT, "ABRT"},
    {SIGBUS, "BUS"},       {SIGFPE, "FPE"},       {SIGKILL, "KILL"},
    {SIGUSR1, "USR1"},     {SIGSEGV, "SEGV"},     {SIGUSR2, "USR2"},
    {SIGPIPE, "PIPE"},     {SIGALRM, "ALRM"},     {SIGTERM, "TERM"},
    {SIGSTKFLT, "STKFLT"}, {SIGCHLD, "CHLD"},     {SIGCONT, "CONT"},
    {SIGSTOP, "STOP"},     {SIGTSTP, "TSTP"},     {SIGTTIN, "TTIN"},
    {SIGTTOU, "TTOU"},     {SIGURG, "URG"},       {SIGXCPU, "XCPU"},
    {SIGXFSZ, "XFSZ"},     {SIGVTALRM, "VTALRM"}, {SIGPROF, "PROF"},
    {SIGWINCH, "WINCH"},   {SIGIO, "IO"},         {SIGPWR, "PWR"},
    {SIGSYS, "SYS"},       {SIGABRT, "IOT"},      {SIGIO, "POLL"},
    {SIGCHLD, "CLD"},
};

// The n of RTMIN+n and RTMAX-n, digits only; -1 when it is none or too far.
int ParseOffset(std::string_view digits) {
  int offset = 0;
  if (digits.empty() || digits.size() > 2) return -1;
  for (const char digit : digits) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(digit))) return -1;
    offset = offset * 10 + (digit - '0');
  }
  return offset <= SIGRTMAX - SIGRTMIN ? offset : -1;
}

// RTMIN+n and RTMAX-n as kill(1) writes them; 0 when it is neither.
int ParseRealTime(std::string_view name) {
  if (name == "RTMIN") return SIGRTMIN;
  if (name == "RTMAX") return SIGRTMAX;
  if (absl::ConsumePrefix(&name, "RTMIN+")) {
    const int offset = ParseOffset(name);
    return offset < 0 ? 0 : SIGRTMIN + offset;
  }
  if (absl::ConsumePrefix(&name, "RTMAX-")) {
    const int offset = ParseOffset(name);
    return offset < 0 ? 0 : SIGRTMAX - offset;
  }
  return 0;
}

}  // namespace

std::string SignalName(int signo) {
  for (const Named& named : kNames) {
    if (named.signo == signo) return absl::StrCat("SIG", named.name);
  }
  if (signo == SIGRTMIN) return "SIGRTMIN";
  if (signo == SIGRTMAX) return "SIGRTMAX";
  if (signo > SIGRTMIN && signo < SIGRTMAX) {
    return absl::StrCat("SIGRTMIN+", signo - SIGRTMIN);
  }
  return absl::StrCat("signal ", signo);
}

absl::StatusOr<int> ParseSignal(std::string_view text) {
  int number = 0;
  if (absl::SimpleAtoi(text, &number)) {
    if (number >= 1 && number <= kMaxSignal) return number;
  } else {
    const std::string upper = absl::AsciiStrToUpper(text);
    std::string_view name = upper;
    absl::ConsumePrefix(&name, "SIG");
    for (const Named& named : kNames) {
      if (named.name == name) return named.signo;
    }
    if (const int real_time = ParseRealTime(name); real_time != 0) {
      return real_time;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no such signal '", text,
                   "': use a name such as TERM or SIGTERM, RTMIN+n, or a "
                   "number from 1 to 64"));
}

bool EndsByDefault(int signo) {
  switch (signo) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
      return false;
    default:
      return true;
  }
}

}  // namespace reinit
