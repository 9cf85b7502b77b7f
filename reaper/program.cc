#include "reaper/program.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reaper/log.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

// What execvp(3) searches when PATH is not set.
constexpr std::string_view kDefaultPath = "/bin:/usr/bin";

#if defined(__x86_64__)
constexpr int kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr int kMachine = EM_AARCH64;
#else
constexpr int kMachine = EM_NONE;  // unknown here: never said to be wrong
#endif

std::string_view PathOf(const std::vector<std::string>& environment) {
  for (std::string_view entry : environment) {
    if (absl::ConsumePrefix(&entry, "PATH=")) return entry;
  }
  return kDefaultPath;
}

std::string_view MachineName(int machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_386:
      return "x86 (32 bit)";
    case EM_AARCH64:
      return "arm64";
    case EM_ARM:
      return "arm (32 bit)";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390";
    default:
      return "another machine";
  }
}

constexpr size_t kHeadSize = 4096;

std::string ReadHead(const std::string& file) {
  char buffer[kHeadSize];
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return "";
  const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
  return got > 0 ? std::string(buffer, static_cast<size_t>(got)) : "";
}

// What stands behind the "#!" that `head` starts with.
std::string_view ScriptLine(std::string_view head) {
  return absl::StripLeadingAsciiWhitespace(head.substr(2, head.find('\n') - 2));
}

std::string_view InterpreterOf(std::string_view script_line) {
  return script_line.substr(0, script_line.find_first_of(" \t"));
}

std::string ExplainScript(std::string_view head) {
  std::string_view line = ScriptLine(head);
  if (line.empty()) {
    return "its first line '#!' names no interpreter: write #!/bin/sh, or the "
           "interpreter that it is for";
  }
  if (absl::ConsumeSuffix(&line, "\r")) {
    return absl::StrCat("its first line '#!", EscapeForLog(line),
                        "' ends in a carriage return: save the file with Unix "
                        "line ends");
  }
  const std::string interpreter(InterpreterOf(line));
  struct stat info = {};
  const bool folder =
      ::stat(interpreter.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  return absl::StrCat("its interpreter '", EscapeForLog(interpreter),
                      "' (the #! line) is ",
                      folder ? "a directory" : "missing or cannot be executed");
}

// Where the program headers of a 64-bit ELF file end. `head` holds the header.
uint64_t SegmentTableEnd(std::string_view head) {
  Elf64_Ehdr header;
  std::memcpy(&header, head.data(), sizeof(header));
  return header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);
}

// The PT_INTERP text of a 64-bit ELF file whose program headers are in `head`.
std::string_view LoaderOf(std::string_view head) {
  Elf64_Ehdr header;
  if (head.size() < sizeof(header)) return {};
  std::memcpy(&header, head.data(), sizeof(header));
  for (size_t i = 0; i < header.e_phnum; ++i) {
    const uint64_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    Elf64_Phdr segment;
    if (at > head.size() || head.size() - at < sizeof(segment)) return {};
    std::memcpy(&segment, head.data() + at, sizeof(segment));
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_offset >= head.size()) return {};
    const std::string_view rest = head.substr(segment.p_offset);
    return rest.substr(0, rest.find('\0'));
  }
  return {};
}

// `head` holds the header of an ELF file.
int MachineOf(std::string_view head) {
  uint16_t machine = 0;
  std::memcpy(&machine, head.data() + offsetof(Elf64_Ehdr, e_machine),
              sizeof(machine));
  return machine;
}

std::string ExplainElf(std::string_view head) {
  if (head.size() < sizeof(Elf64_Ehdr)) return "the ELF file is cut short";
  const int machine = MachineOf(head);
  if (kMachine != EM_NONE && machine != kMachine) {
    return absl::StrCat("it is built for ", MachineName(machine), ", this is ",
                        MachineName(kMachine),
                        ": use an image for this platform");
  }
  if (head[EI_CLASS] == ELFCLASS64 && head.size() < kHeadSize &&
      head.size() < SegmentTableEnd(head)) {
    return "the ELF file is cut short";
  }
  const std::string_view loader =
      head[EI_CLASS] == ELFCLASS64 ? LoaderOf(head) : std::string_view();
  if (!loader.empty() && ::access(std::string(loader).c_str(), X_OK) != 0) {
    return absl::StrCat("its loader '", EscapeForLog(loader),
                        "' is missing: the program is linked against a C "
                        "library that this image does not have");
  }
  return "";
}

