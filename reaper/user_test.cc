#include "reaper/user.h"

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class UserTest : public ::testing::Test {
 protected:
  UserTest()
      : passwd_(absl::StrCat(::testing::TempDir(), "/passwd")),
        group_(absl::StrCat(::testing::TempDir(), "/group")) {
    std::ofstream(passwd_) << "root:x:0:0:root:/root:/bin/sh\n"
                              "app:x:1000:1001:App:/home/app:/bin/false\n"
                              "7:x:70:71::/seven:/bin/sh\n"
                              "homeless:x:80:81:::/bin/sh\n";
    std::ofstream(group_) << "root:x:0:\nvideo:x:44:other,app\n"
                             "app:x:1001:app\nlogs:x:50:app\n";
  }
  absl::StatusOr<User> Find(std::string_view text) {
    return FindUser(text, passwd_, group_);
  }

  const std::string passwd_;
  const std::string group_;
};

TEST_F(UserTest, ByName) {
  const User user = *Find("app");
  EXPECT_EQ(user.credentials.uid, 1000u);
  EXPECT_EQ(user.credentials.gid, 1001u);
  EXPECT_THAT(user.credentials.groups, ElementsAre(1001, 44, 50));
  EXPECT_EQ(user.name, "app");
  EXPECT_EQ(user.home, "/home/app");
}

TEST_F(UserTest, ByNumberWithAndWithoutAnEntry) {
  EXPECT_EQ(Find("1000")->name, "app");
  const User stranger = *Find("4242");
  EXPECT_EQ(stranger.credentials.uid, 4242u);
  EXPECT_EQ(stranger.credentials.gid, 0u);
  EXPECT_EQ(stranger.home, "/");
}

TEST_F(UserTest, AnEntryWithoutAHome) {
  EXPECT_EQ(Find("homeless")->home, "/");
}

TEST_F(UserTest, AGroupReplacesAllOthers) {
  for (const char* text : {"app:video", "app:44", "1000:video"}) {
    const User user = *Find(text);
    EXPECT_EQ(user.credentials.uid, 1000u) << text;
    EXPECT_EQ(user.credentials.gid, 44u) << text;
    EXPECT_THAT(user.credentials.groups, ElementsAre(44)) << text;
  }
}

TEST_F(UserTest, NumbersNeedNoFiles) {
  const auto user = FindUser("12:34", "/no/such", "/no/such");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(user->credentials.uid, 12u);
  EXPECT_EQ(user->credentials.gid, 34u);
}

TEST_F(UserTest, ErrorsNameWhatIsMissing) {
  EXPECT_THAT(Find("nobody").status().message(), HasSubstr("'nobody'"));
  EXPECT_THAT(Find("app:nogroup").status().message(), HasSubstr("'nogroup'"));
  EXPECT_FALSE(Find("").ok());
  EXPECT_FALSE(Find("-1").ok());
  EXPECT_FALSE(Find("4294967295").ok());
}

}  // namespace
}  // namespace reinit
