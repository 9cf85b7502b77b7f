#include "supervisor/run/socket_files.h"

#include <stdlib.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/side/side_child.h"
#include "supervisor/socket/listen_spec.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SocketFilesTest : public ::testing::Test {
 protected:
  SocketFilesTest() {
    // Bazel's name of its folder is too long for a socket.
    char name[] = "/tmp/files-XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    path_ = absl::StrCat(folder_, "/s");
    Open(absl::StrCat("unix:", path_));
  }
  ~SocketFilesTest() override {
    sockets_.reset();
    ::rmdir(folder_.c_str());
  }

  void Open(const std::string& text) {
    options_.sockets = {*ParseListenSpec(text)};
    sockets_.emplace();
    std::vector<std::string> environment;
    EXPECT_THAT(sockets_->Open(&options_, ::getpid(), &environment).errors,
                IsEmpty());
    files_.emplace(world_.context(), &*sockets_);
  }
  void CheckThen() {
    files_->CheckThen(
        [this](const std::string& states) { checked_.push_back(states); });
  }
  bool IsThere() const { return ::access(path_.c_str(), F_OK) == 0; }
  FakeOs& os() { return world_.os(); }

  FakeWorld world_;
  std::string folder_, path_;
  ListenOptions options_;
  std::optional<ListenSockets> sockets_;
  std::optional<SocketFiles> files_;
  std::vector<std::string> checked_;
};

TEST_F(SocketFilesTest, ARemovedFileIsRestoredAndLogged) {
  files_->OnEnded(/*stopping=*/false);
  world_.Settle();
  EXPECT_THAT(world_.log().lines(), IsEmpty());
  ::unlink(path_.c_str());
  files_->OnEnded(/*stopping=*/false);
  EXPECT_FALSE(files_->waiting());
  world_.Settle();
  EXPECT_TRUE(IsThere());
  EXPECT_THAT(world_.log().lines(),
              ElementsAre(HasSubstr("the process removed its file")));
}

// It goes on with what it has accepted, and serves nobody else.
TEST_F(SocketFilesTest, AProcessMayRemoveTheFileLongBeforeItsEnd) {
  files_->OnStopping();
  ::unlink(path_.c_str());
  world_.Settle();
  EXPECT_EQ(os().forks(), 0);
  world_.Advance(absl::Milliseconds(10));
  EXPECT_TRUE(IsThere());
  ::unlink(path_.c_str());
  files_->OnEnded(/*stopping=*/true);
  world_.Settle();
  EXPECT_TRUE(IsThere());
  world_.Advance(absl::Minutes(1));
  const int checks = os().forks();
  EXPECT_GT(checks, 60);
  EXPECT_LT(checks, 70);
  files_->OnEnded(/*stopping=*/false);
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(os().forks(), checks + 1);
}

TEST_F(SocketFilesTest, AStartWaitsForTheCheck) {
  ::unlink(path_.c_str());
  CheckThen();
  EXPECT_TRUE(files_->waiting());
  EXPECT_THAT(checked_, IsEmpty());
  world_.Settle();
  EXPECT_FALSE(files_->waiting());
  EXPECT_THAT(checked_, ElementsAre("+"));
}

// The check that is under way may have passed the file already.
TEST_F(SocketFilesTest, AnEndDuringACheckIsFollowedByAnother) {
  files_->OnEnded(/*stopping=*/false);
  ::unlink(path_.c_str());
  CheckThen();
  world_.Settle();
  EXPECT_TRUE(IsThere());
  EXPECT_THAT(checked_, ElementsAre("+"));
}

TEST_F(SocketFilesTest, AFileSystemThatHangsDelaysAStartButNotForEver) {
  os().set_hold_forks(true);
  CheckThen();
  world_.Settle();
  EXPECT_THAT(checked_, IsEmpty());
  world_.Advance(SideChild::kPatience);
  EXPECT_THAT(checked_, ElementsAre(""));
  EXPECT_THAT(world_.log().lines(),
              ElementsAre("cannot check the files of --listen: its file "
                          "system does not answer"));
}

TEST_F(SocketFilesTest, WithoutAChildAStartGoesOn) {
  os().set_fork_fails(true);
  CheckThen();
  EXPECT_THAT(checked_, ElementsAre(""));
}

TEST_F(SocketFilesTest, NothingComesAfterTheEnd) {
  CheckThen();
  files_->Cancel();
  world_.Settle();
  EXPECT_FALSE(files_->waiting());
  EXPECT_THAT(checked_, IsEmpty());
}

TEST_F(SocketFilesTest, TwinWithoutFilesNeedsNoChild) {
  Open("tcp://127.0.0.1:0");
  files_->OnEnded(/*stopping=*/false);
  CheckThen();
  EXPECT_THAT(checked_, ElementsAre(""));
  EXPECT_EQ(os().forks(), 0);
  files_.emplace(world_.context(), nullptr);
  files_->OnEnded(/*stopping=*/false);
  CheckThen();
  EXPECT_EQ(checked_.size(), 2u);
}

}  // namespace
}  // namespace reinit
