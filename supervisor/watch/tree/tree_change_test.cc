// Every kind of change, one row each.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/tree/announcer.h"
#include "supervisor/watch/tree/sample_tree.h"
#include "supervisor/watch/tree/tree.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

using ::testing::IsEmpty;

struct Row {
  std::string_view name;
  std::function<void(const WatchedFolder&)> change;
  size_t count;
  std::string_view first;  // "" if it does not matter
  bool announced = true;   // else only a sweep finds it
};

// With all directories kept open, with none, and with a few; found by a sweep
// of everything, or where something is announced.
class TreeChangeTest
    : public ::testing::TestWithParam<std::tuple<Row, size_t, bool>> {};

TEST_P(TreeChangeTest, IsSeenOnce) {
  const auto& [row, max_open, announced] = GetParam();
  const WatchedFolder folder;
  MakeSampleTree(folder);
  Announcer announcer;
  if (announced) {
    ASSERT_EQ(announcer.Open(), 0);
  }
  const auto tree = ScannedTree({folder.path()}, max_open, {},
                                announced ? &announcer : nullptr);
  ASSERT_NE(tree->Sweeps(), announced);
  folder.NextTick();
  tree->Sweep();
  ASSERT_FALSE(tree->findings().changed()) << "changed by itself";
  row.change(folder);
  announced&& row.announced ? tree->LookAnnounced() : tree->Sweep();
  const FoundChanges changes = tree->TakeChanges();
  EXPECT_EQ(changes.count, row.count);
  if (!row.first.empty()) {
    EXPECT_EQ(changes.first, folder.Path(row.first));
  }
  EXPECT_THAT(tree->TakeRootEvents(), IsEmpty());
  EXPECT_THAT(tree->TakeWarnings(), IsEmpty());
  EXPECT_NE(tree->Sweeps(), announced) << "and so is what comes";
  // Neither twice, nor differently from one who sees it for the first time.
  tree->Sweep();
  EXPECT_FALSE(tree->findings().changed());
  const auto fresh = ScannedTree({folder.path()});
  EXPECT_EQ(tree->digest(), fresh->digest());
  EXPECT_EQ(tree->directories(), fresh->directories());
}

