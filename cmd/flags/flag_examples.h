// Gives one example of each flag, for tests that try all of them.
#ifndef REINIT_CMD_FLAGS_FLAG_EXAMPLES_H_
#define REINIT_CMD_FLAGS_FLAG_EXAMPLES_H_

#include <map>
#include <string_view>

namespace reinit {

// A good value other than the default for each flag. A new flag needs a line.
inline const std::map<std::string_view, std::string_view>& FlagExamples() {
  static const auto* const examples =
      new std::map<std::string_view, std::string_view>{
          {"dev", "yes"},
          {"clear", "yes"},
          {"watch", "."},
          {"watch-ext", "py,html"},
          {"watch-include", "*.py"},
          {"watch-exclude", "*.log"},
          {"watch-ignore-files", "yes"},
          {"watch-defaults", "no"},
          {"watch-mode", "mtime"},
          {"watch-compare", "hash"},
          {"watch-scan", "1m"},
          {"reload-delay", "1s"},
          {"watch-settle", "1s"},
          {"restart", "on-failure:3"},
          {"after-exit", "wait"},
          {"restart-delay", "1s"},
          {"restart-delay-max", "1m"},
          {"restart-reset", "1s"},
          {"start-limit-burst", "3"},
          {"start-limit-interval", "infinity"},
          {"start-limit-action", "stay"},
          {"health", "tcp://127.0.0.1:80"},
          {"health-interval", "1s"},
          {"health-timeout", "1s"},
          {"health-retries", "1"},
          {"health-start-period", "1s"},
          {"health-expect", "200"},
          {"on-change", "signal:HUP"},
          {"reload-check", "nginx -t"},
          {"restart-order", "start-first"},
          {"reload-timeout", "1s"},
          {"reload-retry-delay", "1s"},
          {"reload-signal", "HUP"},
          {"on-change-headers-file", "/run/headers"},
          {"on-change-auth-file", "/run/auth"},
          {"target-process", "nginx"},
          {"target-cmdline", "*nginx*"},
          {"target-pidfile", "/run/nginx.pid"},
          {"target-all", "yes"},
          {"target-force", "yes"},
          {"on-missing", "fail"},
          {"on-start", "apply"},
          {"on-start-file", "/run/applied"},
          {"on-stale-mount", "exit"},
          {"listen", "web=tcp://127.0.0.1:80"},
          {"listen-backlog", "7"},
          {"listen-env", "nginx,systemd"},
          {"ready", "fd:3"},
          {"ready-timeout", "1s"},
          {"ready-file", "/run/ready"},
          {"watchdog", "10s"},
          {"max-memory", "512Mi"},
          {"max-age", "1h"},
          {"reload-stop-signal", "INT"},
          {"shutdown-timeout", "30s"},
          {"drain-delay", "5s"},
          {"termination-log", "/dev/termination-log"},
          {"control", "/tmp/reinit.sock"},
          {"status-listen", "tcp://127.0.0.1:9"},
          {"stop-signal", "INT"},
          {"stop-timeout", "infinity"},
          {"leftover-timeout", "0"},
          {"success-exit-status", "143"},
          {"restart-prevent-exit-status", "2"},
          {"restart-force-exit-status", "3"},
          {"health-on-failure", "signal:USR1"},
          {"forward-to", "group"},
          {"rewrite", "TERM:QUIT"},
          {"subreaper", "no"},
          {"parent-death-signal", "TERM"},
          {"user", "4242"},
          {"chdir", "/"},
          {"env", "A=b"},
          {"env-file", "/dev/null"},
          {"no-new-privileges", "yes"},
          {"pre-start", "true"},
          {"post-stop", "true"},
          {"log-level", "debug"},
          {"log-format", "json"},
          {"check", "yes"},
          {"help", "all"},
          {"version", "yes"},
      };
  return *examples;
}

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_FLAG_EXAMPLES_H_
