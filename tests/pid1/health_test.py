"""Health checks: ready, unhealthy, start period, helpers that are killed, servers that are hostile."""

import mmap
import os
import signal
import socket
import subprocess
import time

import harness
import namespace
import xml_runner

TERM = signal.SIGTERM
QUICK = ["--health-interval=20ms", "--health-timeout=1s", "--health-retries=2", "--log-level=debug",
         "--restart-delay=1ms", "--restart-delay-max=10ms", "--start-limit-burst=0"]


# Long enough for a test to stop everything while a check is under way.
FREEZE = ["--health-retries=1", "--health-timeout=2s"]


def frozen(run, meanwhile):
    """All of the container stands still for longer than a check may take."""
    everybody = [process.host for process in run.members()]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    meanwhile()
    time.sleep(3)  # is what is to be tested
    for pid in reversed(everybody):
        os.kill(pid, signal.SIGCONT)


class Server:
    """An HTTP server whose manners can be changed while it runs: a process of its own, steered by shared memory."""

    HEADERS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    ANSWERS = {"ok": HEADERS, "sick": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
               "created": b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
               "garbage": b"\x00\xff" * 5000, "nothing": b"", "half": b"HTTP/1.1 20",
               "big header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5_000_000, "no end": None, "hang": None, "drip": None,
               "big body": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n" + b"x" * 1000}
    NAMES = list(ANSWERS)

    def __init__(self, test):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/healthz"
        self.shared = mmap.mmap(-1, 4096)
        self.be("ok")
        self.pid = os.fork()
        if self.pid == 0:
            namespace.die_with_parent()
            try:
                self.serve()
            finally:
                os._exit(0)
        self.listener.close()
        test.addCleanup(self.stop)

    def be(self, manner):
        self.shared[0] = self.NAMES.index(manner)

    @property
    def asked(self):
        return int.from_bytes(self.shared[8:16], "little")

    @property
    def hangs(self):
        return self.shared[16] == 1

    def serve(self):
        kept = []
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        while True:
            peer = self.listener.accept()[0]
            self.shared[8:16] = (self.asked + 1).to_bytes(8, "little")
            manner = self.NAMES[self.shared[0]]
            peer.settimeout(1)
            try:
                if manner == "hang":
                    kept.append(peer)
                    self.shared[16] = 1
                    continue
                peer.recv(4096)
                if manner in ("no end", "drip"):
                    peer.sendall(b"HTTP/1.1 200 OK\r\n")
                    limit = time.monotonic() + 3
                    while time.monotonic() < limit:
                        peer.sendall(b"X-Header: 1\r\n" * 1000 if manner == "no end" else b"X")
                        if manner == "drip":
                            time.sleep(0.02)  # its bad manner, not a synchronisation
                else:
                    peer.sendall(self.ANSWERS[manner])
            except OSError:
                pass
            peer.close()

    def stop(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


class GrpcServer:
    """grpc.health.v1 by Debian's python3-grpcio: a process of its own, steered by shared memory."""

    STATUS = {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2}
    CODE = """
import mmap, signal, sys
from concurrent import futures
import grpc
shared = mmap.mmap(int(sys.argv[1]), 4096)
def check(request, context):
    shared[1] = min(shared[1] + 1, 255)
    if request not in (b"", b"\\x0a\\x03app"):
        context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
    return bytes([8, shared[0]])
server = grpc.server(futures.ThreadPoolExecutor(2))
if sys.argv[2] == "health":
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}),))
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
signal.pause()
"""

    def __init__(self, test, serves="health"):
        self.memory = os.memfd_create("grpc")
        os.ftruncate(self.memory, 4096)
        self.shared = mmap.mmap(self.memory, 4096)
        self.be("SERVING")
        # Not below reinit: its end must not be waited for there.
        self.process = subprocess.Popen(
            [harness.PYTHON, "-c", self.CODE, str(self.memory), serves], pass_fds=[self.memory], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=namespace.die_with_parent)
        test.addCleanup(self.stop)
        port = self.process.stdout.readline().strip()
        if not port and "No module named 'grpc'" in self.process.stderr.read():
            test.skipTest("Debian's python3-grpcio is not installed")
        self.address = f"127.0.0.1:{port}"

    def be(self, status):
        self.shared[0] = self.STATUS[status]

    @property
    def asked(self):
        return self.shared[1]

    def stop(self):
        self.process.kill()
        self.process.communicate()
        os.close(self.memory)


class SecretsTest(harness.Pid1Test):
    """What a check has of secrets and rights."""

    def test_secrets_are_not_shown(self):
        server = Server(self)
        path = os.path.join(self.folder(), "control")
        run, _ = self.start_app(*QUICK, f"--health={server.url}?token=s3cret&page=1",
                                "--health=exec:/bin/sh -c 'exit 0 s3cret'", "--health=exec:/bin/sh -c 'exit 1 s3cret'",
                                "--health-on-failure=none", f"--control={path}", pid1=False)
        run.says("health check exec:/bin/sh (2)")
        run.says("health check http", "token=***&page=***", "HTTP 200")
        self.assertNotIn("s3cret", harness.proc(run.helpers()["probe"], "cmdline"))
        for words in (["status"], ["status", "--json"]):
            shown = subprocess.run([harness.REINIT, f"--control={path}", "ctl", *words], text=True, capture_output=True,
                                   timeout=self.deadline, check=True).stdout
            self.assertIn("token=***", shown)
            self.assertNotIn("s3cret", shown)
        self.assertNotIn("s3cret", run.stderr)
        run.kill(TERM)
        run.end(0)

    def test_the_helper_has_the_rights_of_the_command(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        folder = self.folder()
        os.chmod(folder, 0o700)
        os.chown(folder, 4711, 4712)
        alive = self.write(os.path.join(folder, "alive"))
        run, _ = self.start_app("--user=4711:4712", *QUICK, f"--health=file:{alive}?max-age=1h", pid1=False)

        # Again and again: the helper may not have seen the file as it was yet.
        def touched():
            os.utime(alive)
            return "touched" in run.stderr
        self.eventually(touched, lambda: "no passing check")
        self.assertEqual(os.stat(f"/proc/{run.helpers()['probe']}").st_uid, 4711)
        run.kill(TERM)
        run.end(0)

    def test_exec_checks_have_the_environment_of_hooks(self):
        folder = self.folder()
        file = self.write(os.path.join(folder, "file"), "ONE=file\n")
        for flag in ("--health", "--ready"):
            seen = os.path.join(folder, flag.strip("-"))
            run, _ = self.start_app(*QUICK, f"--env-file={file}", "--env=TWO=flag",
                                    f"{flag}=exec:/bin/sh -c 'env >{seen}.new && mv {seen}.new {seen}'",
                                    env={"NOTIFY_SOCKET": "/of/the/manager", "WATCHDOG_USEC": "1000000"})
            self.eventually(lambda seen=seen: os.path.exists(seen), lambda: "no check")
            with open(seen, encoding="utf-8") as text:
                got = dict(line.rstrip("\n").split("=", 1) for line in text)
            self.assertEqual((got["ONE"], got["TWO"], got["REINIT_GENERATION"]), ("file", "flag", "1"))
            self.assertIn("REINIT_INSTANCE", got)
            self.assertNotIn("NOTIFY_SOCKET", got)
            self.assertNotIn("WATCHDOG_USEC", got)
            run.kill(TERM)
            run.end(0)


class HealthTest(harness.Pid1Test):
    """Base."""

    def start_checked(self, *flags, config=None, **how):
        return self.start_app(*QUICK, *flags, config=config, **how)

    def restarted(self, generation):
        app = self.event("start", name="main")
        self.assertEqual(app["env"]["REINIT_GENERATION"], str(generation))
        self.assertIn("health", app["env"]["REINIT_REASON"])
        return app

    def finish(self, run, app, code=0):
        run.kill(TERM)
        self.assertIn(run.end(), (code, 143))


class ExecCheckTest(HealthTest):
    def setUp(self):
        super().setUp()
        self.ok = os.path.join(self.folder(), "ok")
        self.log = os.path.join(os.path.dirname(self.ok), "log")
        self.check = f"--health=exec:/bin/sh -c 'echo x >>{self.log}; test -e {self.ok}'"

    def checks(self):
        return os.path.getsize(self.log) // 2 if os.path.exists(self.log) else 0

    def more_checks(self, count=3):
        wanted = self.checks() + count
        self.eventually(lambda: self.checks() >= wanted, lambda: f"{self.checks()} checks, not {wanted}")

    def test_unhealthy_restarts(self):
        for pid1 in (True, False):
            with self.subTest(pid1=pid1):
                self.write(self.ok)
                run, app = self.start_checked(self.check, pid1=pid1)
                run.says("ready")
                self.more_checks()
                self.no_event("start")
                os.unlink(self.ok)
                self.event("signal", signal=TERM)
                self.write(self.ok)
                app = self.restarted(2)
                self.more_checks()
                self.finish(run, app)
                self.no_event("start")
                self.events.clear()

    def test_a_single_failure_is_forgiven(self):
        self.write(self.ok)
        run, app = self.start_checked(self.check, "--health-retries=1000000")
        run.says("ready")
        os.unlink(self.ok)
        self.more_checks(10)
        self.write(self.ok)
        self.more_checks()
        self.no_event("start")
        self.finish(run, app)

    def test_start_period(self):
        """Failures in it do not count, until the first success."""
        run, app = self.start_checked(self.check, "--health-start-period=1h")
        self.more_checks(4)
        self.no_event("signal")
        self.write(self.ok)
        run.says("ready")
        os.unlink(self.ok)
        self.event("signal", signal=TERM)
        self.write(self.ok)
        self.finish(run, self.restarted(2))

    def restarts_for_bad_health(self, check, *flags):
        """Without a start period the first failures count: it restarts again and again, until TERM."""
        run = self.start(*QUICK, check, "--health-start-period=0", *flags, "--", "/bin/sleep", "1000", pid1=False)
        run.says("restart 1", "health")
        run.says("restart 2", "health")
        run.kill(TERM)
        run.end(143)

    def test_without_a_start_period(self):
        self.restarts_for_bad_health(self.check)

    def test_a_check_that_hangs_is_a_failure(self):
        self.restarts_for_bad_health("--health=exec:/bin/sh -c 'sleep 1000 & sleep 1000'", "--health-timeout=50ms")

    def test_a_check_that_cannot_be_run_is_a_failure(self):
        self.restarts_for_bad_health("--health=exec:/no/such/check")

    def test_a_check_that_hangs_leaves_nothing_and_is_no_zombie(self):
        self.leaves_nothing("sleep 1000 & sleep 1000")

    def test_nor_does_one_whose_children_leave_its_group(self):
        self.leaves_nothing("timeout 1000 sleep 1000; true")
        self.leaves_nothing("setsid sleep 1000; true")
        self.leaves_nothing("setsid -f sleep 1000; sleep 1000")

    def test_nor_what_one_leaves_that_ends(self):
        self.leaves_nothing("setsid -f sleep 1000")

    def leaves_nothing(self, check):
        run, app = self.start_checked(f"--health=exec:/bin/sh -c '{check}'", "--health-timeout=50ms",
                                      "--health-interval=500ms", "--health-retries=100", "--health-start-period=1h",
                                      pid1=False)
        for _ in range(3):
            self.eventually(lambda: [p for p in run.members() if p.name == "sleep"], lambda: "no check runs")
            run.only(app["host"])  # between two checks there is nobody
        self.finish(run, app)

    def test_a_check_that_hangs_leaves_nothing__twin(self):
        """Nobody's child, in a group of its own and without a mark it is not found: the tests above would see one."""
        run, app = self.start_checked("--health=exec:/bin/sh -c 'env -i /usr/bin/setsid -f sleep 1000; sleep 1000'", "--health-timeout=50ms",
                                      "--health-interval=1h", "--health-retries=100", "--health-start-period=1h",
                                      pid1=False)
        self.eventually(lambda: len([p for p in run.members() if p.name == "sleep"]) > 1, lambda: "no check runs")
        self.deadline = harness.TWIN_DEADLINE
        with self.assertRaises(AssertionError):
            run.only(app["host"])
        self.deadline = harness.DEADLINE
        self.finish(run, app)

    def test_fifty_checks_leak_nothing(self):
        self.write(self.ok)
        run, app = self.start_checked(self.check, "--health-interval=1ms")
        run.says("ready")
        self.more_checks(50)
        self.eventually(lambda: not any(p.state == "Z" for p in run.members()), lambda: "zombies")
        numbers = [int(fd) for fd in run.fds()]
        self.assertLess(max(numbers), 20, run.fds())
        self.finish(run, app)

    def test_a_check_is_given_the_signals_that_reinit_was_given(self):
        out = os.path.join(self.folder(), "out")
        run, app = self.start_checked(f"--health=exec:/bin/cp /proc/self/status {out}", env={"REINIT_PORT": "1"})
        run.says("ready")
        fields = {}

        def all_of_it():  # the next check writes it anew
            if os.path.exists(out):
                with open(out, encoding="utf-8") as file:
                    fields.update(harness.status_fields(file.read()))
            return "SigCgt" in fields
        self.eventually(all_of_it, lambda: "no status")
        bare = self.start("/proc/self/status", init=["/bin/cat"])  # a test runner may have ignored some for us
        bare.end(0)
        expected = harness.status_fields(bare.stdout)
        for key in ("SigBlk", "SigIgn", "SigCgt"):
            self.assertEqual(fields[key], expected[key], key)
        self.finish(run, app)

    def test_a_freeze_is_no_failure(self):
        hang = os.path.join(self.folder(), "hang")
        run, app = self.start_app(*QUICK, *FREEZE, f"--health=exec:/bin/sh -c 'echo x >>{self.log}; ! test -e {hang} || exec sleep 1000'")
        run.says("ready")
        self.write(hang)
        self.eventually(lambda: any(process.name == "sleep" for process in run.members()), lambda: "no check hangs")
        frozen(run, lambda: os.unlink(hang))
        self.more_checks()
        run.only(app["host"])
        self.no_event("start")
        self.finish(run, app)

    def test_a_freeze_is_no_failure__twin(self):
        """The same without a freeze is one."""
        hang = os.path.join(self.folder(), "hang")
        run, app = self.start_app(*QUICK, *FREEZE, f"--health=exec:/bin/sh -c '! test -e {hang} || exec sleep 1000'")
        run.says("ready")
        self.write(hang)
        self.event("signal", signal=TERM)
        os.unlink(hang)
        self.finish(run, self.restarted(2))

    def test_term_during_a_check(self):
        run, app = self.start_checked("--health=exec:/bin/sleep 1000", "--health-timeout=1h", pid1=False)
        self.eventually(lambda: [p for p in run.members() if p.name == "sleep"], lambda: "no check runs")
        run.kill(TERM)
        run.end(0)

    def test_reload_during_a_check(self):
        watched = self.write(os.path.join(self.folder(), "file"))
        run, app = self.start_checked("--health=exec:/bin/sleep 1000", "--health-timeout=1h", f"--watch={watched}",
                                      "--reload-delay=10ms", "--watch-settle=10ms")
        run.says("watching", "scan")
        self.eventually(lambda: [p for p in run.members() if p.name == "sleep"], lambda: "no check runs")
        self.write(watched, "x")
        app = self.event("start")
        self.assertEqual(app["env"]["REINIT_CHANGED"], watched)
        self.finish(run, app)

    def test_a_deaf_unhealthy_process_is_killed(self):
        self.write(self.ok)
        run, app = self.start_checked(self.check, "--stop-timeout=100ms", config={"exit_on": {}})
        run.says("ready")
        os.unlink(self.ok)
        self.event("signal", signal=TERM)
        self.write(self.ok)
        app = self.restarted(2)
        self.tell(app, "exit", code=9)
        run.end(9)

    def test_giving_up(self):
        """The last stop was ours, so whatever its code was, this is a failure."""
        run = self.start(*QUICK, self.check, "--health-start-period=0", "--start-limit-burst=1", "--",
                         "/bin/sleep", "1000", pid1=False)
        run.end(1)


class NetworkCheckTest(HealthTest):
    def test_http(self):
        server = Server(self)
        run, app = self.start_checked(f"--health={server.url}")
        run.says("ready")
        server.be("sick")
        self.event("signal", signal=TERM)
        server.be("ok")
        self.finish(run, self.restarted(2))

    def test_expected_codes(self):
        server = Server(self)
        server.be("created")
        run, app = self.start_checked(f"--health={server.url}", "--health-expect=201")
        run.says("ready")
        server.be("ok")
        self.event("signal", signal=TERM)
        server.be("created")
        self.finish(run, self.restarted(2))

    def test_tcp(self):
        listener = socket.create_server(("127.0.0.1", 0))
        run, app = self.start_checked(f"--health=tcp://127.0.0.1:{listener.getsockname()[1]}")
        run.says("ready")
        listener.close()
        self.event("signal", signal=TERM)
        run.kill(TERM)
        self.assertIn(run.end(), (0, 143))  # while it stops, or before the next one has started

    def test_grpc(self):
        """grpc://HOST:PORT/SERVICE against Google's own server, in plain."""
        server = GrpcServer(self)
        run, app = self.start_checked(f"--health=grpc://{server.address}/app")
        run.says("ready")
        server.be("NOT_SERVING")
        self.event("signal", signal=TERM)
        run.says("NOT_SERVING")
        server.be("SERVING")
        self.finish(run, self.restarted(2))

    def test_ready_by_grpc(self):
        server = GrpcServer(self)
        server.be("NOT_SERVING")
        run, app = self.start_checked(f"--ready=grpc://{server.address}")
        self.eventually(lambda: server.asked > 2, lambda: "not asked")
        self.assertNotIn("ready after", run.stderr)
        server.be("SERVING")
        run.says("ready after")
        self.finish(run, app)

    def test_all_must_pass(self):
        one, two = Server(self), Server(self)
        two.be("sick")
        run, app = self.start_checked(f"--health={one.url}", f"--health={two.url}", "--health-start-period=1h")
        self.eventually(lambda: one.asked > 3 and two.asked > 1, lambda: "no checks")
        two.be("ok")
        run.says("ready")
        one.be("sick")
        self.event("signal", signal=TERM)
        one.be("ok")
        self.finish(run, self.restarted(2))

    def test_hostile_servers(self):
        for manner in Server.NAMES:
            if manner in ("ok", "created", "sick", "big body"):
                continue
            with self.subTest(manner):
                server = Server(self)
                run, app = self.start_checked(f"--health={server.url}", "--health-timeout=300ms")
                run.says("ready")
                server.be(manner)
                self.event("signal", signal=TERM)
                memory = int(harness.status_fields(harness.proc(run.host, "status"))["VmRSS"].split()[0])
                if not harness.SANITIZED:
                    self.assertLess(memory, 10_000)  # kB
                server.stop()
                run.kill(TERM)
                run.end()
                self.events.clear()

    def test_killed_probe_helper_comes_back(self):
        server = Server(self)
        run, app = self.start_checked(f"--health={server.url}")
        run.says("ready")
        for _ in range(3):
            helper = run.helpers()["probe"]
            os.kill(helper, signal.SIGKILL)
            self.eventually(lambda old=helper: run.helpers().get("probe", old) != old, lambda: "no new helper")
            asked = server.asked
            self.eventually(lambda asked=asked: server.asked > asked + 2, lambda: "no more checks")
        run.only(app["host"])
        self.no_event("start")  # no result is no failure
        server.be("sick")
        self.event("signal", signal=TERM)
        run.kill(TERM)
        run.end()

    def test_hanging_probe_helper_is_replaced(self):
        server = Server(self)
        run, app = self.start_checked(f"--health={server.url}", "--health-timeout=100ms")
        run.says("ready")
        helper = run.helpers()["probe"]
        harness.hang(helper)
        self.eventually(lambda: run.helpers().get("probe", helper) != helper, lambda: "no new helper")
        self.no_event("start")
        self.finish(run, app)

    def test_the_probe_helper_may_do_nothing(self):
        server = Server(self)
        run, app = self.start_checked(f"--health={server.url}")
        run.says("ready")
        fields = harness.status_fields(harness.proc(run.helpers()["probe"], "status"))
        self.assertEqual(fields["NoNewPrivs"], "1")
        for capability in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            self.assertEqual(int(fields[capability], 16), 0, capability)
        self.finish(run, app)

    def test_a_freeze_is_no_failure(self):
        """As `docker pause` makes one: a check misses its deadline since nobody could work."""
        server = Server(self)
        run, app = self.start_checked(f"--health={server.url}", *FREEZE)
        run.says("ready")
        server.be("hang")
        self.eventually(lambda: server.hangs, lambda: "no check hangs")
        frozen(run, lambda: server.be("ok"))
        asked = server.asked
        self.eventually(lambda: server.asked > asked + 2, lambda: "no more checks")
        run.only(app["host"])
        self.no_event("start")
        self.finish(run, app)

    def test_a_freeze_is_no_failure__twin(self):
        """The same without a freeze is one."""
        server = Server(self)
        run, app = self.start_checked(f"--health={server.url}", *FREEZE)
        run.says("ready")
        server.be("hang")
        self.event("signal", signal=TERM)
        server.be("ok")
        self.finish(run, self.restarted(2))

    def test_idle_between_checks_wakes_nobody(self):
        server = Server(self)
        run, app = self.start_checked(f"--health={server.url}", "--health-interval=1h", "--log-level=info")
        run.says("ready")
        run.comes_to_rest()
        self.finish(run, app)


class FileCheckTest(HealthTest):
    def test_a_file_that_is_touched(self):
        path = self.write(os.path.join(self.folder(), "alive"))  # left behind by an earlier process
        run, app = self.start_checked(f"--health=file:{path}?max-age=300ms")
        run.says("health check", "not touched for 300ms")  # no failure: the start period
        def touched():
            os.utime(path)
            return "ready" in run.stderr
        self.eventually(touched, lambda: "not ready")
        self.event("signal", signal=TERM)  # nobody touches it any more
        app = self.restarted(2)
        self.finish(run, app)


class ProbeCommandTest(HealthTest):
    def probe(self, url):
        result = subprocess.run([harness.REINIT, "probe", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                timeout=self.deadline, check=False)
        return result.returncode

    def test_probe(self):
        server = Server(self)
        self.assertEqual(self.probe(server.url), 0)
        server.be("sick")
        self.assertEqual(self.probe(server.url), 1)
        self.assertEqual(self.probe(f"tcp://127.0.0.1:{server.port}"), 0)
        server.stop()
        self.assertEqual(self.probe(f"tcp://127.0.0.1:{server.port}"), 1)
        self.assertEqual(self.probe(server.url), 1)
        self.assertEqual(self.probe("gopher://nowhere"), 2)
        self.assertEqual(self.probe("exec:true"), 2)
        self.assertEqual(self.probe("file:/etc/hostname?max-age=1h"), 2)


    def test_grpc(self):
        server = GrpcServer(self)
        self.assertEqual(self.probe(f"grpc://{server.address}"), 0)
        self.assertEqual(self.probe(f"grpc://{server.address}/app"), 0)
        self.assertEqual(self.probe(f"grpc://{server.address}/other"), 1)
        server.be("UNKNOWN")
        self.assertEqual(self.probe(f"grpc://{server.address}"), 1)
        self.assertEqual(self.probe(f"grpc://{GrpcServer(self, serves='nothing').address}"), 1)
        self.assertEqual(self.probe(f"grpc://127.0.0.1:{Server(self).port}"), 1)


if __name__ == "__main__":
    xml_runner.main()
