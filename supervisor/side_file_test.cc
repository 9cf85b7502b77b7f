#include "supervisor/side_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/fake_world.h"
#include "supervisor/side_child.h"

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
