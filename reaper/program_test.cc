#include "reaper/program.h"

#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/leak_check.h"
#include "reaper/test_process.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(ProgramCandidates, InTheOrderOfPath) {
  EXPECT_THAT(ProgramCandidates("ls", {"A=b", "PATH=/one:/two/", "PATH=/no"}),
              ElementsAre("/one/ls", "/two//ls"));
}

TEST(ProgramCandidates, ASlashMeansThisFile) {
  for (const char* name : {"/bin/ls", "./ls", "bin/ls", "/", "ls/"})
    EXPECT_THAT(ProgramCandidates(name, {"PATH=/one"}), ElementsAre(name));
}

TEST(ProgramCandidates, AnEmptyEntryIsTheWorkingDirectory) {
  EXPECT_THAT(ProgramCandidates("ls", {"PATH=:/one::/two:"}),
              ElementsAre("ls", "/one/ls", "ls", "/two/ls", "ls"));
  EXPECT_THAT(ProgramCandidates("ls", {"PATH="}), ElementsAre("ls"));
}

TEST(ProgramCandidates, WithoutPathTheUsualPlaces) {
  EXPECT_THAT(ProgramCandidates("ls", {}),
              ElementsAre("/bin/ls", "/usr/bin/ls"));
  EXPECT_THAT(ProgramCandidates("ls", {"MYPATH=/one", "PATH"}),
              ElementsAre("/bin/ls", "/usr/bin/ls"));
}

TEST(ProgramCandidates, AnEmptyNameIsItself) {
  EXPECT_THAT(ProgramCandidates("", {"PATH=/one"}), ElementsAre(""));
}

TEST(ExecFailureCode, IsWhatAShellExitsWith) {
  for (int error = 1; error < 134; ++error) {
    EXPECT_EQ(ExecFailureCode(error),
              error == ENOENT || error == ENOTDIR ? 127 : 126)
        << error;
  }
}

// Files in a folder of their own; every failure is the kernel's.
class ExplainTest : public LeakCheck {
 protected:
  ExplainTest()
      : folder_(absl::StrCat(
            testing::TempDir(), "/",
            testing::UnitTest::GetInstance()->current_test_info()->name())) {
    EXPECT_EQ(::mkdir(folder_.c_str(), 0755), 0);
  }
  explicit ExplainTest(std::string folder) : folder_(std::move(folder)) {}

  std::string Path(const std::string& name) const {
    return absl::StrCat(folder_, "/", name);
  }
  std::string Write(const std::string& name, const std::string& content,
                    mode_t mode = 0755) {
    std::ofstream(Path(name), std::ios::binary) << content;
    EXPECT_EQ(::chmod(Path(name).c_str(), mode), 0);
    return Path(name);
  }
  // What execve says; 0 if it worked.
  static int ExecError(const std::string& file) {
    Pipe result;
    const pid_t pid = Fork([&] {
      const char* const argv[] = {file.c_str(), nullptr};
      const char* const environment[] = {nullptr};
      ::execve(file.c_str(), const_cast<char* const*>(argv),
               const_cast<char* const*>(environment));
      const int error = errno;
      return ::write(result.write.get(), &error, sizeof(error)) > 0 ? 0 : 1;
    });
    result.write.reset();
    const std::string bytes = ReadToEnd(result.read.get());
    WaitStatus(pid);
    int error = 0;
    if (bytes.size() == sizeof(error))
      std::memcpy(&error, bytes.data(), sizeof(error));
    return error;
  }
  // The explanation of what the kernel says for `file`, which must be `error`.
  static std::string Explain(const std::string& file, int error) {
    EXPECT_EQ(ExecError(file), error) << ::strerrorname_np(error);
    std::string text = ExplainExecFailure(file, {}, error);
    EXPECT_THAT(text, HasSubstr(absl::StrCat("cannot run '", file, "'")));
    EXPECT_THAT(text, Not(HasSubstr("\n")));
    return text;
  }
  // A program of this machine that starts when it is not tampered with.
  static std::string RealProgram() {
    std::string content = ReadFile("/bin/true");
    EXPECT_EQ(content.substr(0, SELFMAG), ELFMAG);
    return content;
  }