std::vector<Row> ContentRows() {
  using F = const WatchedFolder&;
  return {
      {"Append", [](F f) { f.Append("app.py", "2"); }, 1, "app.py"},
      {"Touch", [](F f) { f.SetTime("src/a.py", 2000000000); }, 1, "src/a.py"},
      {"OlderTime", [](F f) { f.SetTime("src/a.py", 1); }, 1, "src/a.py"},
      {"InPlaceSameSizeAndOlderTime",
       [](F f) {
         f.Write("src/a.py", "2");
         f.SetTime("src/a.py", 1);
       },
       1, "src/a.py"},
      {"Chmod",
       [](F f) { EXPECT_EQ(::chmod(f.Path("app.py").c_str(), 0755), 0); }, 1,
       "app.py"},
      {"ChmodToWhatItIs",
       [](F f) {
         struct stat st;
         EXPECT_EQ(::stat(f.Path("app.py").c_str(), &st), 0);
         EXPECT_EQ(::chmod(f.Path("app.py").c_str(), st.st_mode), 0);
       },
       0, ""},
      {"ChownToWhatItIs",
       [](F f) {
         struct stat st;
         EXPECT_EQ(::stat(f.Path("app.py").c_str(), &st), 0);
         EXPECT_EQ(::chown(f.Path("app.py").c_str(), st.st_uid, st.st_gid), 0);
       },
       0, ""},
      {"AccessTime",
       [](F f) {
         const timespec times[2] = {{1, 0}, {0, UTIME_OMIT}};
         EXPECT_EQ(::utimensat(AT_FDCWD, f.Path("app.py").c_str(), times, 0),
                   0);
       },
       0, ""},
      {"AnotherHardLinkComesAndGoes",
       [](F f) {
         const std::string other = absl::StrCat(f.path(), ".link");
         EXPECT_EQ(::link(f.Path("app.py").c_str(), other.c_str()), 0);
         EXPECT_EQ(::unlink(other.c_str()), 0);
       },
       0, ""},
      {"LinkOfATargetThatIsChowned",
       [](F f) {
         EXPECT_EQ(::chown(f.Path("conf/key").c_str(), ::geteuid(), -1), 0);
       },
       0, ""},
      {"NewFile", [](F f) { f.Write("src/new.py", ""); }, 1, "src/new.py"},
      {"Delete", [](F f) { f.Remove("src/deep/c.py"); }, 1, "src/deep/c.py"},
      {"AtomicSave",
       [](F f) {
         f.Write("src/a.py.tmp~", "2");
         f.Rename("src/a.py.tmp~", "src/a.py");
       },
       1, "src/a.py"},
      {"ReplacedByOneOfTheSameSizeAndTime",
       [](F f) {
         f.Write("x~", "2");
         struct stat st;
         EXPECT_EQ(::stat(f.Path("app.py").c_str(), &st), 0);
         const timespec times[2] = {st.st_mtim, st.st_mtim};
         EXPECT_EQ(::utimensat(AT_FDCWD, f.Path("x~").c_str(), times, 0), 0);
         f.Rename("x~", "app.py");
       },
       1, "app.py"},
      {"UnlinkAndCreate",
       [](F f) {
         f.Remove("app.py");
         f.Write("app.py", "1");
       },
       1, "app.py"},
      {"RenamedFile", [](F f) { f.Rename("app.py", "zzz.py"); }, 2, ""},
      {"SixteenAtOnce",
       [](F f) {
         for (int i = 0; i < 16; ++i) f.Write(absl::StrCat("n", i, ".py"), "");
       },
       16, ""},
      {"HardLinkWrittenThroughTheOtherName",
       [](F f) {
         EXPECT_EQ(::link(f.Path("app.py").c_str(), f.Path("src/l.py").c_str()),
                   0);
         f.Append("src/l.py", "2");
       },
       2, "", false},
      {"OddNames",
       [](F f) {
         f.Write("new\nline", "");
         f.Write("\xff\xfe", "");
       },
       2, ""},
  };
}

std::vector<Row> DirectoryRows() {
  using F = const WatchedFolder&;
  return {
      {"EmptyDirectoryDoesNotCount", [](F f) { f.MakeDirectory("empty"); }, 0,
       ""},
      {"MakeDirectoryAndFile",
       [](F f) {
         f.MakeDirectory("one/two/three");
         f.Write("one/two/three/f.py", "");
       },
       1, "one/two/three/f.py"},
      {"RemovedDirectory", [](F f) { f.Remove("src"); }, 3, ""},
      {"RenamedDirectory", [](F f) { f.Rename("src/deep", "src/d2"); }, 2, ""},
      {"DirectoryReplacedByAnother",
       [](F f) {
         f.MakeDirectory("x");
         f.Write("x/c.py", "1");
         f.Remove("src/deep");
         f.Rename("x", "src/deep");
       },
       1, "src/deep/c.py"},
      {"DirectoryMadeAnew",
       [](F f) {
         f.Remove("src/deep");
         f.MakeDirectory("src/deep");
         f.Write("src/deep/c.py", "1");
       },
       1, "src/deep/c.py"},
      {"FileBecomesDirectory",
       [](F f) {
         f.Remove("app.py");
         f.MakeDirectory("app.py");
         f.Write("app.py/x", "");
       },
       2, ""},
      {"DirectoryBecomesFile",
       [](F f) {
         f.Remove("src/deep");
         f.Write("src/deep", "");
       },
       2, ""},
      {"MovedIntoAnother", [](F f) { f.Rename("src/deep/c.py", "src/c.py"); },
       2, ""},
      {"ConfigMapSwap",
       [](F f) {
         f.MakeDirectory("conf/..v2");
         f.Write("conf/..v2/key", "2");
         f.Link("..v2", "conf/..data_tmp");
         f.Rename("conf/..data_tmp", "conf/..data");
         f.Remove("conf/..v1");
       },
       1, "conf/key"},
      {"ConfigMapSwapOfTheSame",
       [](F f) {
         f.MakeDirectory("conf/..v2");
         f.Write("conf/..v2/key", "1");
         f.Link("..v2", "conf/..data_tmp");
         f.Rename("conf/..data_tmp", "conf/..data");
         f.Remove("conf/..v1");
       },
       0, ""},
      {"SymlinkRetargeted",
       [](F f) {
         f.Link("../app.py", "conf/x~");
         f.Rename("conf/x~", "conf/key");
       },
       1, "conf/key"},
      {"DanglingSymlink", [](F f) { f.Link("nowhere", "link"); }, 1, "link"},
      {"LinkLoop", [](F f) { f.Link("loop", "loop"); }, 1, "loop"},
      {"LinkToADirectoryAbove", [](F f) { f.Link(".", "self"); }, 1, "self"},
  };
}

