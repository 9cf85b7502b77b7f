#include "supervisor/probe/target.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = ProbeTarget::Kind;

struct Good {
  std::string_view text;
  Kind kind;
  std::string_view host;
  int port;
  std::string_view path;
};

class TargetTest : public ::testing::TestWithParam<Good> {};

TEST_P(TargetTest, IsParsed) {
  const Good& want = GetParam();
  const auto target = ParseProbeTarget(want.text);
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->kind, want.kind);
  EXPECT_EQ(target->text, want.text);
  EXPECT_EQ(target->host, want.host);
  EXPECT_EQ(target->port, want.port);
  EXPECT_EQ(target->path, want.path);
  EXPECT_THAT(target->argv, ElementsAre());
}

INSTANTIATE_TEST_SUITE_P(
    Table, TargetTest,
    ::testing::Values(
        Good{"http://127.0.0.1:8080/healthz", Kind::kHttp, "127.0.0.1", 8080,
             "/healthz"},
        Good{"http://localhost", Kind::kHttp, "localhost", 80, "/"},
        Good{"http://localhost/", Kind::kHttp, "localhost", 80, "/"},
        Good{"http://my_app-1.svc.local:1/a/b?c=d&e=/f?", Kind::kHttp,
             "my_app-1.svc.local", 1, "/a/b?c=d&e=/f?"},
        Good{"http://h?x", Kind::kHttp, "h", 80, "/?x"},
        Good{"http://h:65535?x", Kind::kHttp, "h", 65535, "/?x"},
        Good{"http://[::1]:80", Kind::kHttp, "::1", 80, "/"},
        Good{"http://[::1]/x", Kind::kHttp, "::1", 80, "/x"},
        Good{"http://[::ffff:10.0.0.1]:81", Kind::kHttp, "::ffff:10.0.0.1", 81,
             "/"},
        Good{"HTTP://h/%20", Kind::kHttp, "h", 80, "/%20"},
        Good{"http://h/a:b@c", Kind::kHttp, "h", 80, "/a:b@c"},
        Good{"http://8080.example", Kind::kHttp, "8080.example", 80, "/"},
        Good{"tcp://db:5432", Kind::kTcp, "db", 5432, ""},
        Good{"tcp://db:5432/", Kind::kTcp, "db", 5432, ""},
        Good{"tcp://[fe80::1]:5432", Kind::kTcp, "fe80::1", 5432, ""},
        Good{"grpc://h:50051", Kind::kGrpc, "h", 50051, ""}));

struct Bad {
  std::string_view text;
  std::string_view why;
};

class TargetErrorTest : public ::testing::TestWithParam<Bad> {};