  const std::string folder_;
};

TEST_F(ExplainTest, NotFoundInPath) {
  const std::string path = absl::StrCat("PATH=", folder_, ":/nowhere");
  EXPECT_EQ(ExplainExecFailure("no-such-program", {path}, ENOENT),
            absl::StrCat("cannot run 'no-such-program': not found in PATH (",
                         folder_, ":/nowhere)"));
}

TEST_F(ExplainTest, NoSuchFile) {
  EXPECT_THAT(Explain(Path("none"), ENOENT),
              HasSubstr("No such file or directory"));
  const std::string file = Write("file", "");
  EXPECT_THAT(Explain(file + "/below", ENOTDIR), HasSubstr("Not a directory"));
}

TEST_F(ExplainTest, AnEmptyCommand) {
  EXPECT_THAT(ExplainExecFailure("", {}, ENOENT), HasSubstr("is empty"));
}

TEST_F(ExplainTest, NotExecutable) {
  EXPECT_THAT(Explain(Write("file", "#!/bin/sh\n", 0644), EACCES),
              HasSubstr("not executable: chmod +x"));
}

TEST_F(ExplainTest, NotExecutableInPath) {
  Write("file", "#!/bin/sh\n", 0644);
  const std::string text =
      ExplainExecFailure("file", {absl::StrCat("PATH=", folder_)}, EACCES);
  EXPECT_THAT(text, HasSubstr(absl::StrCat("'file' (", Path("file"), ")")));
  EXPECT_THAT(text, HasSubstr("not executable"));
}

TEST_F(ExplainTest, ADirectory) {
  EXPECT_THAT(Explain(folder_, EACCES), HasSubstr("it is a directory"));
}

TEST_F(ExplainTest, AMissingInterpreter) {
  const std::string text =
      Explain(Write("script", "#! /no/such/python -u\nprint()\n"), ENOENT);
  EXPECT_THAT(text, AllOf(HasSubstr("'/no/such/python'"), HasSubstr("#!")));
  EXPECT_THAT(Explain(Write("bare", "#!/no/such/python"), ENOENT),
              HasSubstr("'/no/such/python'"));
}

TEST_F(ExplainTest, AnInterpreterThatIsNotExecutable) {
  const std::string interpreter = Write("interpreter", "", 0644);
  EXPECT_THAT(
      Explain(Write("script", absl::StrCat("#!", interpreter, "\n")), EACCES),
      HasSubstr(interpreter));
}

TEST_F(ExplainTest, ACarriageReturnAfterTheInterpreter) {
  EXPECT_THAT(Explain(Write("script", "#!/bin/sh\r\necho\r\n"), ENOENT),
              AllOf(HasSubstr("carriage return"), HasSubstr("#!/bin/sh")));
}

TEST_F(ExplainTest, ANameThatWouldForgeALine) {
  EXPECT_THAT(ExplainExecFailure("a\nb", {"PATH=/nowhere"}, ENOENT),
              AllOf(HasSubstr("'a\\x0ab'"), Not(HasSubstr("\n"))));
  EXPECT_EQ(ExecError(Write("script", "#!/no\x01such\n")), ENOENT);
  EXPECT_THAT(ExplainExecFailure(Path("script"), {}, ENOENT),
              HasSubstr("/no\\x01such"));
}

TEST_F(ExplainTest, AnEmptyFile) {
  EXPECT_THAT(Explain(Write("empty", ""), ENOEXEC), HasSubstr("is empty"));
}

TEST_F(ExplainTest, TextWithoutAnInterpreter) {
  EXPECT_THAT(Explain(Write("text", "echo hello\n"), ENOEXEC),
              HasSubstr("neither an ELF program nor a script"));
}

