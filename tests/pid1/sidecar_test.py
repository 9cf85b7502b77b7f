"""Without a command: processes of others in the same PID namespace, as in a pod with shareProcessNamespace."""

import http.client
import http.server
import json
import os
import queue
import signal
import socket
import subprocess
import threading
import unittest

import engine
import harness
import kubelet
import xml_runner
from run import proc, status_fields

TERM, HUP, USR1, USR2 = signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2
NOBODY = 65534
QUICK = ["--watch-settle=10ms", "--reload-delay=10ms", "--reload-retry-delay=20ms", "--control=off",
         "--log-level=debug"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SidecarTest(harness.Pid1Test):
    def setUp(self):
        super().setUp()
        self.conf = self.folder()

    def sidecar(self, *flags, watch=None, **how):
        run = self.start(f"--watch={watch or self.conf}", *QUICK, *flags, **how)
        run.says("first scan done")
        return run

    def change(self):
        self.counter = getattr(self, "counter", 0) + 1
        self.write(os.path.join(self.conf, "file"), f"{self.counter}")

    def target(self, run, name="main", **config):
        """An application of another container: its parent is not in the namespace."""
        run.enter(self.app(name, **config))
        return self.event("start", name=name)

    def finish(self, run, code=0):
        run.kill(TERM)
        run.end(code)


class TargetTest(SidecarTest):
    def test_by_arguments(self):
        """Neither reinit itself nor its helper, whose arguments match as well, is hit."""
        run = self.sidecar("--on-change=signal:USR1", "--target-cmdline=*app.py*")
        self.target(run)
        self.change()
        self.event("signal", signal=USR1)
        self.finish(run)

    def test_by_name(self):
        name = os.path.basename(harness.PYTHON)
        run = self.sidecar("--on-change=signal:USR1", f"--target-process={name}")
        self.target(run)
        self.change()
        self.event("signal", signal=USR1)
        run.says("reload: ", f"SIGUSR1 to process", f"'{name}': sent")
        self.finish(run)

    def test_by_pid_file(self):
        path = os.path.join(self.folder(), "pid")
        run = self.sidecar("--on-change=signal:USR1", f"--target-pidfile={path}")
        run.says("the file holds no pid")
        app = self.target(run)
        self.change()
        self.write(path, f"{app['pid']}\n")
        self.event("signal", signal=USR1)
        self.finish(run)

    def test_a_daemon_that_the_entrypoint_left(self):
        """`nginx; exec reinit ...`: the target is a child of reinit. Its helper and its jobs are not meant."""
        path = os.path.join(self.folder(), "pid")
        for flag in (f"--target-process={os.path.basename(harness.PYTHON)}", "--target-cmdline=*app.py*",
                     f"--target-pidfile={path}"):
            with self.subTest(flag):
                script = f'"$@" & echo $! > {path}; exec {harness.REINIT} --watch={self.conf} --on-change=signal:USR1'
                script += f" '{flag}' {' '.join(QUICK)}"
                run = self.start("-c", script, "sh", *self.app(), init=["/bin/sh"])
                self.event("start")
                run.says("first scan done")
                self.change()
                self.event("signal", signal=USR1)
                self.finish(run)

    def test_comes_later(self):
        run = self.sidecar("--on-change=signal:USR1", "--target-cmdline=*app.py*")
        self.change()
        run.says("no such process", "waiting for it")
        self.target(run)
        self.event("signal", signal=USR1)
        self.finish(run)

    def test_missing_can_be_the_end(self):
        run = self.start(f"--watch={self.conf}", *QUICK, "--on-change=signal:USR1", "--target-process=nobody-here",
                         "--on-missing=fail")
        run.end(1)
        self.assertIn("--target-process=nobody-here: no such process", run.stderr)

    def test_two_match(self):
        run = self.sidecar("--on-change=signal:USR1", "--target-cmdline=*app.py*")
        self.target(run, "one")
        self.target(run, "two")
        self.change()
        run.says("2 processes match")
        self.no_event("signal")
        self.finish(run)

    def test_all(self):
        run = self.sidecar("--on-change=signal:USR1", "--target-cmdline=*app.py*", "--target-all")
        self.target(run, "one")
        self.target(run, "two")
        self.change()
        self.event("signal", signal=USR1, name="one")
        self.event("signal", signal=USR1, name="two")
        self.finish(run)

    def kills(self, *flags):
        """A target that has no handler: sleep."""
        run = self.sidecar("--on-change=signal:HUP", "--target-process=sleep", *flags)
        run.enter(["/bin/sleep", "1000"])
        self.eventually(lambda: any(p.name == "sleep" for p in run.members()), lambda: "no sleep")
        self.change()
        return run

    def test_would_be_killed(self):
        run = self.kills()
        run.says("SIGHUP to process", "'sleep'", "no handler for it and would be ended")
        self.assertTrue(any(p.name == "sleep" and p.state != "Z" for p in run.members()))
        self.finish(run)

    def test_would_be_killed__twin_force(self):
        run = self.kills("--target-force")
        self.eventually(lambda: not any(p.name == "sleep" and p.state != "Z" for p in run.members()),
                        lambda: "it survives")
        self.finish(run)

    @unittest.skipUnless(os.getuid() == 0 and os.path.exists("/usr/bin/setpriv"), "takes root, and setpriv")
    def test_not_permitted(self):
        run = self.sidecar("--on-change=signal:USR1", "--target-cmdline=*app.py*",
                           init=["/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                                 harness.REINIT])
        self.target(run)
        self.change()
        run.says("not permitted", "runAsUser: 0", "capability KILL")
        self.no_event("signal")
        self.finish(run)

    @unittest.skipUnless(os.getuid() == 0 and os.path.exists("/usr/bin/setpriv"), "takes root, and setpriv")
    def test_kill_is_the_capability_that_it_takes(self):
        """And SYS_PTRACE, which Kubernetes' own page names, is not."""
        for capability, enough in (("sys_ptrace", False), ("kill", True)):
            with self.subTest(capability=capability):
                run = self.sidecar("--on-change=signal:USR1", f"--target-cmdline=*app.py*{capability}*",
                                   init=["/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                                         "--clear-groups", f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}",
                                         harness.REINIT])
                self.target(run, capability)
                self.change()
                if enough:
                    self.event("signal", signal=USR1, name=capability)
                else:
                    run.says("not permitted")
                self.finish(run)

    def test_several_actions(self):
        mark = os.path.join(self.folder(), "mark")
        run = self.sidecar(f"--on-change=exec:/bin/sh -c 'echo $REINIT_CHANGED > {mark}'", "--on-change=signal:USR1",
                           "--target-cmdline=*app.py*")
        self.target(run)
        self.change()
        self.event("signal", signal=USR1)
        with open(mark, encoding="utf-8") as file:
            self.assertEqual(file.read().strip(), os.path.join(self.conf, "file"))
        self.finish(run)

    def test_seen_and_steered(self):
        path = os.path.join(self.folder(), "control")
        run = self.sidecar("--on-change=signal:USR1", "--target-cmdline=*app.py*", "--reload-retry-delay=1h",
                           f"--control={path}")

        def ctl(*words):
            return subprocess.run([harness.REINIT, "ctl", f"--control={path}", *words], capture_output=True, text=True,
                                  check=False)

        def status():
            return json.loads(ctl("status", "--json").stdout)
        seen = status()
        self.assertEqual([seen[key] for key in ("state", "sidecar", "ready", "process")], ["watching", True, True, None])
        self.assertEqual(ctl("wait", "--ready", "--timeout=30s").returncode, 0)
        refused = ctl("restart")
        self.assertEqual((refused.returncode, "runs no command" in refused.stderr), (1, True))
        self.change()
        run.says("waiting for it")
        self.eventually(lambda: status()["state"] == "pending", lambda: f"{status()}")
        change = status()["change"]
        self.assertEqual((change["failed"], change["content_applied"]), (1, None))
        self.target(run)
        self.assertEqual(ctl("reload").returncode, 0)
        self.event("signal", signal=USR1)
        self.assertEqual(ctl("wait", "--ready", "--timeout=30s").returncode, 0)
        change = status()["change"]
        self.assertEqual(change["content_applied"], change["content_attempted"])
        self.assertEqual(ctl("stop").returncode, 0)
        run.end(0)

    def test_ends_at_once(self):
        for number in (TERM, signal.SIGINT, signal.SIGQUIT):
            run = self.sidecar("--on-change=signal:USR1", "--target-process=nobody-here")
            run.kill(HUP)
            run.kill(USR1)
            run.kill(number)
            run.end(0)

    def test_sleeps(self):
        run = self.sidecar("--on-change=signal:USR1", "--target-process=nobody-here")
        run.comes_to_rest()
        self.finish(run)

    def test_may_not_be_pid_1(self):
        run = self.sidecar("--on-change=signal:USR1", "--target-cmdline=*app.py*", pid1=False)
        app = self.target(run)
        self.change()
        self.event("signal", signal=USR1)
        run.kill(TERM)
        self.wait_for(lambda: run.status is not None, "the end")
        # PID 1 there ends right after this look, and the kernel the rest.
        self.assertEqual([stat.split()[0] for stat in run.left], [str(app["pid"])], "others are left alone")


class StartTest(SidecarTest):
    """--on-start: what changed while no reinit was there."""

    def begin(self, *flags):
        return self.sidecar("--on-change=signal:USR1", "--target-cmdline=*app.py*", *flags)

    def test_it_is_a_change_if_one_asks_for_it(self):
        self.change()
        run = self.begin("--on-start=apply")
        run.says("on a change and at the start: signal:USR1")
        self.target(run)
        self.event("signal", signal=USR1)
        run.says("reload: ", "whatever changed in", "before the start")
        self.change()
        self.event("signal", signal=USR1)
        self.finish(run)

    def test_it_is_a_change_if_one_asks_for_it__twin_none(self):
        self.change()
        run = self.begin()
        self.target(run)
        self.change()
        self.event("signal", signal=USR1)
        self.no_event("signal")
        self.assertNotIn("at the start", run.stderr)
        self.finish(run)

    def test_what_was_applied_is_not_applied_again(self):
        flags = "--on-start=apply", f"--on-start-file={os.path.join(self.folder(), 'applied')}"
        for change, told in ((True, True), (False, False), (True, True), (False, False)):
            with self.subTest(change=change):
                if change:
                    self.change()
                run = self.begin(*flags)
                self.target(run)
                if told:
                    self.event("signal", signal=USR1)
                    self.eventually(lambda: self.applied(flags[1]), lambda: "no file")
                else:
                    run.says("nothing has changed since")
                self.finish(run)
                self.no_event("signal")

    def applied(self, flag):
        """Whether the file was written after the last change."""
        path = flag.split("=", 1)[1]
        return (os.path.exists(path) and os.path.getsize(path) == 17 and
                os.stat(path).st_mtime_ns > os.stat(os.path.join(self.conf, "file")).st_mtime_ns)


class RequestTest(SidecarTest):
    """--on-change=http: with secrets, and what the server says about an error."""

    def setUp(self):
        super().setUp()
        self.heads, self.answers = queue.Queue(), queue.Queue()
        test = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                test.heads.put(dict(self.headers))
                code, body = test.answers.get()
                self.send_response(code)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def asked(self):
        return self.heads.get(timeout=self.deadline)

    def test_headers_and_login_come_from_files_and_are_shown_nowhere(self):
        headers = self.write(os.path.join(self.folder(), "headers"), "# for the reload\nX-Token: s3cret-one\n", 0o600)
        login = self.write(os.path.join(self.folder(), "login"), "me:s3cret-two\n", 0o600)
        control = os.path.join(self.folder(), "control")
        run = self.sidecar(f"--on-change=http:POST http://127.0.0.1:{self.server.server_port}/reload",
                           f"--on-change-headers-file={headers}", f"--on-change-auth-file={login}",
                           f"--control={control}", "--reload-retry-delay=1h")
        self.answers.put((500, b"bad key\nfor s3cret-one " + b"x" * 400))
        self.change()
        head = self.asked()
        self.assertEqual((head["X-Token"], head["Authorization"]), ("s3cret-one", "Basic bWU6czNjcmV0LXR3bw=="))
        run.says("reload failed", "HTTP 500: bad key for *** xxx")

        def ctl(*words):
            return subprocess.run([harness.REINIT, "ctl", f"--control={control}", "status", *words],
                                  capture_output=True, text=True, check=True).stdout
        said = "HTTP 500: bad key for *** " + "x" * 250
        self.eventually(lambda: said in ctl(), ctl)
        self.assertIn(said, json.loads(ctl("--json"))["change"]["failure"])
        helper = run.helpers()["probe"]
        for shown in (run.stderr, ctl(), ctl("--json"), proc(helper, "cmdline"), proc(helper, "environ")):
            self.assertNotIn("s3cret", shown)
        # Rotated: read again each time.
        self.write(headers, "X-Token: another\n", 0o600)
        self.answers.put((204, b""))
        self.change()
        self.assertEqual(self.asked()["X-Token"], "another")
        run.says("reload: ", "HTTP 204")
        self.finish(run)

    def test_what_cannot_be_sent_is_a_failure(self):
        headers = self.write(os.path.join(self.folder(), "headers"), "s3cret\n")
        run = self.sidecar(f"--on-change=http:POST http://127.0.0.1:{self.server.server_port}/",
                           f"--on-change-headers-file={headers}")
        self.change()
        run.says("reload failed", headers, "line 1", "NAME: VALUE")
        self.answers.put((200, b""))
        self.write(headers, "A: b\n")
        self.assertEqual(self.asked()["A"], "b")
        run.says("reload: ", "HTTP 200")
        self.assertNotIn("s3cret", run.stderr)
        self.finish(run)


class FilesTest(SidecarTest):
    def test_all_files_are_told(self):
        mark = os.path.join(self.folder(), "mark")
        run = self.sidecar("--watch-settle=300ms", f"--on-change=exec:/bin/sh -c 'printf \"%s\\n%s\\n\" \"$REINIT_CHANGED_COUNT\""
                           f" \"$REINIT_CHANGED_FILES\" > {mark}.new; mv {mark}.new {mark}'")
        names = ["b", "a\nc", "\\d", ".e"]
        for name in names:
            self.write(os.path.join(self.conf, name))
        self.eventually(lambda: os.path.exists(mark), lambda: "no action")
        with open(mark, encoding="utf-8") as file:
            count, *files = file.read().splitlines()
        self.assertEqual(count, "4")
        self.assertEqual(sorted(files), sorted(os.path.join(self.conf, name.replace("\\", r"\\").replace("\n", r"\n"))
                                               for name in names))
        self.finish(run)


class ServerTest(SidecarTest):
    """Debian's own servers, whose configuration lies in a ConfigMap volume."""

    package = None

    def setUp(self):
        super().setUp()
        if self.package is None:
            return
        try:
            engine.ensure_packages({self.package: self.package})
        except engine.Unavailable as error:
            if os.environ.get("REINIT_REQUIRE_CONTAINERS") == "1":
                raise
            self.skipTest(f"no {self.package}: {error}")
        self.program = engine.which(self.package)
        self.port = free_port()
        self.volume = kubelet.Volume(os.path.join(self.folder(), "config"), {self.key: self.text("one")})

    def get(self, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except OSError as error:
            return f"{error}"
        finally:
            connection.close()

    def serves(self, text, path="/"):
        self.eventually(lambda: text in self.get(path), lambda: f"'{text}' is not in {self.get(path)}")

    def reloads(self, run, path="/"):
        for text in ("two", "three", "one"):
            self.comes_to_rest(run)
            self.volume.update({self.key: self.text(text)})
            self.serves(text, path)
        # What serves may be seen before it is told.
        self.wait_for(lambda: run.stderr.count("reinit: reload: ") >= 3, "three reloads")
        self.finish(run)
        self.assertEqual(run.stderr.count("reinit: reload: "), 3, run.stderr)

    def comes_to_rest(self, run):
        """Until it takes the next signal."""


class NginxTest(ServerTest):
    package, key = "nginx", "nginx.conf"

    def text(self, said):
        return (f"daemon off; worker_processes 1; pid {self.conf}/pid; error_log {self.conf}/log;\nevents {{}}\n"
                f"http {{ access_log off; server {{ listen 127.0.0.1:{self.port};"
                f" location / {{ return 200 '{said}'; }} }} }}\n")

    def test_by_hup(self):
        config = self.volume.at(self.key)
        run = self.sidecar("--on-change=signal:HUP", "--target-process=nginx",
                           f"--reload-check={self.program} -t -c {config}", watch=self.volume.path)
        run.enter([self.program, "-c", config])
        self.serves("one")
        self.volume.update({self.key: "broken"})
        run.says("--reload-check", "not applying")
        self.serves("one")
        self.reloads(run)


class HaproxyTest(ServerTest):
    package, key = "haproxy", "haproxy.cfg"

    def text(self, said):
        return ("defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
                f"frontend f\n bind 127.0.0.1:{self.port}\n"
                f" http-request return status 200 content-type text/plain string {said}\n")

    def comes_to_rest(self, run):
        """haproxy 2.6 forgets a USR2 that comes while it executes itself anew for the one before."""
        def rests():
            mine = [process for process in run.members() if process.name == "haproxy"]
            master = [process.host for process in mine if process.parent not in [other.host for other in mine]]
            return (len(mine) == 2 and len(master) == 1 and "poll" in proc(master[0], "wchan")
                    and int(status_fields(proc(master[0], "status"))["SigBlk"], 16) == 0)
        self.eventually(rests, lambda: f"{run.members()}")

    def test_by_usr2(self):
        run = self.sidecar("--on-change=signal:USR2", "--target-process=haproxy", watch=self.volume.path)
        run.enter([self.program, "-W", "-f", self.volume.at(self.key)])
        self.serves("one")
        self.reloads(run)


class PrometheusTest(ServerTest):
    package, key = "prometheus", "prometheus.yml"

    def text(self, said):
        return f"global:\n  external_labels:\n    said: {said}\n"

    def test_by_http(self):
        # A retry just between the next update and its settling would be one reload more.
        run = self.sidecar(f"--on-change=http:POST http://127.0.0.1:{self.port}/-/reload", "--reload-retry-delay=1h",
                           watch=self.volume.path)
        run.enter([self.program, f"--config.file={self.volume.at(self.key)}", "--web.enable-lifecycle",
                   f"--storage.tsdb.path={self.folder()}", f"--web.listen-address=127.0.0.1:{self.port}"])
        path = "/api/v1/status/config"
        self.serves("said: one", path)
        self.volume.update({self.key: "broken: [\n"})
        run.says("reload failed", "HTTP 500")
        self.serves("said: one", path)
        helper = run.helpers()["probe"]
        self.assertEqual(int(status_fields(proc(helper, "status"))["CapEff"], 16), 0, "without rights")
        self.reloads(run, path)


if __name__ == "__main__":
    xml_runner.main()
