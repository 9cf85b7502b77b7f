#include "supervisor/side/side_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/side/side_child.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SideFileTest : public ::testing::Test {
 protected:
  SideFileTest() { Open(path_); }
  ~SideFileTest() override { ::unlink(path_.c_str()); }

  void Open(const std::string& path) {
    file_ = std::make_unique<SideFile>(
        world_.context(), path, [this](int error) { done_.push_back(error); });
  }
  std::string Content() {
    const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return "none";
    std::string text(10'000, '\0');
    const ssize_t got = ::read(fd.get(), text.data(), text.size());
    return text.substr(0, got > 0 ? static_cast<size_t>(got) : 0);
  }

  const std::string path_ =
      absl::StrCat(::testing::TempDir(), "/side-", ::getpid());
  FakeWorld world_;
  std::vector<int> done_;
  std::unique_ptr<SideFile> file_;
};

TEST_F(SideFileTest, IsWrittenReplacedAndRemoved) {
  file_->Write("hello");
  world_.Settle();
  EXPECT_EQ(Content(), "hello");
  file_->Write(std::string(5000, 'x'));
  world_.Settle();
  EXPECT_EQ(Content(), std::string(4096, 'x'));
  file_->Remove();
  world_.Settle();
  EXPECT_EQ(Content(), "none");
  file_->Remove();
  world_.Settle();
  EXPECT_THAT(done_, ElementsAre(0, 0, 0, 0));
}

TEST_F(SideFileTest, ErrorsComeBack) {
  Open("/no/such/folder/file");
  file_->Write("x");
  world_.Settle();
  EXPECT_THAT(done_, ElementsAre(ENOENT));
}

TEST_F(SideFileTest, AFifoWithoutAReaderIsAnError) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  file_->Write("x");
  world_.Settle();
  EXPECT_THAT(done_, ElementsAre(ENXIO));
}

class PlantedTest : public SideFileTest {
 protected:
  static constexpr uid_t kOther = 1234;

