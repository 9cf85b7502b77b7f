"""`reinit ctl` and the control socket: what is shown and done, and clients that mean no good."""

import json
import os
import signal
import socket
import subprocess
import threading
import unittest

import harness
import namespace
import xml_runner

TERM, KILL, USR1 = signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1
NOBODY = 65534


class ControlTest(harness.Pid1Test):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder(), "control")

    def supervise(self, *flags, config=None, **how):
        return self.start_app(f"--control={self.path}", *flags, config=config, **how)

    def ctl(self, *words, code=0, path=None):
        done = subprocess.run([harness.REINIT, f"--control={path or self.path}", "ctl", *words], text=True,
                              capture_output=True, timeout=self.deadline, check=False)
        self.assertEqual(done.returncode, code, f"{done.stdout}{done.stderr}\n{self.describe()}")
        return done.stdout if code == 0 or "--json" in words else done.stderr

    def waiting(self, *words):
        """A `ctl` that waits, under way."""
        process = subprocess.Popen([harness.REINIT, f"--control={self.path}", "ctl", *words],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        def end():
            process.kill()
            process.communicate()
        self.addCleanup(end)
        return process

    def status(self):
        return json.loads(self.ctl("status", "--json"))

    def connect(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(client.close)
        client.connect(self.path)
        client.settimeout(self.deadline)
        return client

    def goes_on(self, run, app):
        """Whatever was done to it, it serves both its process and its owner."""
        run.kill(USR1)
        self.event("signal", signal=USR1)
        self.assertEqual(self.status()["process"]["pid"], app["pid"])

    def finish(self, run, code=0):
        run.kill(TERM)
        run.end(code)
        self.assertFalse(os.path.exists(self.path))


class CommandsTest(ControlTest):
    def test_status(self):
        run, app = self.supervise("--health=exec:true", "--restart=always", "--listen=web=tcp://127.0.0.1:0",
                                  "--ready=exec")
        self.eventually(lambda: "passes (" in self.ctl("status"), lambda: "no check has passed")
        status = self.status()
        self.assertEqual((status["state"], status["ready"], status["generation"]), ("ready", True, 1))
        self.assertEqual(status["reinit"]["pid"], 1)
        self.assertEqual(status["process"]["pids"], [app["pid"]])
        self.assertEqual(status["strategies"], ["health", "exit", "readiness"])
        self.assertEqual(status["health"][0]["state"], "passing")
        self.assertEqual(status["listeners"][0]["name"], "web")
        self.assertEqual(status["restarts"], dict.fromkeys(status["restarts"], 0))
        self.finish(run)

    def test_restart(self):
        run, app = self.supervise()
        self.assertEqual(self.ctl("restart"), "restarting\n")
        self.ctl("wait", "--ready")
        again = self.event("start")
        self.assertNotEqual(again["pid"], app["pid"])
        self.assertEqual(again["env"]["REINIT_REASON"], "control: ctl restart")
        status = self.status()
        self.assertEqual((status["generation"], status["restarts"]["control"]), (2, 1))
        self.assertEqual(status["last_restarts"][0]["reason"], "ctl restart")
        self.finish(run)

    def test_reload_does_what_a_change_does(self):
        run, _ = self.supervise("--on-change=signal:USR1", f"--watch={self.folder()}")
        self.assertEqual(json.loads(self.ctl("reload", "--json")), {"ok": True, "result": "reloading"})
        self.event("signal", signal=USR1)
        self.assertEqual(self.status()["generation"], 1)
        self.finish(run)

    def test_signal(self):
        run, _ = self.supervise()
        self.ctl("signal", "USR1")
        self.event("signal", signal=USR1)
        self.finish(run)

    def test_stop(self):
        run, _ = self.supervise()
        self.assertEqual(self.ctl("stop"), "stopping\n")
        self.event("signal", signal=TERM)
        run.end(0)

    def test_stop_now(self):
        run, app = self.supervise("--control=" + self.path, config={"exit_on": {}})
        self.ctl("stop")
        self.event("signal", signal=TERM)
        self.assertIn("about to end", self.ctl("restart", code=1))
        self.ctl("stop", "--now")
        run.end(128 + KILL)

    def test_a_name_of_any_bytes(self):
        folder = self.folder()
        run, _ = self.supervise(f"--watch={folder}", "--reload-delay=10ms", "--watch-settle=10ms")
        run.says("started")
        with open(os.path.join(os.fsencode(folder), b"\xff\"\n.py"), "w", encoding="utf-8"):
            pass
        self.event("start")
        self.ctl("wait", "--ready")
        reason = self.status()["last_restarts"][0]["reason"]
        self.assertIn("\\xff\"", reason)
        self.assertEqual(self.status()["restarts"]["file"], 1)
        self.finish(run)

    def test_zombies_and_their_parent(self):
        run, app = self.supervise()
        self.ctl("wait")
        code = "import os, signal, time\nif os.fork() == 0: os._exit(0)\nsignal.pause()"
        run = self.start(f"--control={self.path}2", "--", harness.PYTHON, "-SEc", code)
        path = self.path + "2"

        def zombies():
            return json.loads(self.ctl("status", "--json", path=path))["zombies"] if os.path.exists(path) else []
        self.eventually(zombies, lambda: "no zombie is shown")
        found = zombies()
        self.assertEqual((found[0]["count"], len(found[0]["pids"])), (1, 1))
        self.assertIn("which does not wait for them", self.ctl("status", path=path))

    def test_json_says_what_is_wrong(self):
        error = json.loads(self.ctl("restart", "--json", code=1))
        self.assertFalse(error["ok"])
        self.assertIn("no reinit has its socket", error["error"])


class OneProcessTest(ControlTest):
    """What asks for workers is refused where there are none."""

    def test_refused(self):
        run, app = self.supervise()
        one = "reinit: ctl: this reinit runs one process; --workers=N runs several\n"
        for words in (("restart", "--worker=1"), ("restart", "--worker=1", "--wait"), ("scale", "2"),
                      ("scale", "2", "--wait")):
            self.assertEqual(self.ctl(*words, code=1), one)
        self.assertNotIn("worker", self.ctl("status") + self.ctl("status", "--json"))
        self.goes_on(run, app)
        self.finish(run)

    def test_a_number_that_cannot_be(self):
        for words in (("restart", "--worker=0"), ("restart", "--worker=1025"), ("scale", "0"), ("scale", "1025"),
                      ("scale", "many"), ("scale",)):
            self.assertEqual(self.ctl(*words, code=2).count("\n"), 1)


class ScaleTest(ControlTest):
    """`ctl scale --wait` and what it is told, by a server that is not reinit."""

    def serve(self, *answers):
        """Answers one request after the other; the last answer again and again, or None: by hanging up."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self.path)
        listener.listen()
        asked, left = [], list(answers)

        def run():
            while True:
                try:
                    client = listener.accept()[0]
                except OSError:
                    return
                with client:
                    while request := client.recv(256):
                        asked.append(request.decode())
                        if left[0] is None:
                            listener.close()
                            break
                        client.send(left[0])
                        if len(left) > 1:
                            left.pop(0)
        thread = threading.Thread(target=run)
        thread.start()

        def end():
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            thread.join()
            listener.close()
        self.addCleanup(end)
        return asked

    def test_until_all_are_ready(self):
        asked = self.serve(b"ok\nscaling", b"ok\nready 0 0\n1 of 2 workers are ready",
                           b"ok\nready 0 1\n1 of 2 workers are ready", b"ok\nready 1 0\n2 of 2 workers are ready",
                           b"ok\nready 1 1\n2 of 2 workers are ready")
        self.assertEqual(self.ctl("scale", "2", "--wait"), "done\n")
        self.assertEqual(asked, ["scale 2"] + 4 * ["progress 2"])

    def test_not_in_time(self):
        self.serve(b"ok\nscaling", b"ok\nready 0 0\n1 of 2 workers are ready")
        self.assertEqual(self.ctl("scale", "2", "--wait", "--timeout=100ms", code=1),
                         "reinit: ctl: not scaled within 100ms: 1 of 2 workers are ready\n")

    def test_refused(self):
        asked = self.serve(b"error\nno")
        self.assertEqual(self.ctl("scale", "2", "--wait", code=1), "reinit: ctl: no\n")
        self.assertEqual(asked, ["scale 2"])

    def test_not_for_one_that_ends(self):
        self.serve(b"ok\nscaling", b"ok\nending 0 0\n1 of 2 workers are ready")
        self.assertIn("about to end", self.ctl("scale", "2", "--wait", code=1))

    def test_not_for_one_that_has_ended(self):
        self.serve(b"ok\nscaling", None)
        self.assertIn("the reinit that had this socket has ended", self.ctl("scale", "2", "--wait", code=1))

    def test_without_waiting(self):
        asked = self.serve(b"ok\nscaling")
        self.assertEqual(self.ctl("scale", "2"), "scaling\n")
        self.assertEqual(asked, ["scale 2"])

    def test_one_worker(self):
        asked = self.serve(b"ok\nrestarting", b"ok\n7", b"ok\nwaiting ready", b"ok\ndone")
        self.assertEqual(self.ctl("restart", "--worker=2"), "restarting\n")
        self.assertEqual(self.ctl("restart", "--worker=2", "--wait"), "done\n")
        self.assertEqual(asked, ["restart 2", "restart 2 wait", "outcome 7", "outcome 7"])


class WaitTest(ControlTest):
    def test_until_ready(self):
        good = os.path.join(self.folder(), "good")
        run, _ = self.supervise(f"--health=exec:test -e {good}")
        self.ctl("wait")  # it runs
        self.assertIn("not ready within 100ms: it is up", self.ctl("wait", "--ready", "--timeout=100ms", code=1))
        process = self.waiting("wait", "--ready")
        self.write(good)
        self.assertEqual(process.communicate(timeout=self.deadline)[0], "ready\n")
        self.assertEqual(process.returncode, 0)
        self.finish(run)

    def test_until_there_is_somebody(self):
        process = self.waiting("wait", "--ready")
        run, _ = self.supervise()
        self.assertEqual(process.communicate(timeout=self.deadline)[0], "ready\n")
        self.finish(run)

    def test_not_for_what_does_not_come_by_itself(self):
        run, _ = self.supervise(f"--watch={self.folder()}", "--after-exit=wait", config={"exit_on": {str(USR1): 0}})
        run.kill(USR1)
        run.says("waiting for a change")
        self.assertIn("only a change or `ctl restart` starts one", self.ctl("wait", code=1))
        self.finish(run, 128 + TERM)

    def test_not_for_one_that_ends(self):
        run, _ = self.supervise("--health=exec:false", config={"exit_on": {}})
        process = self.waiting("wait", "--ready")
        self.ctl("stop")
        self.assertIn("about to end", process.communicate(timeout=self.deadline)[0])
        self.assertEqual(process.returncode, 1)
        self.ctl("stop", "--now")
        run.end()


class OutcomeTest(ControlTest):
    """`ctl reload --wait`, `ctl restart --wait`. What reinit runs is good as long as a file is there."""

    def setUp(self):
        super().setUp()
        self.good = self.write(os.path.join(self.folder(), "good"))

    def supervise_good(self, *flags, config=None):
        run, app = self.supervise("--restart=always", *flags, config=config)
        self.ctl("wait", "--ready")
        return run, app

    def outcome(self, process):
        text = process.communicate(timeout=self.deadline)[0]
        self.assertEqual(text.count("\n"), 1, text)
        return process.returncode, text

    def test_until_it_is_ready(self):
        for order in "stop-first", "start-first":
            run, _ = self.supervise_good(f"--health=exec:test -e {self.good}", f"--restart-order={order}")
            for what in "reload", "restart":
                os.unlink(self.good)
                process = self.waiting(what, "--wait")
                self.event("start")
                self.assertIsNone(process.poll())
                self.write(self.good)
                self.assertEqual(self.outcome(process), (0, "done\n"))
            self.assertEqual(self.status()["change"]["succeeded"], True)
            self.assertEqual(self.status()["last_applied"]["reason"], "ctl restart")
            self.finish(run)

    def test_not_in_time(self):
        run, _ = self.supervise_good(f"--health=exec:test -e {self.good}")
        os.unlink(self.good)
        self.assertIn("not applied within 100ms: it is ", self.ctl("reload", "--wait", "--timeout=100ms", code=1))
        self.event("start")
        self.finish(run)

    def test_one_that_ends(self):
        code = f"test -e {self.good} && exec sleep 1000; exit 3"
        for order in "stop-first", "start-first":
            run = self.start(f"--control={self.path}", "--restart=always", f"--health=exec:test -e {self.good}",
                             f"--restart-order={order}", "--restart-delay=1h", "--restart-delay-max=1h", "--", "/bin/sh",
                             "-c", code)
            self.ctl_wait()
            os.unlink(self.good)
            error = self.ctl("reload", "--wait", code=1)
            self.assertRegex(error, r"not applied: ctl reload: (the new )?process \[\d+\] ended: exit code 3\n")
            self.assertEqual(self.status()["change"]["succeeded"], False)
            self.write(self.good)
            self.assertEqual(self.ctl("restart", "--wait"), "done\n")
            run.kill(TERM)
            run.end()

    def ctl_wait(self):
        process = self.waiting("wait", "--ready")
        self.assertEqual(self.outcome(process)[0], 0)

    def test_a_change_before_the_start_is_no_reload(self):
        """One that was noticed, and had not settled when the process crashed: the next one has it."""
        watched = self.write(os.path.join(self.folder(), "file"))
        run, app = self.supervise_good(f"--watch={watched}", "--watch-scan=0", "--watch-settle=3s", "--restart-delay=1s",
                                       "--log-level=debug")
        run.says("first scan done")
        self.write(watched, "two")
        self.eventually(lambda: self.status()["change"]["state"] == "settling", lambda: "it is not noticed")
        self.tell(app, "exit", code=1)
        app = self.event("start")
        run.says(watched, "had changed before process")
        self.assertEqual(self.status()["change"]["state"], "none")
        # What comes afterwards is one.
        self.write(watched, "three")
        self.assertEqual(self.event("start")["env"]["REINIT_CHANGED"], watched)
        self.finish(run)

    def test_a_check(self):
        run, _ = self.supervise_good(f"--reload-check=test -e {self.good}")
        self.assertEqual(self.ctl("reload", "--wait"), "done\n")
        self.event("start")
        os.unlink(self.good)
        self.assertIn("not applied: ctl reload: --reload-check: exit code 1\n", self.ctl("reload", "--wait", code=1))
        self.finish(run)

    def test_actions(self):
        """Also that of one `--on-change` out of several, and of a sidecar."""
        watch = f"--watch={self.folder()}"
        good = f"--on-change=exec:test -e {self.good}"
        for flags, command in (([good], True), (["--on-change=signal:USR1", good], True), ([good, watch], False)):
            if command:
                run, _ = self.supervise_good("--reload-retry-delay=1h", *flags)
            else:
                run = self.start(f"--control={self.path}", "--reload-retry-delay=1h", *flags)
                self.ctl_wait()
            self.write(self.good)
            self.assertEqual(self.ctl("reload", "--wait"), "done\n")
            os.unlink(self.good)
            failure = "ctl reload: exec:test: exit code 1"
            self.assertIn(f"not applied: {failure}\n", self.ctl("reload", "--wait", code=1))
            self.assertEqual(self.status()["change"]["failure"], failure)
            self.assertIn(f"not applied: {failure}\n", self.ctl("status"))
            run.kill(TERM)
            run.end(0)

    def test_a_signal_without_a_handler(self):
        run = self.start(f"--control={self.path}", "--on-change=signal:USR1", "--restart=always", "--", "/bin/sleep", "1000")
        self.ctl_wait()
        self.assertIn("not applied: ctl reload: SIGUSR1: not sent: the process has no handler",
                      self.ctl("reload", "--wait", code=1))
        run.kill(TERM)
        run.end()

    def test_a_target_that_is_not_there(self):
        run = self.start(f"--control={self.path}", "--on-change=signal:USR1", "--target-process=nobody-here",
                         f"--watch={self.folder()}")
        self.ctl_wait()
        self.assertIn("not applied: ctl reload: --target-process=nobody-here: no such process",
                      self.ctl("reload", "--wait", code=1))
        self.finish(run)

    def test_a_later_one_answers_for_both(self):
        run, _ = self.supervise_good(f"--health=exec:test -e {self.good}", "--restart-order=start-first")
        os.unlink(self.good)
        first = self.waiting("reload", "--wait")
        self.event("start")
        second = self.waiting("reload", "--wait")
        self.eventually(lambda: "ctl reload" in run.stderr, lambda: "the second one is not taken notice of")
        self.write(self.good)
        self.assertEqual(self.outcome(first), (0, "done\n"))
        self.assertEqual(self.outcome(second), (0, "done\n"))
        self.event("start")
        self.finish(run)

    def test_an_end_meanwhile(self):
        run, _ = self.supervise_good(f"--health=exec:test -e {self.good}")
        os.unlink(self.good)
        process = self.waiting("reload", "--wait")
        self.event("start")
        run.kill(TERM)
        run.end(0)
        code, text = self.outcome(process)
        self.assertEqual(code, 1)
        self.assertRegex(text, "reinit is about to end|reinit closed the connection")

    def test_nobody_is_there(self):
        self.assertIn("no reinit has its socket", self.ctl("reload", "--wait", code=1))

    def test_a_hook_that_is_awaited(self):
        run, _ = self.supervise_good(f"--pre-start=sh -c 'until test -e {self.good}; do sleep 0.05; done'")
        os.unlink(self.good)
        process = self.waiting("restart", "--wait")
        self.eventually(lambda: (self.status()["awaited"] or {}).get("what") == "--pre-start",
                        lambda: f"{self.status()}")
        self.assertIn("waits for: --pre-start, for ", self.ctl("status"))
        self.write(self.good)
        self.assertEqual(self.outcome(process), (0, "done\n"))
        self.event("start")
        self.assertIsNone(self.status()["awaited"])
        self.finish(run)


class PlaceTest(ControlTest):
    def test_the_default(self):
        def own_run():
            namespace.unshare(namespace.CLONE_NEWNS)
            namespace.mount("none", "/", "", namespace.MS_REC | namespace.MS_PRIVATE)
            namespace.mount("none", "/run", "tmpfs")
        run, app = self.start_app("--restart=always", setup=own_run)
        path = f"/proc/{run.host}/root/run/reinit.sock"
        self.assertIn(f"process: {app['pid']}, ", self.ctl("status", path=path))
        run.kill(TERM)
        run.end(0)

    def test_a_plain_init_has_none(self):
        def own_run():
            namespace.unshare(namespace.CLONE_NEWNS)
            namespace.mount("none", "/", "", namespace.MS_REC | namespace.MS_PRIVATE)
            namespace.mount("none", "/run", "tmpfs")
        for flags in ([], ["--restart=always", "--control=off"]):
            run, _ = self.start_app(*flags, setup=own_run)
            self.assertEqual(os.listdir(f"/proc/{run.host}/root/run"), [])
            run.kill(TERM)
            run.end(0)

    def test_where_run_cannot_be_written_there_is_none(self):
        def closed_run():
            namespace.unshare(namespace.CLONE_NEWNS)
            namespace.mount("none", "/", "", namespace.MS_REC | namespace.MS_PRIVATE)
            namespace.mount("none", "/run", "tmpfs")
            namespace.mount("none", "/run", "", namespace.MS_REMOUNT | namespace.MS_RDONLY)
        run, _ = self.start_app("--restart=always", setup=closed_run)
        run.says("--control=/run/reinit.sock:", "no `reinit ctl`")
        run.kill(TERM)
        run.end(0)

    def test_one_that_is_in_use(self):
        run, _ = self.supervise()
        other = self.start(f"--control={self.path}", "--", "/bin/true")
        other.end(2)
        self.assertIn("the address is in use", other.stderr)
        self.finish(run)

    def test_one_that_cannot_be_had(self):
        file = self.write(os.path.join(self.folder(), "file"))
        run = self.start(f"--control={file}", "--", "/bin/true")
        run.end(2)
        self.assertIn(f"--control={file}: this file is there already and is no socket", run.stderr)
        self.assertTrue(os.path.exists(file))

    def test_one_left_behind_is_replaced(self):
        run, _ = self.supervise()
        run.destroy()

        def nobody_listens():
            try:
                self.connect()
            except ConnectionRefusedError:
                return True
            return False
        self.eventually(nobody_listens, lambda: "it still listens")
        run, app = self.supervise()
        self.goes_on(run, app)
        self.finish(run)


class HostileTest(ControlTest):
    def test_many_silent_ones(self):
        run, app = self.supervise()
        self.ctl("wait")
        kinds = self.kinds_at_rest(run)
        clients = [self.connect() for _ in range(200)]
        self.goes_on(run, app)
        for client in clients:
            client.close()
        run.same_fds(kinds)
        self.finish(run)

    def test_garbage(self):
        run, app = self.supervise()
        for size in (1, 10, 256, 257, 100_000):
            client = self.connect()
            client.send(os.urandom(size))
            self.assertTrue(client.recv(1 << 17).startswith(b"error\n"))
        self.goes_on(run, app)
        self.finish(run)

    def kinds_at_rest(self, run):
        """Once the last client is gone for reinit too, which may see that later than the client ended."""
        self.eventually(lambda: run.fd_kinds().count("socket") == 1, run.fd_kinds)
        return run.fd_kinds()

    def test_floods_that_are_never_read(self):
        run, app = self.supervise()
        self.ctl("wait")
        kinds = self.kinds_at_rest(run)
        ended = threading.Event()

        def flood():
            while not ended.is_set():
                client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                client.settimeout(0.1)
                try:
                    client.connect(self.path)
                    while not ended.is_set():
                        client.send(b"status json")
                except OSError:
                    pass
                client.close()
        threads = [threading.Thread(target=flood) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                self.goes_on(run, app)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        run.same_fds(kinds)
        self.finish(run)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to be somebody else")
    def test_a_stranger_that_listens(self):
        """Another user took the path: it is not believed, and what a server says reaches no terminal as it is."""
        if os.geteuid() != 0:
            self.skipTest("needs root")
        for user, code in ((NOBODY, 1), (0, 0)):
            path = os.path.join(self.folder(), "control")
            os.chmod(os.path.dirname(path), 0o777)
            pid = os.fork()
            if pid == 0:
                namespace.die_with_parent()
                try:
                    os.setresuid(user, user, user)
                    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    server.bind(path)
                    server.listen()
                    while True:
                        client = server.accept()[0]
                        if client.recv(100):
                            client.send(b"ok\nstate: \x1b]0;x\x07\xc2\x9bm\x9b\n")
                finally:
                    os._exit(0)
            self.addCleanup(os.waitpid, pid, 0)
            self.addCleanup(os.kill, pid, KILL)
            self.eventually(lambda path=path: os.path.exists(path), lambda: "no server")
            said = self.ctl("status", code=code, path=path)
            if code:
                self.assertIn(f"user {NOBODY} listens there", said)
            else:
                self.assertEqual(said, "state: \\x1b]0;x\\x07\\xc2\\x9bm\\x9b\n")

    def test_a_stranger(self):
        """Even where the file's mode lets anybody in."""
        run, app = self.supervise()
        self.ctl("wait")
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        os.chmod(self.path, 0o666)
        os.chmod(os.path.dirname(self.path), 0o755)
        code = ("import os, socket, sys\nos.setgid(65534)\nos.setuid(65534)\n"
                "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\ns.connect(sys.argv[1])\n"
                "try:\n  s.send(b'stop now')\n  answer = s.recv(1000)\nexcept OSError:\n  answer = b''\n"
                "print('refused' if answer == b'' else answer)\n")
        done = subprocess.run([harness.PYTHON, "-SEc", code, self.path], capture_output=True, text=True,
                              timeout=self.deadline, check=True)
        self.assertEqual(done.stdout, "refused\n")
        run.says("control: refused process", f"of user {NOBODY}")
        self.goes_on(run, app)
        self.finish(run)


if __name__ == "__main__":
    xml_runner.main()