TEST_F(ExplainTest, TextWithoutAnInterpreterHasACure) {
  EXPECT_THAT(Explain(Write("text", "echo hello\n"), ENOEXEC),
              AllOf(HasSubstr("begin the file with a line #!/bin/sh"),
                    HasSubstr("sh FILE")));
  // What is no text has none.
  EXPECT_THAT(Explain(Write("data", std::string("a\0b", 3)), ENOEXEC),
              Not(HasSubstr("#!/bin/sh")));
}

TEST_F(ExplainTest, AByteOrderMark) {
  for (const char* mark : {"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"}) {
    EXPECT_THAT(
        Explain(Write("text", absl::StrCat(mark, "#!/bin/sh\n")), ENOEXEC),
        HasSubstr("without a byte order mark"));
  }
}

TEST_F(ExplainTest, AProgramOfAnotherSystem) {
  EXPECT_THAT(Explain(Write("mac", "\xcf\xfa\xed\xfe 64 bits"), ENOEXEC),
              HasSubstr("for macOS"));
  EXPECT_THAT(Explain(Write("windows", "MZ\x90"), ENOEXEC),
              HasSubstr("for Windows"));
}

TEST_F(ExplainTest, ADanglingLink) {
  const std::string link = Path("link"), other = Path("other");
  ASSERT_EQ(::symlink("no/such", link.c_str()), 0);
  ASSERT_EQ(::symlink(link.c_str(), other.c_str()), 0);
  const std::string words = absl::StrCat(
      "the link '", std::filesystem::path(link).lexically_normal().string(),
      "' leads to 'no/such', which is not");
  EXPECT_THAT(Explain(link, ENOENT), HasSubstr(words));
  EXPECT_THAT(Explain(other, ENOENT), HasSubstr(words));
  EXPECT_THAT(ExplainExecFailure(
                  "link", {absl::StrCat("PATH=/nowhere:", folder_)}, ENOENT),
              HasSubstr(words));
  // A folder that a link leads to, without such a file in it.
  ASSERT_EQ(::symlink(".", Path("here").c_str()), 0);
  EXPECT_THAT(Explain(Path("here/none"), ENOENT),
              HasSubstr("No such file or directory"));
  ASSERT_EQ(::symlink("loop", Path("loop").c_str()), 0);
  EXPECT_THAT(Explain(Path("loop"), ELOOP), HasSubstr("symbolic links"));
}

// With rights that are no root's, in a folder that everybody may reach.
class ExplainAsUserTest : public ExplainTest {
 protected:
  ExplainAsUserTest() : ExplainTest(MakeFolder()) {}
  ~ExplainAsUserTest() override { std::filesystem::remove_all(folder_); }
  static std::string MakeFolder() {
    char path[] = "/tmp/explain.XXXXXX";
    EXPECT_NE(::mkdtemp(path), nullptr);
    EXPECT_EQ(::chmod(path, 0755), 0);
    return path;
  }
  void AsUser(absl::FunctionRef<void()> work) {
    if (::geteuid() != 0) GTEST_SKIP() << "not root";
    const pid_t pid = Fork([&] {
      if (::setresgid(kUser, kUser, kUser) != 0) return 2;
      if (::setresuid(kUser, kUser, kUser) != 0) return 2;
      work();
      return HasFailure() ? 1 : 0;
    });
    const int status = WaitStatus(pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
      GTEST_SKIP() << "a user namespace with one user";
    }
    EXPECT_EQ(status, 0);
  }
  static constexpr uid_t kUser = 4711;
};