// Of programs of other systems: they are no ELF files.
std::string_view ForeignSystem(std::string_view head) {
  if (absl::StartsWith(head, "MZ")) return "Windows";
  const bool mach_o = absl::StartsWith(head, "\xcf\xfa\xed\xfe") ||
                      absl::StartsWith(head, "\xce\xfa\xed\xfe");
  return mach_o ? "macOS" : "";
}

// How a text begins that an editor has marked as Unicode.
bool HasByteOrderMark(std::string_view head) {
  return absl::StartsWith(head, "\xef\xbb\xbf") ||
         absl::StartsWith(head, "\xff\xfe") ||
         absl::StartsWith(head, "\xfe\xff");
}

// `head` is neither ELF nor begins with "#!".
std::string ExplainUnknown(std::string_view head) {
  if (head.empty()) return "the file is empty";
  if (const std::string_view system = ForeignSystem(head); !system.empty()) {
    return absl::StrCat("it is a program for ", system,
                        ": build it for Linux, or use an image for this "
                        "platform");
  }
  if (HasByteOrderMark(head)) {
    return "it begins with a byte order mark, so the kernel does not find its "
           "#! line: save the file as UTF-8 without a byte order mark";
  }
  constexpr std::string_view kNeither =
      "it is neither an ELF program nor a script with a #! line";
  if (absl::StrContains(head, '\0')) return std::string(kNeither);
  return absl::StrCat(kNeither,
                      ": begin the file with a line #!/bin/sh (or the "
                      "interpreter that it is for), or run it as sh FILE");
}

std::string ExplainContent(const std::string& file, int error) {
  const std::string head = ReadHead(file);
  if (absl::StartsWith(head, "#!")) {
    const bool of_script = error == ENOENT || error == EACCES ||
                           (error == ENOEXEC && ScriptLine(head).empty());
    return of_script ? ExplainScript(head) : "";
  }
  if (absl::StartsWith(head, ELFMAG)) return ExplainElf(head);
  return error == ENOEXEC ? ExplainUnknown(head) : "";
}

// The kernel gives up after so many links, too.
constexpr int kMaxLinks = 40;

// Where the way to a file ends.
struct WayTo {
  int error = 0;       // 0: it is there. Else that of the first step that fails
  std::string folder;  // the one that the step was made in
  std::string link;    // the step is part of where this link leads; or empty
  std::string target;  // of that link
};

// One step at a time, as the kernel goes, to find the one that fails.
WayTo Follow(const std::string& path) {
  std::vector<std::string> steps;  // what is left, the next one last
  const auto push = [&steps](std::string_view way) {
    const std::vector<std::string> parts =
        absl::StrSplit(way, '/', absl::SkipEmpty());
    steps.insert(steps.end(), parts.rbegin(), parts.rend());
  };
  push(path);
  std::string here = absl::StartsWith(path, "/") ? "/" : ".";
  WayTo way;
  size_t after_link = 0;
  for (int links = 0; !steps.empty();) {
    const std::string next =
        absl::StrCat(here == "/" ? "" : here, "/", steps.back());
    steps.pop_back();
    if (steps.size() < after_link) way.link.clear();
    struct stat info = {};
    if (::lstat(next.c_str(), &info) != 0) {
      way.error = errno;
      way.folder = here;
      return way;
    }
    if (!S_ISLNK(info.st_mode)) {
      here = next;
      continue;
    }
    char target[PATH_MAX];
    const ssize_t size = ::readlink(next.c_str(), target, sizeof(target));
    if (size <= 0 || ++links > kMaxLinks) {
      way.error = size <= 0 ? errno : ELOOP;
      way.folder = here;
      return way;
    }
    if (way.link.empty()) after_link = steps.size();
    way.link = next;
    way.target = std::string(target, static_cast<size_t>(size));
    if (way.target[0] == '/') here = "/";
    push(way.target);
  }
  return way;
}

std::string WithoutDot(std::string_view path) {
  absl::ConsumePrefix(&path, "./");
  return EscapeForLog(path);
}

// Why there is no file at `path`; empty if there is no more to say than that.
std::string ExplainWay(const std::string& path, int error) {
  const WayTo way = Follow(path);
  if (way.error == EACCES && error == EACCES) {
    return absl::StrCat("user ", ::geteuid(), " may not enter the folder '",
                        WithoutDot(way.folder),
                        "': chmod +x it, or run the command as another user");
  }
  if (way.error == ENOENT && error == ENOENT && !way.link.empty()) {
    return absl::StrCat("the link '", WithoutDot(way.link), "' leads to '",
                        EscapeForLog(way.target), "', which is not there");
  }
  return "";
}

