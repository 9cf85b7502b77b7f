#include "supervisor/status_server/status_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/status_server/status_record.h"

namespace reinit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class StatusServerTest : public ::testing::Test {
 protected:
  StatusServerTest() {
    auto socket = BindStatusSocket(*ParseListenSpec("tcp://127.0.0.1:0"));
    EXPECT_TRUE(socket.ok());
    server_ = std::make_unique<StatusServer>(world_.context(),
                                             *std::move(socket), [this] {
                                               ++described_;
                                               Status status;
                                               status.state = "ready";
                                               status.serves = true;
                                               status.change = "none";
                                               return status;
                                             });
    server_->Start();
    world_.Settle();
  }
  ~StatusServerTest() override {
    server_.reset();
    EXPECT_EQ(world_.loop().armed_timers(), 0u);
  }

  FakeOs::Process& helper() {
    return world_.os().process(server_->helper_pid());
  }

  void Ask(uint64_t id, uint32_t magic = StatusQuery::kMagic) {
    StatusQuery query;
    query.magic = magic;
    query.id = id;
    ::send(helper().passed_fd.get(), &query, sizeof(query), MSG_NOSIGNAL);
  }

  std::optional<StatusAnswer> Answer(std::string* texts = nullptr) {
    world_.Settle();
    std::vector<char> bytes(kMaxStatusAnswer);
    const ssize_t got = ::recv(helper().passed_fd.get(), bytes.data(),
                               bytes.size(), MSG_DONTWAIT);
    StatusAnswer answer;
    if (got < static_cast<ssize_t>(sizeof(answer))) return std::nullopt;
    std::memcpy(&answer, bytes.data(), sizeof(answer));
    if (texts != nullptr) {
      *texts = std::string(bytes.data() + sizeof(answer),
                           static_cast<size_t>(got) - sizeof(answer));
    }
    return answer;
  }

  FakeWorld world_;
  int described_ = 0;
  std::unique_ptr<StatusServer> server_;
};

TEST_F(StatusServerTest, TheHelperHasTheSocketAndNoPrivileges) {
  const SpawnRequest& request = helper().request;
  EXPECT_THAT(request.argv, ::testing::ElementsAre("reinit: status"));
  EXPECT_TRUE(request.unprivileged);
  EXPECT_TRUE(request.die_with_parent);
  EXPECT_TRUE(helper().descriptors[kStatusListenFd].valid());
  EXPECT_THAT(world_.log().lines().back(),
              StartsWith("status at http://127.0.0.1:"));
}

TEST(BindStatusSocketTest, AUnixSocketRefusesDescriptors) {
  constexpr int kPassRights = 83;
  // A socket's path is short, and a test's folder may not be.
  const std::string path =
      "/tmp/reinit-status-" + std::to_string(::getpid()) + ".sock";
  const auto socket = BindStatusSocket(*ParseListenSpec("unix:" + path));
  ASSERT_TRUE(socket.ok());
  int pass = 1;
  socklen_t size = sizeof(pass);
  if (::getsockopt(socket->fd.get(), SOL_SOCKET, kPassRights, &pass, &size) !=
      0) {
    GTEST_SKIP() << "this kernel cannot refuse descriptors (Linux 6.16 can)";
  }
  EXPECT_EQ(pass, 0);
}

TEST_F(StatusServerTest, AnswersWithEachText) {
  Ask(7);
  std::string texts;
  const auto answer = Answer(&texts);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->id, 7u);
  EXPECT_EQ(answer->serves, 1u);
  EXPECT_EQ(texts.substr(0, answer->state_size), "ready");
  EXPECT_THAT(texts.substr(answer->state_size, answer->json_size),
              StartsWith("{\"state\":\"ready\""));
  EXPECT_THAT(texts.substr(answer->state_size + answer->json_size),
              HasSubstr("reinit_ready 1\n"));
}

TEST_F(StatusServerTest, AFloodOfQuestionsIsAnsweredOnceInAWhile) {
  for (uint64_t id = 1; id <= 200; ++id) {
    Ask(id);
    world_.Settle();
  }
  EXPECT_EQ(described_, 1);
  EXPECT_EQ(Answer()->id, 1u);
  world_.Advance(StatusServer::kPause);
  EXPECT_EQ(described_, 2);
  EXPECT_EQ(Answer()->id, 200u);
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(described_, 2);
}

TEST_F(StatusServerTest, AnotherQuestionIsTheHelpersEnd) {
  const pid_t old = server_->helper_pid();
  Ask(1, /*magic=*/5);
  world_.Settle();
  EXPECT_FALSE(world_.os().Alive(old));
  EXPECT_EQ(described_, 0);
  world_.Advance(absl::Seconds(1));
  EXPECT_TRUE(helper().descriptors[kStatusListenFd].valid());
  Ask(2);
  EXPECT_EQ(Answer()->id, 2u);
}

TEST_F(StatusServerTest, AHelperThatReadsNothingHoldsNobodyUp) {
  for (uint64_t id = 1; id <= 1000; ++id) {
    Ask(id);
    world_.Advance(StatusServer::kPause);
  }
  EXPECT_EQ(described_, 1000);
}

}  // namespace
}  // namespace reinit
