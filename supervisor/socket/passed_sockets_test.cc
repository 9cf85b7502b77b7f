#include "supervisor/socket/passed_sockets.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace reinit {
namespace {

using Strings = std::vector<std::string>;

const std::vector<PassedSocket>& Three() {
  static const auto* const sockets =
      new std::vector<PassedSocket>{{"web", "0.0.0.0:8080", 8080},
                                    {"app.sock", "/run/app.sock", 0},
                                    {"unknown", "", 0}};
  return *sockets;
}

Strings Told(ListenForm form) { return WithSockets({}, Three(), {form}, 77); }

TEST(PassedSockets, EachForm) {
  EXPECT_EQ(Told(ListenForm::kSystemd),
            (Strings{"LISTEN_FDS=3", "LISTEN_PID=77",
                     "LISTEN_FDNAMES=web:app.sock:unknown"}));
  EXPECT_EQ(Told(ListenForm::kNginx), (Strings{"NGINX=3;4;5;"}));
  EXPECT_EQ(Told(ListenForm::kServerStarter),
            (Strings{"SERVER_STARTER_PORT=0.0.0.0:8080=3;/run/app.sock=4"}));
  EXPECT_EQ(Told(ListenForm::kPhpFpm),
            (Strings{"FPM_SOCKETS=0.0.0.0:8080=3,/run/app.sock=4"}));
  EXPECT_EQ(Told(ListenForm::kUnicorn), (Strings{"UNICORN_FD=3,4,5"}));
  EXPECT_EQ(Told(ListenForm::kEinhorn),
            (Strings{"EINHORN_FD_COUNT=3", "EINHORN_FD_0=3", "EINHORN_FD_1=4",
                     "EINHORN_FD_2=5"}));
  EXPECT_EQ(Told(ListenForm::kGunicorn),
            (Strings{"GUNICORN_FD=3,4,5", "GUNICORN_PID=2147483647"}));
}

TEST(PassedSockets, WhatToldOfOthersGoes) {
  EXPECT_EQ(WithSockets({"LISTEN_FDS=9", "NGINX=9;", "A=1", "NGINXY=2",
                         "LISTEN_PIDFDID=5"},
                        {{"web", "", 0}}, {ListenForm::kNginx}, 77),
            (Strings{"A=1", "NGINXY=2", "NGINX=3;"}));
}

TEST(PassedSockets, Placeholders) {
  EXPECT_EQ(
      FillPlaceholders({"{fd:web}", "--bind=fd://{fd:app.sock}/{port:web}",
                        "{{fd:web}}", "{fd:web", "{fd:other}", "{port:unknown}",
                        "{port:app.sock}", "{x}{fd:unknown}", "}", ""},
                       Three()),
      (Strings{"3", "--bind=fd://4/8080", "{3}", "{fd:web", "{fd:other}",
               "{port:unknown}", "{port:app.sock}", "{x}5", "}", ""}));
}

TEST(PassedSockets, WhatNamesNoSocketIsTold) {
  EXPECT_EQ(
      UnknownPlaceholders({"x{fd:wbe}", "{fd:web} {port:app.sock}"}, Three()),
      (Strings{
          "{fd:wbe}: no socket of --listen has this name; allowed are web, "
          "app.sock, unknown; with a blank behind the colon it means "
          "itself",
          "{port:app.sock}: no TCP socket of --listen has this name; "
          "allowed is web; with a blank behind the colon it means "
          "itself"}));
  EXPECT_EQ(UnknownPlaceholders({"{{fd:x}}"}, Three()).size(), 1U);
}

TEST(PassedSockets, OtherBracesAreTheUsers) {
  EXPECT_TRUE(
      UnknownPlaceholders({"${port:-80}", "{fd: 3}", "{fd:}", "{fd:web", "fd:x",
                           "{pid:x}", "{\"fd\":{fd:web}}", "{port:80,host:1}"},
                          Three())
          .empty());
}

}  // namespace
}  // namespace reinit