// Why execve refuses a regular file that has an x in its mode; empty: for some
// other reason.
std::string ExplainDenied(const std::string& file, const struct stat& info) {
  if (!S_ISREG(info.st_mode) || ::access(file.c_str(), X_OK) == 0) return "";
  struct statvfs system = {};
  if (::statvfs(file.c_str(), &system) == 0 &&
      (system.f_flag & ST_NOEXEC) != 0) {
    return "it lies on a file system that is mounted with noexec: mount that "
           "with exec, or put the program elsewhere";
  }
  return absl::StrCat("user ", ::geteuid(),
                      " may not execute it: chmod +x it for that user (it "
                      "belongs to user ",
                      info.st_uid, ", group ", info.st_gid, ")");
}

// The part of an entry of the environment that may be shown.
std::string_view KeyOf(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

// Of one argument or variable (MAX_ARG_STRLEN of linux/binfmts.h).
size_t MaxString() {
  constexpr long kPages = 32;
  return static_cast<size_t>(kPages * ::sysconf(_SC_PAGESIZE));
}

std::string ExplainSize(const std::vector<std::string>& environment) {
  const auto largest = std::max_element(
      environment.begin(), environment.end(),
      [](const auto& a, const auto& b) { return a.size() < b.size(); });
  if (largest == environment.end()) return "";
  size_t total = 0;
  for (const std::string& entry : environment) total += entry.size() + 1;
  return absl::StrCat(
      "arguments and environment are too long (Argument list "
      "too long): the environment has ",
      total, " bytes, most of them in ", EscapeForLog(KeyOf(*largest)), " (",
      largest->size(), "); one variable may have ", MaxString() - 1);
}

int AccessError(std::string_view file, int mode) {
  return ::access(std::string(file).c_str(), mode) == 0 ? 0 : errno;
}

// 0, or what execve of this file would fail with, as far as looking tells.
int LookAtProgram(const std::string& file) {
  struct stat info = {};
  if (::stat(file.c_str(), &info) != 0) return errno;
  if (!S_ISREG(info.st_mode)) return EACCES;
  if (const int error = AccessError(file, X_OK); error != 0) return error;
  if (AccessError(file, R_OK) != 0) return 0;  // may be all right
  const std::string head = ReadHead(file);
  if (absl::StartsWith(head, "#!")) {
    const std::string_view interpreter = InterpreterOf(ScriptLine(head));
    return interpreter.empty() ? ENOEXEC : AccessError(interpreter, X_OK);
  }
  if (!absl::StartsWith(head, ELFMAG) || head.size() < sizeof(Elf64_Ehdr)) {
    return ENOEXEC;
  }
  if (MachineOf(head) != kMachine || head[EI_CLASS] != ELFCLASS64) return 0;
  const std::string_view loader = LoaderOf(head);
  return loader.empty() ? 0 : AccessError(loader, X_OK);
}

// Never returns: ends with the errno of an execve, or is stopped before the
// first instruction of the program. Ends with 0 if it may not be traced.
[[noreturn]] void TryInChild(const std::string& file) {
  // A blocked SIGTRAP would not stop it.
  sigset_t none;
  ::sigemptyset(&none);
  // The signal is for the case that the parent ends before it has killed us.
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0 ||
      ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
    ::_exit(0);
  }
  const char* const argv[] = {file.c_str(), nullptr};
  const char* const environment[] = {nullptr};
  ::execve(file.c_str(), const_cast<char* const*>(argv),
           const_cast<char* const*>(environment));
  ::_exit(errno);
}

// 0, or what the kernel says to an execve of this file: only the kernel knows
// its rules for other machines (binfmt_misc), and all that it refuses.
int TryProgram(const std::string& file) {
  const pid_t pid = ::fork();
  if (pid == 0) TryInChild(file);
  int status = 0;
  while (pid > 0 && ::waitpid(pid, &status, 0) == pid) {
    if (!WIFSTOPPED(status)) return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    ::kill(pid, SIGKILL);
  }
  return 0;
}

std::string ErrorText(int error) {
  const char* const text = ::strerrordesc_np(error);
  return text != nullptr ? text : absl::StrCat("error ", error);
}