TEST_P(TargetErrorTest, SaysWhatIsWrong) {
  const auto target = ParseProbeTarget(GetParam().text);
  ASSERT_FALSE(target.ok());
  EXPECT_THAT(target.status().message(), HasSubstr(GetParam().why));
  EXPECT_EQ(target.status().message().find('\n'), std::string_view::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Table, TargetErrorTest,
    ::testing::Values(
        Bad{"", "allowed are"}, Bad{"localhost:80", "allowed are"},
        Bad{"http:/x", "allowed are"}, Bad{"unix://run/x", "absolute path"},
        Bad{"grpc://h", "port is missing"}, Bad{"file:/x", "max-age"},
        Bad{"grpc://h:1/a/b", "name of a service"},
        Bad{"grpc://h:1?x", "port must"}, Bad{"grpc://:1", "host is missing"},
        Bad{"grpc://h:1/a%20b", "name of a service"},
        Bad{"stall:web", "nothing stands"},
        Bad{"http+unix://x", "absolute path"}, Bad{"unix://", "absolute path"},
        Bad{"unix:///a b", "%XX"},
        Bad{"http+unix:///run/x:ready", "behind the colon"},
        Bad{"http+unix:///run/x:", "behind the colon"},
        Bad{"https://h/", "no TLS"}, Bad{"HTTPS://h/", "no TLS"},
        Bad{"http://", "host is missing"}, Bad{"http:///x", "host is missing"},
        Bad{"http://:80", "host is missing"}, Bad{"tcp://:80", "host is"},
        Bad{"http://h:", "port must"}, Bad{"http://h:0", "port must"},
        Bad{"http://h:65536", "port must"}, Bad{"http://h:99999", "port must"},
        Bad{"http://h:080808", "port must"}, Bad{"http://h:+80", "port must"},
        Bad{"http://h:-1", "port must"}, Bad{"http://h:8x", "port must"},
        Bad{"http://h:80:81", "port must"}, Bad{"http://::1:80", "host is"},
        Bad{"http://[::1", "']' is missing"}, Bad{"http://[]:80", "IPv6"},
        Bad{"http://[127.0.0.1]", "IPv6"}, Bad{"http://[::g]", "IPv6"},
        Bad{"http://[fe80::1%25eth0]", "IPv6"},
        Bad{"http://[::1]80", "port must"}, Bad{"http://[::1]:", "port must"},
        Bad{"http://u@h", "user name"}, Bad{"http://u:p@h/", "user name"},
        Bad{"http://h/#x", "fragment"}, Bad{"http://h/a b", "%XX"},
        Bad{"http://h/\r\nX: y", "%XX"}, Bad{"http://h/\x7f", "%XX"},
        Bad{"http://h/\xc3\xa9", "%XX"}, Bad{"http://h\t", "%XX"},
        Bad{std::string_view("http://h/\0", 10), "%XX"},
        Bad{"http://h/\x1b[0m", "\\x1b"}, Bad{"http://127.1", "IPv4"},
        Bad{"http://127.0.0.256", "IPv4"}, Bad{"http://010.0.0.1", "IPv4"},
        Bad{"http://.a", "not a name"}, Bad{"http://-a", "not a name"},
        Bad{"http://a..b", "not a name"}, Bad{"http://a%62", "host may hold"},
        Bad{"tcp://h", "port is missing"}, Bad{"tcp://h:1/x", "no path"},
        Bad{"tcp://h:1?x", "no path"}, Bad{"exec:", "it is empty"},
        Bad{"exec:a 'b", "quote is not closed"}));

TEST(TargetTest, SecretsAreNotShown) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"http://a:1/p?token=x&b=&c", "http://a:1/p?token=***&b=&***"},
      {"http+unix:///run/s:/p?k=v", "http+unix:///run/s:/p?k=***"},
      {"POST http://u:pw@a/p?k=v", "POST http://a/p?k=***"},
      {"exec:/bin/check --password 'x y'", "exec:/bin/check"},
      {"file:/run/alive?max-age=30s", "file:/run/alive?max-age=30s"},
      {"tcp://a:1", "tcp://a:1"},
      {"signal:HUP", "signal:HUP"},
  };
  for (const auto& [text, shown] : rows) {
    EXPECT_EQ(WithoutSecrets(text), shown);
  }
  EXPECT_EQ(ParseProbeTarget("http://a/?k=v")->shown, "http://a/?k=***");
  EXPECT_EQ(ParseRequestTarget("PUT http://a/?k=v")->shown,
            "PUT http://a/?k=***");
  EXPECT_THAT(ParseProbeTarget("http://u:pw@a/").status().message(),
              ::testing::Not(::testing::HasSubstr("pw")));
}

// Such a URL is refused, so where its password ends is a guess.
TEST(TargetTest, APasswordWithASlashOrAQuestionMarkIsNotShown) {
  for (const std::string_view url :
       {"http://u:s3cret/w@h/", "http://u:s3c?ret@h/", "http://s3cret@h:0/",
        "http://u:s3cret@h@h/", "http://u:s3cret:x/@h", "tcp://u:s3cret@h:1",
        "https://u:s3cret/@h/", "grpc://u:s3cret/@h:1"}) {
    for (const bool request : {false, true}) {
      const auto target = request
                              ? ParseRequestTarget(absl::StrCat("POST ", url))
                              : ParseProbeTarget(url);
      ASSERT_FALSE(target.ok()) << url;
      EXPECT_THAT(target.status().message(),
                  ::testing::Not(::testing::HasSubstr("s3c")));
    }
  }
  EXPECT_EQ(WithoutUrlSecrets("--x=http://u:p@h/ 'tcp://q@i' a@b"),
            "--x=http://h/ 'tcp://i' a@b");
  EXPECT_EQ(WithoutUrlSecrets("a@b://c"), "a@b://c");
  EXPECT_EQ(WithoutUrlSecrets(""), "");
  EXPECT_EQ(WithoutUrlSecrets("--health=http://x:1/h?token=SECRET2#f"),
            "--health=http://x:1/h?token=***");
  EXPECT_EQ(WithoutUrlSecrets("htp://u:p@x/?a=b&token=c d"),
            "htp://x/?a=***&token=***");
  EXPECT_EQ(WithoutUrlSecrets("http://x/?mail=a@b&token=c"), "http://***");
  EXPECT_EQ(WithoutUrlSecrets("--watch-include=src/?a=b"),
            "--watch-include=src/?a=b");
}

