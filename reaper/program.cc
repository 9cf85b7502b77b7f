#include "reaper/program.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
  if (absl::ConsumeSuffix(&line, "\r")) {
    return absl::StrCat("its first line '#!", EscapeForLog(line),
                        "' ends in a carriage return: save the file with Unix "
                        "line ends");
  }
  return absl::StrCat("its interpreter '", EscapeForLog(InterpreterOf(line)),
                      "' (the #! line) is missing or cannot be executed");
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

std::string ExplainContent(const std::string& file, int error) {
  const std::string head = ReadHead(file);
  if (absl::StartsWith(head, "#!")) {
    return error == ENOENT || error == EACCES ? ExplainScript(head) : "";
  }
  if (absl::StartsWith(head, ELFMAG)) return ExplainElf(head);
  if (error != ENOEXEC) return "";
  return head.empty() ? "the file is empty"
                      : "it is neither an ELF program nor a script with a #! "
                        "line";
}

int AccessError(std::string_view file, int mode) {
  return ::access(std::string(file).c_str(), mode) == 0 ? 0 : errno;
}

// 0, or what execve of this file would fail with.
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

std::string ErrorText(int error) {
  const char* const text = ::strerrordesc_np(error);
  return text != nullptr ? text : absl::StrCat("error ", error);
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
    const int error = LookAtProgram(candidate);
    if (error == 0) return {std::move(candidate), 0};
    // As execvp does: "permission denied" is what is told in the end.
    if (search.error != EACCES) search.error = error;
    if (error == ENOEXEC) break;
  }
  return search;
}

std::string ExplainExecFailure(std::string_view name,
                               const std::vector<std::string>& environment,
                               int error) {
  const std::string shown = absl::StrCat("'", EscapeForLog(name), "'");
  if (name.empty()) return "cannot run '': the command is empty";
  std::string file;
  struct stat info = {};
  for (const std::string& candidate : ProgramCandidates(name, environment)) {
    if (::stat(candidate.c_str(), &info) != 0) continue;
    if (file.empty() || ::access(candidate.c_str(), X_OK) == 0) {
      file = candidate;
    }
    if (::access(candidate.c_str(), X_OK) == 0 && S_ISREG(info.st_mode)) break;
  }
  if (file.empty()) {
    if (absl::StrContains(name, '/')) {
      return absl::StrCat("cannot run ", shown, ": ", ErrorText(error));
    }
    return absl::StrCat("cannot run ", shown, ": not found in PATH (",
                        EscapeForLog(PathOf(environment)), ")");
  }
  const std::string intro = absl::StrCat(
      "cannot run ", shown, file == name ? "" : " (",
      file == name ? "" : EscapeForLog(file), file == name ? "" : ")", ": ");
  if (::stat(file.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::StrCat(intro, "it is a directory");
  }
  if (error == EACCES && (info.st_mode & 0111) == 0) {
    return absl::StrCat(intro, "it is not executable: chmod +x it");
  }
  if (error == ETXTBSY) {
    return absl::StrCat(intro, "it is open for writing");
  }
  const std::string content = ExplainContent(file, error);
  return absl::StrCat(intro, content.empty() ? ErrorText(error) : content);
}

int ExecFailureCode(int error) {
  return error == ENOENT || error == ENOTDIR ? 127 : 126;
}

}  // namespace reinit