TEST_F(ExplainAsUserTest, AClosedFolder) {
  ASSERT_EQ(::mkdir(Path("closed").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir(Path("closed/open").c_str(), 0755), 0);
  ASSERT_EQ(::symlink("closed/open", Path("link").c_str()), 0);
  Write("closed/open/program", RealProgram());
  const std::string words =
      absl::StrCat("user 4711 may not enter the folder '", Path("closed"), "'");
  AsUser([&] {
    for (const char* file : {"closed/open/program", "link/program"}) {
      EXPECT_THAT(Explain(Path(file), EACCES), HasSubstr(words));
    }
    EXPECT_THAT(
        ExplainExecFailure(
            "program", {absl::StrCat("PATH=", Path("closed/open"))}, EACCES),
        HasSubstr(words));
    EXPECT_EQ(::chdir(folder_.c_str()), 0);
    EXPECT_THAT(Explain("closed/open/program", EACCES),
                HasSubstr("enter the folder 'closed'"));
  });
}

TEST_F(ExplainAsUserTest, NotExecutableForThisUser) {
  const std::string file = Write("program", RealProgram(), 0700);
  AsUser([&] {
    EXPECT_THAT(Explain(file, EACCES),
                HasSubstr("user 4711 may not execute it: chmod +x it for that "
                          "user (it belongs to user 0, group 0)"));
  });
}

TEST_F(ExplainTest, AFileSystemThatIsMountedWithNoexec) {
  const pid_t pid = Fork([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", folder_.c_str(), "tmpfs", MS_NOEXEC, nullptr) != 0) {
      return 2;
    }
    const std::string file = Write("program", RealProgram());
    EXPECT_THAT(Explain(file, EACCES), HasSubstr("mounted with noexec"));
    EXPECT_THAT(
        ExplainExecFailure("program", {absl::StrCat("PATH=", folder_)}, EACCES),
        HasSubstr("mounted with noexec"));
    EXPECT_EQ(FindProgram(file, {}).error, EACCES);
    return HasFailure() ? 1 : 0;
  });
  const int status = WaitStatus(pid);
  if (status == 2 << 8) GTEST_SKIP() << "no rights to mount";
  EXPECT_EQ(status, 0);
}

TEST_F(ExplainTest, AnInterpreterLineWithoutInterpreter) {
  EXPECT_THAT(Explain(Write("text", "#!\n"), ENOEXEC),
              HasSubstr("'#!' names no interpreter"));
}

TEST_F(ExplainTest, AnInterpreterThatIsADirectory) {
  EXPECT_THAT(Explain(Write("text", "#!/tmp\n"), EACCES),
              HasSubstr("'/tmp' (the #! line) is a directory"));
}

TEST_F(ExplainTest, AnotherMachine) {
  std::string program = RealProgram();
  const uint16_t machine = EM_S390;
  std::memcpy(program.data() + offsetof(Elf64_Ehdr, e_machine), &machine,
              sizeof(machine));
  EXPECT_THAT(
      Explain(Write("program", program), ENOEXEC),
      AllOf(HasSubstr("built for s390"), HasSubstr("image for this platform")));
}

TEST_F(ExplainTest, AMissingLoader) {
  std::string program = RealProgram();
  const size_t loader = program.find("/ld-linux");
  ASSERT_NE(loader, std::string::npos);
  program.replace(loader, 4, "/no-");
  EXPECT_THAT(Explain(Write("program", program), ENOENT),
              AllOf(HasSubstr("its loader '/"), HasSubstr("/no-linux"),
                    HasSubstr("is missing")));
}

TEST_F(ExplainTest, ATruncatedProgram) {
  const std::string program = RealProgram();
  // Within the header, and within the table of segments behind it.
  EXPECT_THAT(Explain(Write("header", program.substr(0, 30)), ENOEXEC),
              HasSubstr("cut short"));
  const std::string file = Write("table", program.substr(0, 100));
  const int error = ExecError(file);
  EXPECT_NE(error, 0);
  EXPECT_THAT(Explain(file, error), HasSubstr("cut short"));
}

TEST_F(ExplainTest, EveryTruncationAndEveryBrokenByteHasAnExplanation) {
  // Whatever stands in the file: words, and no reading outside of it.
  const std::string program = RealProgram().substr(0, 4096);
  for (size_t size = 0; size < 1024; size += 3) {
    const std::string file = Write("program", program.substr(0, size));
    EXPECT_THAT(ExplainExecFailure(file, {}, ENOEXEC), HasSubstr("cannot run"));
  }
  for (size_t at = 0; at < sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) * 2; ++at) {
    for (const char byte : {'\x00', '\x7f', '\xff'}) {
      std::string broken = program;
      broken[at] = byte;
      const std::string file = Write("program", broken);
      EXPECT_THAT(ExplainExecFailure(file, {}, ENOENT),
                  HasSubstr("cannot run"));
    }
  }
}