TEST(TargetTest, TakesSocketPaths) {
  const auto plain = ParseProbeTarget("unix:///run/app.sock");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->kind, Kind::kUnix);
  EXPECT_EQ(plain->socket, "/run/app.sock");
  const auto http = ParseProbeTarget("http+unix:///run/app.sock:/ready?x=:");
  ASSERT_TRUE(http.ok()) << http.status();
  EXPECT_EQ(http->kind, Kind::kHttp);
  EXPECT_EQ(http->socket, "/run/app.sock");
  EXPECT_EQ(http->path, "/ready?x=:");
  EXPECT_EQ(ParseProbeTarget("http+unix:///run/app.sock")->path, "/");
  EXPECT_TRUE(ParseProbeTarget("unix:///" + std::string(106, 'a')).ok());
  EXPECT_FALSE(ParseProbeTarget("unix:///" + std::string(107, 'a')).ok());
}

TEST(TargetTest, TakesTheNameOfAService) {
  for (const auto& [text, service] :
       {std::pair{"grpc://[::1]:1/my.package.Service", "my.package.Service"},
        {"grpc://[::1]:1/", ""},
        {"GRPC://[::1]:1", ""}}) {
    const auto target = ParseProbeTarget(text);
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(target->kind, Kind::kGrpc);
    EXPECT_EQ(target->host, "::1");
    EXPECT_EQ(target->service, service);
  }
}

TEST(TargetTest, SplitsAnExecCheckIntoWords) {
  const auto target = ParseProbeTarget("exec:pg_isready -h 'my host'");
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->kind, Kind::kExec);
  EXPECT_THAT(target->argv, ElementsAre("pg_isready", "-h", "my host"));
}

TEST(TargetTest, RefusesWhatIsTooLongInAShortLine) {
  const auto url = ParseProbeTarget("http://h/" + std::string(5000, 'a'));
  ASSERT_FALSE(url.ok());
  EXPECT_THAT(url.status().message(), HasSubstr("longer than"));
  EXPECT_LT(url.status().message().size(), 300U);
  EXPECT_FALSE(ParseProbeTarget("http://" + std::string(254, 'a')).ok());
}

TEST(HttpRequestTest, IsParsed) {
  const auto post = ParseRequestTarget("POST http://127.0.0.1:9090/-/reload");
  ASSERT_TRUE(post.ok()) << post.status();
  EXPECT_EQ(post->kind, Kind::kHttp);
  EXPECT_EQ(post->method, "POST");
  EXPECT_EQ(post->port, 9090);
  EXPECT_EQ(post->path, "/-/reload");
  EXPECT_EQ(post->text, "POST http://127.0.0.1:9090/-/reload");
  EXPECT_TRUE(ParseRequestTarget("PUT http+unix:///run/a.sock:/x").ok());
  EXPECT_EQ(ParseProbeTarget("http://a/")->method, "GET");
}

TEST(HttpRequestTest, RefusesAnythingElse) {
  for (const auto& [text, why] : {std::pair{"", "METHOD URL"},
                                  {"POST", "METHOD URL"},
                                  {"POST ", "allowed are"},
                                  {"post http://a/", "METHOD URL"},
                                  {"http://a/", "METHOD URL"},
                                  {"PATCH\rX: y http://a/", "METHOD URL"},
                                  {"POST  http://a/", "allowed are"},
                                  {"POST http://a/ b", "blanks"},
                                  {"GET tcp://a:1", "http:// or http+unix://"},
                                  {"GET exec:true", "http:// or http+unix://"},
                                  {"GET https://a/", "no TLS"}}) {
    const auto request = ParseRequestTarget(text);
    ASSERT_FALSE(request.ok()) << text;
    EXPECT_THAT(request.status().message(), HasSubstr(why)) << text;
  }
}

TEST(ProbeTargetTest, FileWithAMaximalAge) {
  const auto target = ParseProbeTarget("file:/run/a?b?max-age=1m30s");
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->kind, Kind::kFile);
  EXPECT_EQ(target->file, "/run/a?b");
  EXPECT_EQ(target->max_age, absl::Seconds(90));
}

TEST(ProbeTargetTest, RefusesFilesThatCannotBeJudged) {
  for (const auto& [text, why] :
       {std::pair{"file:/run/alive", "?max-age= is missing"},
        {"file:alive?max-age=1s", "absolute path"},
        {"file:?max-age=1s", "absolute path"},
        {"file:/run/alive?max-age=", "not a duration"},
        {"file:/run/alive?max-age=-1s", "negative"},
        {"file:/run/alive?max-age=0", "more than 0"},
        {"file:/run/alive?max-age=infinity", "finite"}}) {
    const auto target = ParseProbeTarget(text);
    ASSERT_FALSE(target.ok()) << text;
    EXPECT_THAT(target.status().message(), HasSubstr(why));
  }
}

}  // namespace
}  // namespace reinit
