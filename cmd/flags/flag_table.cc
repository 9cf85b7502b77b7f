#include "cmd/flags/flag_table.h"

#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "cmd/flags/flag_values.h"
#include "cmd/flags/listen_values.h"
#include "cmd/flags/process_values.h"
#include "cmd/flags/reload_values.h"
#include "cmd/flags/settings.h"
#include "cmd/flags/workers_values.h"
#include "reaper/log.h"
#include "supervisor/options.h"

namespace reinit {
namespace {

using enum FlagType;
using enum FlagGroup;
using enum DurationRange;
using V = std::string_view;
using S = Settings;
using ForwardTo = SignalOptions::ForwardTo;
using OnStaleMount = WatchOptions::OnStaleMount;
using OnMissing = TargetOptions::OnMissing;
using OnStart = ReloadOptions::OnStart;
using LimitAction = RestartOptions::LimitAction;

constexpr int kMaxCount = 1'000'000;

// clang-format off
constexpr Flag kFlags[] = {
    {"dev", kSwitch, kDev, "", "off", kCommon | kNeedsCommand,
     "preset for development: --watch=. --after-exit=wait --stop-timeout=2s --watch-ignore-files=yes, and --clear on a terminal",
     [](V v, S& s) { return SetSwitch(v, &s.dev); }},
    {"clear", kSwitch, kDev, "", "off", kNeedsCommand,
     "clear the terminal before each start",
     [](V v, S& s) { return SetSwitch(v, &s.options.clear); }},

    {"watch", kRepeated, kReload, "PATH", "", kCommon,
     "reload when this file or folder changes; repeatable",
     [](V v, S& s) { return AddExistingPath(v, &s.options.watch.paths); }},
    {"watch-ext", kRepeated, kReload, "EXT,...", "", kCommon | kNeedsWatch,
     "in watched folders, only files such as py,html",
     [](V v, S& s) { return AddExtensions(v, &s.options.watch.filter.extensions); }},
    {"watch-include", kRepeated, kReload, "GLOB", "", kNeedsWatch,
     "only files that this matches, or that lie in what it matches, beside those of --watch-ext: src, *.{html,css}; what it spells out comes back if left out otherwise: .env; repeatable",
     [](V v, S& s) { return AddGlob(v, &s.options.watch.filter.include); }},
    {"watch-exclude", kRepeated, kReload, "GLOB", "", kNeedsWatch,
     "not this, nor what is in it: *.log, /build, docs/**/*.md; repeatable",
     [](V v, S& s) { return AddGlob(v, &s.options.watch.filter.exclude); }},
    {"watch-ignore-files", kSwitch, kReload, "", "off", kNeedsWatch,
     "not what the .gitignore files in watched folders leave out",
     [](V v, S& s) { return SetSwitch(v, &s.options.watch.filter.ignore_files); }},
    {"watch-defaults", kSwitch, kReload, "", "on", kNeedsWatch,
     "not version control, caches, virtual environments and editor litter",
     [](V v, S& s) { return SetSwitch(v, &s.options.watch.filter.defaults); }},
    {"watch-mode", kValue, kReload, "MODE", "auto", kNeedsWatch,
     "how changes are noticed: auto (inotify, a slow scan beside it, polling where events do not arrive), inotify or poll; mtime and hash are short for poll with that --watch-compare",
     [](V v, S& s) { return SetWatchMode(v, &s.options.watch); }},
    {"watch-compare", kValue, kReload, "auto|mtime|hash", "auto", kNeedsWatch,
     "what counts as a change: another time, size or inode, or another content; auto: content in Kubernetes volumes, else mtime",
     [](V v, S& s) { return SetChoice(v, {{"auto", WatchCompare::kAuto}, {"mtime", WatchCompare::kStamp}, {"hash", WatchCompare::kHash}}, &s.options.watch.compare); }},
    {"watch-scan", kValue, kReload, "D", "auto", kNeedsWatch,
     "check all files this often for changes that inotify did not report; auto: every 30s, or less often where local file systems report everything and the check would use more than 0.05 % of a core; 0: never",
     [](V v, S& s) { return SetScan(v, &s.options.watch); }},
    {"reload-delay", kValue, kReload, "D", "500ms", kNeedsWatch,
     "how often watched paths are looked at where that is needed",
     [](V v, S& s) { return SetDuration(v, kPositive, &s.options.reload_delay); }},
    {"watch-settle", kValue, kReload, "D", "auto", kNeedsWatch,
     "react once nothing more has changed for this long, at most 5s; auto: 50ms, or 10ms for a single saved file after a quiet second; less than 10ms needs Linux 6.13 and ext4, xfs, btrfs or tmpfs",
     [](V v, S& s) { return SetSettle(v, &s.options.watch); }},
    {"on-stale-mount", kValue, kReload, "warn|exit", "warn", kNeedsWatch,
     "when a file that is mounted by itself (subPath, docker -v file:file) was replaced outside and stays out of date here: say so, or exit with 1 so that the container is started again",
     [](V v, S& s) { return SetChoice(v, {{"warn", OnStaleMount::kWarn}, {"exit", OnStaleMount::kExit}}, &s.options.watch.on_stale_mount); }},
    {"on-change", kRepeated, kReload, "ACTION", "", kCommon | kNeedsWatch | kReloads,
     "restart, signal:SIG, 'http:METHOD URL', exec:CMD, exit[:CODE], none; repeatable, done in order",
     [](V v, S& s) { return AddChangeAction(v, &s.options.reload.on_change); }},
    {"on-change-headers-file", kValue, kReload, "PATH", "", kNeedsWatch | kReloads,
     "http: actions send these as well: lines such as 'X-Token: abc', read each time",
     [](V v, S& s) { return SetPath(v, &s.options.reload.headers_file); }},
    {"on-change-auth-file", kValue, kReload, "PATH", "", kNeedsWatch | kReloads,
     "http: actions log in with the USER:PASSWORD in this file (basic authentication), read each time",
     [](V v, S& s) { return SetPath(v, &s.options.reload.auth_file); }},
    {"reload-check", kValue, kReload, "CMD", "", kNeedsWatch | kReloads,
     "run this to its end before a change is applied, within 5 minutes; if it fails the process stays as it is until the next change",
     [](V v, S& s) { return SetCommand(v, &s.options.reload.check); }},
    {"reload-timeout", kValue, kReload, "D", "30s", kNeedsWatch | kReloads,
     "how long an http: or exec: action may take, and with --ready=notify how long signal:SIG waits for RELOADING=1 and READY=1",
     [](V v, S& s) { return SetDuration(v, kPositive, &s.options.reload.timeout); }},
    {"reload-retry-delay", kValue, kReload, "D", "5s", kNeedsWatch | kReloads,
     "pause before an action that failed is tried again; doubles up to six times as long",
     [](V v, S& s) { return SetDuration(v, kPositive, &s.options.reload.retry_delay); }},
    {"restart-order", kValue, kReload, "stop-first|start-first", "stop-first", kNeedsRestart | kNeedsCommand,
     "start-first starts the new process beside the old one, which is stopped once the new one is ready",
     [](V v, S& s) { return SetChoice(v, {{"stop-first", RestartOptions::Order::kStopFirst}, {"start-first", RestartOptions::Order::kStartFirst}}, &s.options.restart.order); }},
    {"reload-signal", kValue, kReload, "SIG", "", 0,
     "this signal to reinit means reload; it is not passed on",
     [](V v, S& s) { return SetReloadSignal(v, &s.options.reload.signal); }},

    {"target-process", kValue, kSidecar, "NAME", "", 0,
     "without a command, signal: goes to the process of this name, as in /proc/PID/comm; of several the one above the others",
     [](V v, S& s) { return SetTargetName(v, &s.options.target.process); }},
    {"target-cmdline", kValue, kSidecar, "GLOB", "", 0,
     "the same by its arguments, joined by blanks: '*gunicorn*app:app*'; given together, all must match",
     [](V v, S& s) { return SetTargetCmdline(v, &s.options.target.cmdline); }},
    {"target-pidfile", kValue, kSidecar, "PATH", "", 0,
     "the same by a file that holds its pid, read anew each time",
     [](V v, S& s) { return SetPath(v, &s.options.target.pidfile); }},
    {"target-all", kSwitch, kSidecar, "", "off", 0,
     "more than one may match, and all of them get the signal",
     [](V v, S& s) { return SetSwitch(v, &s.options.target.all); }},
    {"target-force", kSwitch, kSidecar, "", "off", 0,
     "send it even where there is no handler for it and it would end the process",
     [](V v, S& s) { return SetSwitch(v, &s.options.target.force); }},
    {"on-missing", kValue, kSidecar, "wait|fail", "wait", 0,
     "when there is no such process: try again as for any change that cannot be applied, or exit with 1",
     [](V v, S& s) { return SetChoice(v, {{"wait", OnMissing::kWait}, {"fail", OnMissing::kFail}}, &s.options.target.on_missing); }},
    {"on-start", kValue, kSidecar, "apply|none", "none", kNeedsWatch,
     "apply: do what --on-change says once at the start, since files may have changed while no reinit was there",
     [](V v, S& s) { return SetChoice(v, {{"none", OnStart::kNone}, {"apply", OnStart::kApply}}, &s.options.reload.on_start); }},
    {"on-start-file", kValue, kSidecar, "PATH", "", kNeedsWatch,
     "with --on-start=apply: keep a digest of what was applied last in this file, and do nothing at the start if that is what is there; put the file on a volume that outlives the container, not below --watch",
     [](V v, S& s) { return SetPath(v, &s.options.reload.on_start_file); }},

    {"restart", kValue, kExit, "WHEN", "no", kCommon | kNeedsCommand,
     "no, on-failure[:N] (N times), on-abnormal (by a signal) or always",
     [](V v, S& s) { return SetRestart(v, &s); }},
    {"after-exit", kValue, kExit, "exit|wait", "exit", kCommon | kNeedsCommand,
     "without a restart: exit, or wait for a change",
     [](V v, S& s) { return SetChoice(v, {{"exit", AfterExit::kExit}, {"wait", AfterExit::kWait}}, &s.options.after_exit); }},
    {"success-exit-status", kValue, kExit, "LIST", "", kNeedsCommand,
     "codes and signals such as 143,TERM that count as success: reinit then exits with 0",
     [](V v, S& s) { return SetExitCodes(v, &s.options.success); }},
    {"restart-prevent-exit-status", kValue, kExit, "LIST", "", kNeedsCommand,
     "no restart after these codes and signals, whatever --restart says",
     [](V v, S& s) { return SetExitCodes(v, &s.options.restart.prevent); }},
    {"restart-force-exit-status", kValue, kExit, "LIST", "", kNeedsCommand,
     "a restart after these, whatever --restart says",
     [](V v, S& s) { return SetExitCodes(v, &s.options.restart.force); }},
    {"restart-delay", kValue, kExit, "D", "100ms", kNeedsRestart | kNeedsCommand,
     "pause before the first restart; doubles with each one; 0: none, ever",
     [](V v, S& s) { return SetDuration(v, kFinite, &s.options.restart.delay); }},
    {"restart-delay-max", kValue, kExit, "D", "10s", kNeedsRestart | kNeedsCommand,
     "the pause grows no longer than this",
     [](V v, S& s) { return SetDuration(v, kFinite, &s.options.restart.delay_max); }},
    {"restart-reset", kValue, kExit, "D", "60s", kNeedsRestart | kNeedsCommand,
     "after running this long the pause starts small again",
     [](V v, S& s) { return SetDuration(v, kAny, &s.options.restart.reset); }},
    {"start-limit-burst", kValue, kExit, "N", "10", kNeedsRestart | kNeedsCommand,
     "give up after this many restarts in the interval; 0: never",
     [](V v, S& s) { return SetInteger(v, 0, kMaxCount, &s.options.restart.limit_burst); }},
    {"start-limit-interval", kValue, kExit, "D", "5m", kNeedsRestart | kNeedsCommand,
     "the interval that --start-limit-burst counts in; 0: never give up",
     [](V v, S& s) { return SetDuration(v, kAny, &s.options.restart.limit_interval); }},
    {"start-limit-action", kValue, kExit, "exit|stay", "exit", kNeedsRestart | kNeedsCommand,
     "when giving up: exit with the process's status, or stay",
     [](V v, S& s) { return SetChoice(v, {{"exit", LimitAction::kExit}, {"stay", LimitAction::kStay}}, &s.options.restart.limit_action); }},

    {"health", kRepeated, kHealth, "URL", "", kCommon | kNeedsCommand,
     "http://..., http+unix://SOCKET[:PATH], tcp://HOST:N, unix://SOCKET, grpc://HOST:N[/SERVICE], file:PATH?max-age=D, exec:CMD, stall:; all must pass",
     [](V v, S& s) { return AddCheck(v, &s.options.health.checks); }},
    {"health-interval", kValue, kHealth, "D", "10s", kNeedsHealth | kNeedsCommand,
     "pause from one check to the next",
     [](V v, S& s) { return SetDuration(v, kPositive, &s.options.health.interval); }},
    {"health-timeout", kValue, kHealth, "D", "3s", kNeedsHealth | kForProbe | kNeedsCommand,
     "a check that takes longer has failed",
     [](V v, S& s) { return SetDuration(v, kPositive, &s.options.health.timeout); }},
    {"health-retries", kValue, kHealth, "N", "3", kNeedsHealth | kNeedsCommand,
     "failures in a row that mean unhealthy",
     [](V v, S& s) { return SetInteger(v, 1, kMaxCount, &s.options.health.retries); }},
    {"health-start-period", kValue, kHealth, "D", "60s", kNeedsHealth | kNeedsCommand,
     "failures count only later, or after a success",
     [](V v, S& s) { return SetDuration(v, kAny, &s.options.health.start_period); }},
    {"health-expect", kValue, kHealth, "CODES", "200-399", kNeedsHealth | kForProbe | kNeedsCommand,
     "HTTP status codes that pass, such as 200-204,401",
     [](V v, S& s) { return SetStatusRanges(v, &s.options.health.expect); }},
    {"health-on-failure", kValue, kHealth, "ACTION", "restart", kNeedsHealth | kNeedsCommand,
     "what being unhealthy leads to: restart, exit (with 1), signal:SIG (to the process) or none (a warning)",
     [](V v, S& s) { return SetOnUnhealthy(v, &s.options.health.on_failure); }},

    {"listen", kRepeated, kReady, "[NAME=]ADDR", "", kCommon | kNeedsCommand,
     "hold a socket for it: tcp://[::]:8080, fd:N or unix:/PATH?mode=0660&user=U&group=G; repeatable",
     [](V v, S& s) { return AddListen(v, &s.options.listen); }},
    {"listen-backlog", kValue, kReady, "N", "4096", kNeedsListen | kNeedsCommand,
     "so many connections wait until the process takes them",
     [](V v, S& s) { return SetInteger(v, 1, kMaxCount, &s.options.listen.backlog); }},
    {"listen-env", kValue, kReady, "LIST", "systemd", kNeedsCommand,
     "how the process is told of its sockets: systemd, nginx, server-starter, php-fpm, unicorn, einhorn, gunicorn or all; {fd:NAME} and {port:NAME} in its arguments are filled in anyway, and must name a socket; a server behind a shell needs `reinit listen-exec -- CMD` there",
     [](V v, S& s) { return SetListenForms(v, &s.options.listen); }},

    {"ready", kValue, kReady, "HOW", "", kCommon | kNeedsCommand,
     "exec (runs), delay:D, notify (sd_notify), fd:N (newline), accept or a URL; default: accept with --listen, else a success of --health, else exec",
     [](V v, S& s) { return SetReady(v, &s.options.ready); }},
    {"ready-timeout", kValue, kReady, "D", "60s", kNeedsReady | kNeedsCommand,
     "a process that is not ready by then has failed and is restarted",
     [](V v, S& s) { return SetDuration(v, kLimit, &s.options.ready.timeout); }},
    {"ready-file", kValue, kReady, "PATH", "", 0,
     "this file exists while the process is ready",
     [](V v, S& s) { return SetPath(v, &s.options.ready.file); }},
    {"watchdog", kValue, kReady, "D", "infinity", kNeedsCommand,
     "the process must say WATCHDOG=1 (sd_notify) at least this often once it is ready; if not: SIGABRT, SIGKILL 10s later, restart",
     [](V v, S& s) { return SetDuration(v, kLimit, &s.options.limits.watchdog); }},
    {"max-memory", kValue, kReady, "SIZE", "", kNeedsCommand,
     "restart when its processes hold more resident memory, as 512Mi; looked at every 5s",
     [](V v, S& s) { return SetSize(v, &s.options.limits.memory); }},
    {"max-age", kValue, kReady, "D", "infinity", kNeedsCommand,
     "restart after this time, give or take a tenth",
     [](V v, S& s) { return SetDuration(v, kLimit, &s.options.limits.age); }},

    {"workers", kValue, kWorkers, "N|auto", "1", kNeedsCommand,
     "run the command in N processes; auto: one per CPU that the container may use; {worker} in arguments is its number; also in --health, --ready, --chdir and --env; --listen=tcp://...?reuseport opens one socket for each; with more than 1, or auto, the default of --restart is always",
     [](V v, S& s) { return SetWorkers(v, &s); }},
    {"workers-ready", kValue, kWorkers, "N", "", kNeedsWorkers | kNeedsCommand,
     "reinit is ready while N workers are ready; default: all of them at the start, later 1",
     [](V v, S& s) { return SetInteger(v, 1, kMaxWorkers, &s.options.workers.ready); }},
    {"restart-parallelism", kValue, kWorkers, "N", "1", kNeedsWorkers | kNeedsCommand,
     "replace N workers at a time, after the first one is ready",
     [](V v, S& s) { return SetInteger(v, 1, kMaxWorkers, &s.options.workers.parallelism); }},
    {"restart-monitor", kValue, kWorkers, "D", "0", kNeedsWorkers | kNeedsCommand,
     "wait this long after each replacement; a worker that fails meanwhile stops the rest",
     [](V v, S& s) { return SetDuration(v, kFinite, &s.options.workers.monitor); }},
    {"scale-signals", kSwitch, kWorkers, "", "off", kNeedsWorkers | kNeedsCommand,
     "TTIN to reinit adds a worker, TTOU removes one",
     [](V v, S& s) { return SetSwitch(v, &s.options.workers.scale_signals); }},
    {"log-prefix", kSwitch, kWorkers, "", "off", kNeedsWorkers | kNeedsCommand,
     "begin each line of a worker's output with its number, as [2]",
     [](V v, S& s) { return SetSwitch(v, &s.options.workers.log_prefix); }},

    {"stop-signal", kValue, kStop, "SIG", "TERM", kCommon,
     "ends the process, and reinit when sent to it",
     [](V v, S& s) { return SetSignal(v, &s.options.stop.signal); }},
    {"stop-timeout", kValue, kStop, "D", "10s", kCommon | kNeedsCommand,
     "for a restart: SIGKILL this much later",
     [](V v, S& s) { return SetDuration(v, kAny, &s.options.stop.timeout); }},
    {"reload-stop-signal", kValue, kStop, "SIG", "", kNeedsWatch | kReloads | kNeedsCommand,
     "asks the process to end for a reload, and for whatever reason once another serves in its place (start-first), in place of --stop-signal",
     [](V v, S& s) { return SetSignal(v, &s.options.stop.reload_signal); }},
    {"shutdown-timeout", kValue, kStop, "D", "infinity", kNeedsCommand,
     "when reinit itself is told to end: SIGKILL this much later; reinit then ends without a process that survives it",
     [](V v, S& s) { return SetDuration(v, kAny, &s.options.stop.shutdown_timeout); }},
    {"drain-delay", kValue, kStop, "D", "0", kNeedsCommand,
     "when reinit itself is told to end: not ready at once, the stop signal this much later",
     [](V v, S& s) { return SetDuration(v, kFinite, &s.options.stop.drain_delay); }},
    {"leftover-timeout", kValue, kStop, "D", "2s", 0,
     "when the process leaves others behind: SIGTERM, then SIGKILL this much later; what ran below the process when it was stopped has the rest of --stop-timeout, if that is more",
     [](V v, S& s) { return SetDuration(v, kAny, &s.options.stop.leftover_timeout); }},

    {"forward-to", kValue, kPid1, "process|group", "process", kNeedsCommand,
     "whom signals are passed on to",
     [](V v, S& s) { return SetChoice(v, {{"process", ForwardTo::kProcess}, {"group", ForwardTo::kGroup}}, &s.options.signals.forward_to); }},
    {"rewrite", kRepeated, kPid1, "SIG:SIG", "", kNeedsCommand,
     "pass on another signal than was received, as TERM:QUIT; nothing behind the colon drops it; repeatable",
     [](V v, S& s) { return s.options.signals.rewrite.Add(v); }},
    {"subreaper", kValue, kPid1, "auto|yes|no", "auto", 0,
     "take in orphans where not PID 1; auto: yes",
     [](V v, S& s) { return SetChoice(v, {{"auto", Subreaper::kAuto}, {"yes", Subreaper::kYes}, {"no", Subreaper::kNo}}, &s.options.subreaper); }},
    {"parent-death-signal", kValue, kPid1, "SIG", "", 0,
     "send this to reinit when its own parent ends",
     [](V v, S& s) { return SetSignal(v, &s.options.parent_death_signal); }},

    {"user", kValue, kProcess, "USER[:GROUP]", "", 0,
     "run as this user, by name or number",
     [](V v, S& s) { return SetUser(v, &s.options.process); }},
    {"chdir", kValue, kProcess, "DIR", "", 0,
     "run in this folder",
     [](V v, S& s) { return SetWorkerDirectory(v, &s.options.process.as.directory); }},
    {"env", kRepeated, kProcess, "KEY=VALUE", "", 0,
     "add to the environment; repeatable",
     [](V v, S& s) { return AddEnvironmentEntry(v, &s.options.process.environment); }},
    {"env-file", kRepeated, kProcess, "PATH", "", 0,
     "add the KEY=VALUE lines of this file, read again at each start; --env comes after it; repeatable",
     [](V v, S& s) { return AddEnvironmentFile(v, &s.options.process.environment_files); }},
    {"no-new-privileges", kSwitch, kProcess, "", "off", 0,
     "setuid programs and file capabilities give no rights",
     [](V v, S& s) { return SetSwitch(v, &s.options.process.as.no_new_privileges); }},

    {"pre-start", kValue, kProcess, "CMD", "", kNeedsCommand,
     "run this to its end before each start, within 5 minutes; if it fails there is none",
     [](V v, S& s) { return SetCommand(v, &s.options.process.pre_start); }},
    {"post-stop", kValue, kProcess, "CMD", "", kNeedsCommand,
     "run this after each end, within 5 seconds, with EXIT_CODE, EXIT_STATUS and SERVICE_RESULT as systemd sets them",
     [](V v, S& s) { return SetCommand(v, &s.options.process.post_stop); }},

    {"log-level", kValue, kObserve, "LEVEL", "info", kCommon,
     "error, warning (plain init), info or debug",
     [](V v, S& s) { return SetChoice(v, {{"error", LogLevel::kError}, {"warning", LogLevel::kWarning}, {"warn", LogLevel::kWarning}, {"info", LogLevel::kInfo}, {"debug", LogLevel::kDebug}}, &s.options.log_level); }},
    {"log-format", kValue, kObserve, "text|json", "text", 0,
     "how a line is written; json: one object a line, with the keys of docs/operating.md",
     [](V v, S& s) { return SetChoice(v, {{"text", LogFormat::kText}, {"json", LogFormat::kJson}}, &s.options.log_format); }},
    {"control", kValue, kObserve, "PATH|auto|off", "auto", 0,
     "where `reinit ctl` finds reinit: a socket for its owner and root alone; auto: /run/reinit.sock when supervising, if it can be had",
     [](V v, S& s) { return SetControl(v, &s.options.control); }},
    {"status-listen", kValue, kObserve, "ADDR", "", 0,
     "serve /livez, /readyz, /status (JSON) and /metrics (Prometheus) on tcp://ADDRESS:PORT or unix:/PATH, in a process without privileges",
     [](V v, S& s) { return SetStatusListen(v, &s.options.status_listen); }},
    {"termination-log", kValue, kObserve, "PATH", "", 0,
     "write there at the end, in words, why it ended",
     [](V v, S& s) { return SetPath(v, &s.options.termination_log); }},
    {"check", kSwitch, kObserve, "", "", kCommon | kNoVariable,
     "show the plan or the errors, start nothing",
     [](V v, S& s) { return SetSwitch(v, &s.check); }},
    {"help", kOptionalValue, kObserve, "all", "", kCommon | kForProbe | kNoVariable,
     "show this; --help=all shows all flags",
     [](V v, S& s) { return SetHelp(v, &s.help); }},
    {"version", kSwitch, kObserve, "", "", kCommon | kForProbe | kNoVariable,
     "show the version",
     [](V v, S& s) { return SetSwitch(v, &s.version); }},
};
// clang-format on

constexpr FlagPreset kDevPreset[] = {
    {"watch", "."},
    {"after-exit", "wait"},
    {"stop-timeout", "2s"},
    {"watch-ignore-files", "yes"},
};

}  // namespace

absl::Span<const Flag> FlagTable() { return kFlags; }

absl::Span<const FlagPreset> DevPreset() { return kDevPreset; }

std::string_view FlagGroupTitle(FlagGroup group) {
  switch (group) {
    case kDev:
      return "Development";
    case kReload:
      return "Reload on change";
    case kSidecar:
      return "Without a command: a sidecar";
    case kExit:
      return "When the process ends by itself";
    case kHealth:
      return "Health checks";
    case kReady:
      return "Sockets, readiness and limits";
    case kWorkers:
      return "Workers: several processes of the command";
    case kStop:
      return "Stopping the process";
    case kPid1:
      return "Signals and orphans";
    case kProcess:
      return "The process";
    case kObserve:
      return "Seeing what it does";
  }
  return "";
}

}  // namespace reinit