  // As the process could, whose user is another.
  void SetUp() override {
    ASSERT_EQ(::symlink("x", way_.c_str()), 0);
    const bool can = ::lchown(way_.c_str(), kOther, kOther) == 0;
    ::unlink(way_.c_str());
    if (!can) GTEST_SKIP() << "needs root, and more than one user";
    Fill(victim_, "precious");
    ASSERT_EQ(::mkdir(folder_.c_str(), 0777), 0);
  }
  void TearDown() override {
    for (const std::string& path : {planted_, victim_, path_}) {
      ::unlink(path.c_str());
    }
    ::unlink(way_.c_str());
    ::rmdir(folder_.c_str());
  }
  static void Fill(const std::string& path, std::string_view text) {
    const UniqueFd fd(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(fd.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  static void Link(const std::string& to, const std::string& path,
                   uid_t whose) {
    ASSERT_EQ(::symlink(to.c_str(), path.c_str()), 0);
    ASSERT_EQ(::lchown(path.c_str(), whose, whose), 0);
  }
  static std::string ContentOf(const std::string& path) {
    char text[100];
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t got = ::read(fd.get(), text, sizeof(text));
    return got < 0 ? "none" : std::string(text, static_cast<size_t>(got));
  }
  void WriteTo(const std::string& path) {
    Open(path);
    file_->Write("words");
    world_.Settle();
  }

  const std::string victim_ =
      absl::StrCat(::testing::TempDir(), "/victim-", ::getpid());
  const std::string folder_ =
      absl::StrCat(::testing::TempDir(), "/folder-", ::getpid());
  const std::string way_ =
      absl::StrCat(::testing::TempDir(), "/way-", ::getpid());
  const std::string planted_ = folder_ + "/file";
};

TEST_F(PlantedTest, ALinkOfAnotherUserIsNotFollowed) {
  Link(victim_, planted_, kOther);
  WriteTo(planted_);
  EXPECT_THAT(done_, ElementsAre(ELOOP));
  EXPECT_EQ(ContentOf(victim_), "precious");
}

TEST_F(PlantedTest, NorOnTheWay) {
  Link(folder_, way_, kOther);
  Fill(planted_, "precious");
  WriteTo(way_ + "/file");
  file_->Make();
  world_.Settle();
  file_->Remove();
  world_.Settle();
  EXPECT_THAT(done_, ElementsAre(ELOOP, ELOOP, ELOOP));
  EXPECT_EQ(ContentOf(planted_), "precious");
}

TEST_F(PlantedTest, ALinkOfRootIs) {
  Link(folder_, way_, 0);
  Link("../" + victim_.substr(victim_.rfind('/') + 1), planted_, 0);
  WriteTo(way_ + "/file");
  EXPECT_THAT(done_, ElementsAre(0));
  EXPECT_EQ(ContentOf(victim_), "words");
}

TEST_F(PlantedTest, AHardLinkIsLeftAlone) {
  ASSERT_EQ(::link(victim_.c_str(), planted_.c_str()), 0);
  WriteTo(planted_);
  EXPECT_THAT(done_, ElementsAre(EMLINK));
  EXPECT_EQ(ContentOf(victim_), "precious");
}

TEST_F(PlantedTest, AMadeFileTakesItsPlace) {
  Link(victim_, planted_, kOther);
  Open(planted_);
  file_->Make();
  world_.Settle();
  struct stat found;
  EXPECT_THAT(done_, ElementsAre(0));
  ASSERT_EQ(::lstat(planted_.c_str(), &found), 0);
  EXPECT_TRUE(S_ISREG(found.st_mode));
  EXPECT_EQ(ContentOf(victim_), "precious");
}

TEST_F(PlantedTest, TheFileStaysTheSameOne) {
  Fill(planted_, "something longer than the words");
  struct stat before;
  ASSERT_EQ(::stat(planted_.c_str(), &before), 0);
  WriteTo(planted_);
  struct stat after;
  ASSERT_EQ(::stat(planted_.c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(ContentOf(planted_), "words");
}

TEST_F(SideFileTest, LinksOfProcAreFollowed) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  Open(absl::StrCat("/proc/self/fd/", ends[1]));
  file_->Write("words");
  world_.Settle();
  EXPECT_THAT(done_, ElementsAre(0));
  char text[10];
  EXPECT_EQ(::read(ends[0], text, sizeof(text)), 5);
  ::close(ends[0]);
  ::close(ends[1]);
}

// /dev/stderr with 2>FILE: it was truncated, and the log lost.
TEST_F(SideFileTest, AFileThatIsOpenHereIsNotTruncated) {
  const UniqueFd open(
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  ASSERT_EQ(::write(open.get(), "log\n", 4), 4);
  Open(absl::StrCat("/proc/self/fd/", open.get()));
  file_->Write("words");
  world_.Settle();
  EXPECT_THAT(done_, ElementsAre(0));
  EXPECT_EQ(Content(), "log\nwords");
}

TEST_F(SideFileTest, WhatComesAfterTheWordsInOurOutputFollowsThem) {
  const UniqueFd before(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  ASSERT_TRUE(before.valid());
  const UniqueFd open(
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  ASSERT_EQ(::dup2(open.get(), STDERR_FILENO), STDERR_FILENO);
  const ssize_t first = ::write(STDERR_FILENO, "log\n", 4);
  for (const std::string& path : {std::string("/proc/self/fd/2"), path_}) {
    Open(path);
    file_->Write("words\n");
    world_.Settle();
  }
  const ssize_t last = ::write(STDERR_FILENO, "more\n", 5);
  ASSERT_EQ(::dup2(before.get(), STDERR_FILENO), STDERR_FILENO);
  EXPECT_EQ(first + last, 9);
  EXPECT_THAT(done_, ElementsAre(0, 0));
  EXPECT_EQ(Content(), "log\nwords\nwords\nmore\n");
}

TEST_F(SideFileTest, TheLastWordCounts) {
  world_.os().set_hold_forks(true);
  file_->Write("1");
  file_->Write("2");
  file_->Remove();
  world_.os().set_hold_forks(false);
  file_->Write("3");
  EXPECT_EQ(world_.os().forks(), 1);
  world_.os().Exit(world_.os().last_fork(), {.code = 0});
  world_.Settle();
  EXPECT_EQ(world_.os().forks(), 2);
  EXPECT_EQ(Content(), "3");
  EXPECT_THAT(done_, ElementsAre(0));
}

TEST_F(SideFileTest, WhatHangsIsLeft) {
  world_.os().set_hold_forks(true);
  file_->Write("1");
  const pid_t hung = world_.os().last_fork();
  world_.os().process(hung).unkillable = true;
  world_.Advance(SideChild::kPatience - absl::Milliseconds(1));
  EXPECT_THAT(done_, IsEmpty());
  world_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(done_, ElementsAre(ETIMEDOUT));
  EXPECT_THAT(world_.os().process(hung).received, ElementsAre(SIGKILL));
  // Its end, one day, means nothing, and the next may succeed.
  world_.os().set_hold_forks(false);
  file_->Write("2");
  world_.os().Exit(hung, {.signal = SIGKILL});
  world_.Settle();
  EXPECT_EQ(Content(), "2");
  EXPECT_THAT(done_, ElementsAre(ETIMEDOUT, 0));
}

TEST_F(SideFileTest, NoForkIsNoSuccess) {
  world_.os().set_fork_fails(true);
  file_->Write("1");
  EXPECT_THAT(done_, ElementsAre(EAGAIN));
}

TEST_F(SideFileTest, ItsEndLeavesTheChild) {
  world_.os().set_hold_forks(true);
  file_->Write("1");
  file_.reset();
  world_.os().Exit(world_.os().last_fork(), {.code = 0});
  world_.Settle();
  EXPECT_THAT(done_, IsEmpty());
}

}  // namespace
}  // namespace reinit