TEST_F(ExplainTest, OpenForWriting) {
  const std::string file = Write("program", RealProgram());
  const UniqueFd writer(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(writer.valid());
  EXPECT_THAT(Explain(file, ETXTBSY), HasSubstr("open for writing"));
}

TEST_F(ExplainTest, APipeIsNotRead) {
  // open(2) of a named pipe would wait for its writer.
  const std::string file = Path("fifo");
  ASSERT_EQ(::mkfifo(file.c_str(), 0755), 0);
  EXPECT_THAT(Explain(file, EACCES), HasSubstr("Permission denied"));
}

TEST_F(ExplainTest, OtherErrorsInTheSystemsWords) {
  const std::string file = Write("program", RealProgram());
  EXPECT_EQ(ExecError(file), 0);
  EXPECT_THAT(ExplainExecFailure(file, {}, E2BIG),
              HasSubstr("Argument list too long"));
  EXPECT_THAT(ExplainExecFailure(file, {}, 9999), HasSubstr("error 9999"));
}

TEST_F(ExplainTest, TheLargestVariable) {
  EXPECT_THAT(
      ExplainExecFailure(
          "/bin/true",
          {"A=b", absl::StrCat("BIG=", std::string(200000, 'x')), "SECRET=1"},
          E2BIG),
      AllOf(HasSubstr("Argument list too long"),
            HasSubstr("200018 bytes, most of them in BIG (200004)"),
            Not(HasSubstr("xxx"))));
}

TEST_F(ExplainTest, TheExecutableOneInPathIsMeant) {
  const std::string first = Path("first"), second = Path("second");
  ASSERT_EQ(::mkdir(first.c_str(), 0755), 0);
  ASSERT_EQ(::mkdir(second.c_str(), 0755), 0);
  Write("first/program", "", 0644);
  Write("second/program", "#!/no/such/interpreter\n");
  EXPECT_THAT(
      ExplainExecFailure("program", {absl::StrCat("PATH=", first, ":", second)},
                         ENOENT),
      AllOf(HasSubstr("second/program"), HasSubstr("/no/such/interpreter")));
}

using FindProgramTest = ExplainTest;

TEST_F(FindProgramTest, ForeseesWhatTheKernelSays) {
  std::string loader = RealProgram();
  loader.replace(loader.find("/ld-linux"), 4, "/no-");
  const std::string interpreter = Write("interpreter", "", 0644);
  const std::string files[] = {
      Write("good", RealProgram()),
      Write("script", "#! /bin/sh -e\n"),
      Path("none"),
      Path("script/below"),
      folder_,
      Write("closed", "#!/bin/sh\n", 0644),
      Write("missing", "#!/no/such/python -u\n"),
      Write("not_executable", absl::StrCat("#!", interpreter, "\n")),
      Write("carriage", "#!/bin/sh\r\n"),
      Write("bare", "#!\n"),
      Write("empty", ""),
      Write("text", "echo\n"),
      Write("short", RealProgram().substr(0, 20)),
      Write("cut", RealProgram().substr(0, 100)),
      Write("folder", "#!/tmp\n"),
      Write("no_line", "#!"),
      Write("loader", loader),
  };
  for (const std::string& file : files) {
    const ProgramSearch search = FindProgram(file, {});
    EXPECT_EQ(search.error, ExecError(file)) << file;
    EXPECT_EQ(search.file, search.error == 0 ? file : "");
  }
}

TEST_F(FindProgramTest, ForeseesWhatIsTooLong) {
  const size_t most = 32 * static_cast<size_t>(::sysconf(_SC_PAGESIZE)) - 1;
  const auto kernel = [](const std::vector<std::string>& environment) {
    const pid_t pid = Fork([&] {
      std::vector<char*> entries;
      entries.reserve(environment.size() + 1);
      for (const std::string& entry : environment) {
        entries.push_back(const_cast<char*>(entry.c_str()));
      }
      entries.push_back(nullptr);
      const char* const argv[] = {"true", nullptr};
      ::execve("/bin/true", const_cast<char* const*>(argv), entries.data());
      return errno == E2BIG ? 1 : 2;
    });
    return WaitStatus(pid) == 0;
  };
  for (const size_t size : {most - 1, most, most + 1, most + 2}) {
    const std::vector<std::string> one = {std::string(size, 'x')};
    EXPECT_EQ(FitsExec({"/bin/true"}, one), kernel(one)) << size;
  }
  for (const size_t count : {5u, 15u, 16u, 17u, 47u, 49u, 60u}) {
    const std::vector<std::string> many(count, std::string(most - 100, 'x'));
    EXPECT_EQ(FitsExec({"/bin/true"}, many), kernel(many)) << count;
  }
}

// Whether it can be emulated only the kernel knows.
TEST_F(FindProgramTest, AnotherMachineIsWhatTheKernelSaysItIs) {
  std::string program = RealProgram();
  for (const uint16_t machine : {EM_S390, EM_AARCH64, EM_X86_64}) {
    std::memcpy(program.data() + offsetof(Elf64_Ehdr, e_machine), &machine,
                sizeof(machine));
    const std::string file = Write(absl::StrCat("program", machine), program);
    EXPECT_EQ(FindProgram(file, {}).error, ExecError(file)) << machine;
  }
}

TEST_F(FindProgramTest, RunsNothingOfTheProgram) {
  const std::string file =
      Write("script", absl::StrCat("#!/bin/sh\necho > ", Path("ran"), "\n"));
  sigset_t all, before;
  ::sigfillset(&all);
  ASSERT_EQ(::sigprocmask(SIG_SETMASK, &all, &before), 0);
  EXPECT_EQ(FindProgram(file, {}).error, 0);
  ASSERT_EQ(::sigprocmask(SIG_SETMASK, &before, nullptr), 0);
  EXPECT_EQ(::access(Path("ran").c_str(), F_OK), -1);
  EXPECT_EQ(ExecError(file), 0);  // the twin
  EXPECT_EQ(::access(Path("ran").c_str(), F_OK), 0);
}

TEST_F(FindProgramTest, WhereNothingMayBeTracedItLooks) {
  const std::string good = Write("good", RealProgram());
  const std::string missing = Write("missing", "#!/no/such\n");
  const pid_t pid = Fork([&] {
    RefuseCall(SYS_ptrace, EPERM);
    EXPECT_EQ(FindProgram(good, {}).error, 0);
    EXPECT_EQ(FindProgram(missing, {}).error, ENOENT);
    return HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(WaitStatus(pid), 0);
}

TEST_F(FindProgramTest, SearchesPathPastWhatCannotBeExecuted) {
  const std::string first = Path("first"), second = Path("second");
  ASSERT_EQ(::mkdir(first.c_str(), 0755), 0);
  ASSERT_EQ(::mkdir(second.c_str(), 0755), 0);
  const std::vector<std::string> environment = {
      absl::StrCat("PATH=/nowhere:", first, ":", second)};
  EXPECT_EQ(FindProgram("program", environment).error, ENOENT);
  Write("first/program", "#!/bin/sh\n", 0644);
  EXPECT_EQ(FindProgram("program", environment).error, EACCES);
  const std::string good = Write("second/program", "#!/bin/sh\n");
  EXPECT_EQ(FindProgram("program", environment).error, 0);
  EXPECT_EQ(FindProgram("program", environment).file, good);
  // Where the search ends for execvp, too.
  Write("first/program", "text");
  EXPECT_EQ(FindProgram("program", environment).error, ENOEXEC);
}

}  // namespace
}  // namespace reinit