// The first that can be executed, else the first that is there; or empty.
std::string WhichIsMeant(const std::vector<std::string>& candidates) {
  std::string file;
  for (const std::string& candidate : candidates) {
    struct stat info = {};
    if (::stat(candidate.c_str(), &info) != 0) continue;
    const bool good = ::access(candidate.c_str(), X_OK) == 0;
    if (file.empty() || good) file = candidate;
    if (good && S_ISREG(info.st_mode)) break;
  }
  return file;
}

// None of `candidates` is there, as far as can be seen.
std::string ExplainMissing(std::string_view name,
                           const std::vector<std::string>& candidates,
                           const std::vector<std::string>& environment,
                           int error) {
  for (const std::string& candidate : candidates) {
    std::string way = ExplainWay(candidate, error);
    if (!way.empty()) return way;
  }
  if (absl::StrContains(name, '/')) return ErrorText(error);
  return absl::StrCat("not found in PATH (", EscapeForLog(PathOf(environment)),
                      ")");
}

// Why `file`, which is there, was not executed; empty: unknown.
std::string ExplainFile(const std::string& file,
                        const std::vector<std::string>& environment,
                        int error) {
  struct stat info = {};
  if (::stat(file.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return "it is a directory";
  }
  if (error == EACCES && (info.st_mode & 0111) == 0) {
    return "it is not executable: chmod +x it";
  }
  if (error == EACCES) {
    std::string denied = ExplainDenied(file, info);
    if (!denied.empty()) return denied;
  }
  if (error == ETXTBSY) return "it is open for writing";
  if (error == E2BIG) return ExplainSize(environment);
  return ExplainContent(file, error);
}

}  // namespace

std::vector<std::string> ProgramCandidates(
    std::string_view name, const std::vector<std::string>& environment) {
  if (name.empty() || absl::StrContains(name, '/')) return {std::string(name)};
  std::vector<std::string> result;
  for (const std::string_view folder :
       absl::StrSplit(PathOf(environment), ':')) {
    result.push_back(folder.empty() ? std::string(name)
                                    : absl::StrCat(folder, "/", name));
  }
  return result;
}

ProgramSearch FindProgram(std::string_view name,
                          const std::vector<std::string>& environment) {
  ProgramSearch search;
  for (std::string& candidate : ProgramCandidates(name, environment)) {
    int error = LookAtProgram(candidate);
    if (error == 0 || error == ENOEXEC) {
      const int tried = TryProgram(candidate);
      if (tried != 0) error = tried;
    }
    if (error == 0) return {std::move(candidate), 0};
    // As execvp does: "permission denied" is what is told in the end.
    if (search.error != EACCES) search.error = error;
    if (error == ENOEXEC) break;
  }
  return search;
}

// As bprm_stack_limits of the kernel's fs/exec.c counts.
bool FitsExec(const std::vector<std::string>& argv,
              const std::vector<std::string>& environment) {
  constexpr size_t kLeast = 128 << 10;
  constexpr size_t kMost = 6 << 20;
  rlimit stack = {};
  size_t limit = kMost;
  if (::getrlimit(RLIMIT_STACK, &stack) == 0) {
    limit =
        std::max<size_t>(kLeast, std::min<rlim_t>(kMost, stack.rlim_cur / 4));
  }
  size_t total = argv.empty() ? 0 : argv[0].size() + 1;  // the file's name
  for (const auto* const list : {&argv, &environment}) {
    for (const std::string& text : *list) {
      if (text.size() + 1 > MaxString()) return false;
      total += text.size() + 1 + sizeof(char*);
    }
  }
  return total <= limit;
}

std::string ExplainExecFailure(std::string_view name,
                               const std::vector<std::string>& environment,
                               int error) {
  const std::string shown = absl::StrCat("'", EscapeForLog(name), "'");
  if (name.empty()) return "cannot run '': the command is empty";
  const std::vector<std::string> candidates =
      ProgramCandidates(name, environment);
  const std::string file = WhichIsMeant(candidates);
  if (file.empty()) {
    return absl::StrCat("cannot run ", shown, ": ",
                        ExplainMissing(name, candidates, environment, error));
  }
  const std::string intro = absl::StrCat(
      "cannot run ", shown, file == name ? "" : " (",
      file == name ? "" : EscapeForLog(file), file == name ? "" : ")", ": ");
  const std::string why = ExplainFile(file, environment, error);
  return absl::StrCat(intro, why.empty() ? ErrorText(error) : why);
}

int ExecFailureCode(int error) {
  return error == ENOENT || error == ENOTDIR ? 127 : 126;
}

}  // namespace reinit