std::vector<Row> ExcludedRows() {
  using F = const WatchedFolder&;
  return {
      {"EditorLitter",
       [](F f) {
         for (const char* name :
              {".app.py.swp", "app.py~", ".#app.py", "#app.py#", "4913",
               "src/x.pyc", "src/a.py___jb_tmp___", ".DS_Store"}) {
           f.Write(name, "x");
         }
       },
       0, ""},
      {"ExcludedDirectories",
       [](F f) {
         for (const char* name : {".git", "node_modules", "src/__pycache__"}) {
           f.MakeDirectory(name);
           f.Write(absl::StrCat(name, "/x.py"), "x");
         }
       },
       0, ""},
      {"SocketsAndPipes",
       [](F f) {
         EXPECT_EQ(::mkfifo(f.Path("fifo").c_str(), 0600), 0);
         const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
         sockaddr_un address = {};
         address.sun_family = AF_UNIX;
         // Relative, since a test's path may be longer than a socket's.
         const std::string cwd = std::filesystem::current_path();
         std::filesystem::current_path(f.path());
         std::string_view("sock").copy(address.sun_path, 5);
         EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address),
                          sizeof(address)),
                   0);
         std::filesystem::current_path(cwd);
       },
       0, ""},
      {"CreatedAndRemoved",
       [](F f) {
         f.Write("sedAbCdEf", "x");
         f.Remove("sedAbCdEf");
       },
       0, ""},
      {"OnlyRead",
       [](F f) {
         const UniqueFd fd(::open(f.Path("app.py").c_str(), O_RDONLY));
         char c;
         EXPECT_EQ(::read(fd.get(), &c, 1), 1);
       },
       0, ""},
  };
}

std::string RowName(
    const ::testing::TestParamInfo<std::tuple<Row, size_t, bool>>& info) {
  return absl::StrCat(std::get<0>(info.param).name, "_open",
                      std::get<1>(info.param),
                      std::get<2>(info.param) ? "_announced" : "");
}

const auto kOpen = ::testing::Values(size_t{0}, size_t{2}, size_t{1000});

INSTANTIATE_TEST_SUITE_P(Contents, TreeChangeTest,
                         ::testing::Combine(::testing::ValuesIn(ContentRows()),
                                            kOpen, ::testing::Bool()),
                         RowName);
INSTANTIATE_TEST_SUITE_P(
    Directories, TreeChangeTest,
    ::testing::Combine(::testing::ValuesIn(DirectoryRows()), kOpen,
                       ::testing::Bool()),
    RowName);
INSTANTIATE_TEST_SUITE_P(Excluded, TreeChangeTest,
                         ::testing::Combine(::testing::ValuesIn(ExcludedRows()),
                                            kOpen, ::testing::Bool()),
                         RowName);

}  // namespace
}  // namespace reinit
