#include "supervisor/socket/listen_spec.h"

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

ListenSpec Parsed(std::string_view text) {
  const auto spec = ParseListenSpec(text);
  EXPECT_TRUE(spec.ok()) << text << ": " << spec.status();
  return spec.value_or(ListenSpec());
}

TEST(ListenSpec, Tcp) {
  const ListenSpec spec = Parsed("tcp://0.0.0.0:8080");
  EXPECT_EQ(spec.kind, ListenSpec::Kind::kTcp);
  EXPECT_EQ(spec.host, "0.0.0.0");
  EXPECT_EQ(spec.port, 8080);
  EXPECT_FALSE(spec.ipv6);
  EXPECT_EQ(spec.name, "8080");
  EXPECT_FALSE(spec.named);
  EXPECT_EQ(Parsed("tcp://127.0.0.1:0").name, "tcp");
}

TEST(ListenSpec, Ipv6) {
  const ListenSpec spec = Parsed("web=tcp://[::1]:65535");
  EXPECT_TRUE(spec.ipv6);
  EXPECT_EQ(spec.host, "::1");
  EXPECT_EQ(spec.port, 65535);
  EXPECT_EQ(spec.name, "web");
  EXPECT_TRUE(spec.named);
}

TEST(ListenSpec, ReusePort) {
  const ListenSpec spec = Parsed("web=tcp://[::]:80?reuseport");
  EXPECT_TRUE(spec.reuse_port);
  EXPECT_EQ(spec.host, "::");
  EXPECT_EQ(spec.port, 80);
  EXPECT_EQ(spec.name, "web");
  EXPECT_EQ(Parsed("tcp://0.0.0.0:80?reuseport").name, "80");
  EXPECT_FALSE(Parsed("tcp://0.0.0.0:80").reuse_port);
}

TEST(ListenSpec, Unix) {
  const ListenSpec spec = Parsed("unix:/run/a.sock?mode=0660&user=7&group=8");
  EXPECT_EQ(spec.kind, ListenSpec::Kind::kUnix);
  EXPECT_EQ(spec.path, "/run/a.sock");
  EXPECT_EQ(spec.name, "a.sock");
  EXPECT_EQ(spec.mode, 0660u);
  EXPECT_EQ(spec.user, 7u);
  EXPECT_EQ(spec.group, 8u);
  EXPECT_EQ(Parsed("unix:///run/a.sock").path, "/run/a.sock");
  EXPECT_FALSE(Parsed("x=unix:/run/a.sock").mode.has_value());
  EXPECT_EQ(Parsed("unix:/run/a b").name, "unix");
}

TEST(ListenSpec, Descriptor) {
  const ListenSpec spec = Parsed("fd:7");
  EXPECT_EQ(spec.descriptor, 7);
  EXPECT_EQ(spec.name, "fd7");
}

TEST(ListenSpec, WrongOnesSayWhatIsAllowed) {
  const std::string long_path = "unix:/" + std::string(107, 'a');
  for (const auto& [text, says] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"", "allowed are tcp://"},
           {"8080", "allowed are tcp://"},
           {"udp://0.0.0.0:1", "allowed are tcp://"},
           {"tcp://0.0.0.0", "tcp://ADDRESS:PORT"},
           {"tcp://0.0.0.0:", "tcp://ADDRESS:PORT"},
           {"tcp://0.0.0.0:65536", "0 to 65535"},
           {"tcp://0.0.0.0:-1", "0 to 65535"},
           {"tcp://0.0.0.0:99999999999", "0 to 65535"},
           {"tcp://localhost:1", "in numbers"},
           {"tcp://:1", "in numbers"},
           {"tcp://::1", "in numbers"},
           {"tcp://[::1:1", "the ]"},
           {"tcp://[0.0.0.0]:1", "in numbers"},
           {"tcp://0.0.0.0:1?", "allowed is reuseport"},
           {"tcp://0.0.0.0:1?mode=0660", "allowed is reuseport"},
           {"tcp://0.0.0.0:1?reuseport=1", "allowed is reuseport"},
           {"tcp://0.0.0.0:1?reuseport&", "allowed is reuseport"},
           {"tcp://0.0.0.0?reuseport:1", "allowed is reuseport"},
           {"tcp://0.0.0.0?reuseport", "tcp://ADDRESS:PORT"},
           {"unix:/a?reuseport", "reuseport is for tcp:// alone"},
           {"unix:/a?mode=0600&reuseport", "reuseport is for tcp:// alone"},
           {"fd:3?reuseport", "reuseport is for tcp:// alone"},
           {"unix:", "absolute path"},
           {"unix:a.sock", "absolute path"},
           {"unix:@a", "absolute path"},
           {"unix:/run/", "absolute path"},
           {long_path, "108 bytes; a socket's may have 107"},
           {"unix:/a?mode=0888", "octal"},
           {"unix:/a?mode=1777", "octal"},
           {"unix:/a?mode=", "octal"},
           {"unix:/a?owner=me", "allowed are mode="},
           {"unix:/a?", "allowed are mode="},
           {"unix:/a?user=no-such-user", "no-such-user"},
           {"unix:/a?group=no-such-group", "no-such-group"},
           {"unix:/a?user=1:2", "allowed are mode="},
           {"fd:2", "3 or more"},
           {"fd:x", "3 or more"},
           {"a:b=tcp://0.0.0.0:1", "allowed in a name"},
           {"=tcp://0.0.0.0:1", "allowed in a name"},
       }) {
    const auto spec = ParseListenSpec(text);
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_TRUE(absl::StrContains(spec.status().message(), says))
        << text << ": " << spec.status();
  }
}

TEST(ListenSpec, Forms) {
  const auto forms = ParseListenForms("nginx,systemd,nginx");
  ASSERT_TRUE(forms.ok());
  EXPECT_EQ(*forms, (std::vector<ListenForm>{ListenForm::kNginx,
                                             ListenForm::kSystemd}));
  EXPECT_EQ(ParseListenForms("all")->size(), 7u);
  for (const std::string_view wrong : {"", "apache", "nginx,", "nginx systemd"})
    EXPECT_TRUE(absl::StrContains(ParseListenForms(wrong).status().message(),
                                  "php-fpm"))
        << wrong;
}

TEST(ListenSpec, Conflicts) {
  ListenOptions options;
  for (const char* text :
       {"tcp://0.0.0.0:80", "tcp://[::]:80", "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:0", "a=tcp://127.0.0.1:1"}) {
    options.sockets.push_back(Parsed(text));
  }
  EXPECT_EQ(ListenConflicts(options), std::vector<std::string>());
  options.sockets.push_back(Parsed("a=unix:/a"));
  options.sockets.push_back(Parsed("x=tcp://0.0.0.0:80"));
  EXPECT_EQ(
      ListenConflicts(options),
      (std::vector<std::string>{
          "--listen=a=unix:/a: the name of --listen=a=tcp://127.0.0.1:1 as "
          "well; give one of them",
          "--listen=x=tcp://0.0.0.0:80: the address of "
          "--listen=tcp://0.0.0.0:80 as well; give one of them"}));
}

}  // namespace
}  // namespace reinit
