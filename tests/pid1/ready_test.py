"""Readiness, sd_notify, watchdog, reload by signal and check, the last words: with real processes."""

import os
import shutil
import signal
import socket
import time
import unittest

import harness
import xml_runner

TERM = signal.SIGTERM
# A service in a few lines; what it is to say comes as arguments, what it hears goes to its log.
SERVICE = """
import os, signal, socket, sys, time
def say(text, *fds):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect(os.environ["NOTIFY_SOCKET"])
    socket.send_fds(s, [text.encode()], fds) if fds else s.send(text.encode())
def mono():
    return int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6)
"""


class ReadyTest(harness.Pid1Test):
    def service(self, code):
        return [harness.PYTHON, "-uSEc", SERVICE + code]

    def line(self, run, part):
        self.wait_for(lambda: part in run.stderr or part in run.stdout, f"'{part}'")

    def stop(self, run, code=143):
        run.kill(TERM)
        run.end(code)

    def test_notify(self):
        folder = self.folder()
        ready = os.path.join(folder, "ready")
        run = self.start("--ready=notify", f"--ready-file={ready}", "--log-level=debug", "--", *self.service(
            "say('READY=1\\nSTATUS=serving'); signal.pause()"))
        self.line(run, "ready after")
        self.assertIn("says: serving", run.stderr)
        self.eventually(lambda: os.path.exists(ready), lambda: "no ready file")
        self.stop(run)
        self.assertFalse(os.path.exists(ready))

    @unittest.skipUnless(shutil.which("systemd-notify"), "systemd-notify (Debian's systemd) is not installed")
    def test_systemd_notify(self):
        """Debian's own sender, a child of the process, waits for its barrier before it ends."""
        run = self.start("--ready=notify", "--", "/bin/sh", "-c", "systemd-notify --ready && echo told; exec sleep 1000")
        self.line(run, "ready after")
        self.line(run, "told")
        self.stop(run)

    def test_a_barrier_is_passed(self):
        run = self.start("--ready=notify", "--", *self.service(
            "r, w = os.pipe(); say('READY=1'); say('BARRIER=1', w); os.close(w)\n"
            "print('passed' if os.read(r, 1) == b'' else '?'); signal.pause()"))
        self.line(run, "passed")
        self.stop(run)

    def test_hostile_datagrams(self):
        run = self.start("--ready=notify", "--", *self.service(
            "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(os.environ['NOTIFY_SOCKET'])\n"
            "for data in (b'', b'\\0' * 4096, b'=' * 60000, b'\\xff\\n' * 2000, b'MAINPID=1', b'MAINPID=999999'):\n"
            "    s.send(data)\n"
            "for n in range(3000): s.send(b'WATCHDOG=1')\n"
            "null = os.open('/dev/null', 0)\n"
            "for n in range(20): socket.send_fds(s, [b'BARRIER=1'], [null] * 253)\n"
            "s.send(b'READY=1'); signal.pause()"))
        self.line(run, "ready after")
        # Nothing of what was passed is still open.
        self.assertLess(len(os.listdir(f"/proc/{run.host}/fd")), 30)
        self.stop(run)

    def test_a_stranger_is_not_believed(self):
        run = self.start("--ready=notify", "--log-level=debug", "--", *self.service(
            "print(os.environ['NOTIFY_SOCKET']); signal.pause()"))
        self.line(run, ".notify\n")
        path = run.stdout.strip()
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.connect(f"/proc/{run.host}/root{path}")
        sender.send(b"READY=1")
        self.line(run, "ignored")
        self.assertNotIn("ready after", run.stderr)
        self.stop(run)
        self.assertFalse(os.path.exists(path))

    def test_descriptor(self):
        run = self.start("--ready=fd:7", "--", *self.service("os.write(7, b'\\n'); os.close(7); signal.pause()"))
        self.line(run, "ready after")
        self.stop(run)

    def test_url(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            run = self.start(f"--ready=tcp://127.0.0.1:{server.getsockname()[1]}", "--", "/bin/sleep", "1000")
            self.line(run, "ready after")
            self.stop(run)

    def test_not_ready_in_time(self):
        run = self.start("--ready=notify", "--ready-timeout=50ms", "--start-limit-burst=1", "--restart-delay=1ms", "--",
                         "/bin/sleep", "1000")
        run.end(1)
        self.assertIn("not ready within", run.stderr)

    def test_a_url_that_is_never_there_is_explained(self):
        run = self.start("--ready=tcp://127.0.0.1:1", "--ready-timeout=2s", "--start-limit-burst=0", "--restart-delay=1ms", "--",
                         "/bin/sleep", "1000")
        run.says("tcp://127.0.0.1:1: connection refused (the first result")
        run.says("restart 1", "not ready within 2s")
        self.assertRegex(run.stderr, "127.0.0.1:1: connection refused\n")
        self.stop(run)

    def test_watchdog(self):
        """It is told the interval, under its own pid; one that hangs is aborted and started again."""
        run = self.start("--ready=notify", "--watchdog=200ms", "--restart-delay=1ms", "--", *self.service(
            "print(os.environ['WATCHDOG_USEC'], int(os.environ['WATCHDOG_PID']) == os.getpid())\n"
            "say('READY=1\\nWATCHDOG=1'); signal.pause()"))
        self.line(run, "restart 1: watchdog: no WATCHDOG=1 within 200ms")
        self.assertIn("200000 True", run.stdout)
        self.stop(run)

    def frozen(self, reinit_first):
        """All of it stands still for longer than the watchdog's time, and both stop or go in either order."""
        run = self.start("--ready=notify", "--watchdog=2s", "--stop-timeout=100ms", "--", *self.service(
            "def hang(*_):\n"
            "    print('hangs')\n"
            "    while True: time.sleep(1000)\n"
            "signal.signal(signal.SIGUSR1, hang); say('READY=1')\n"
            "while True: say('WATCHDOG=1'); print('alive'); time.sleep(0.1)"))
        self.line(run, "ready after")
        self.line(run, "alive\n")
        main, = [p.host for p in run.members() if p.host != run.host]
        for pid in (run.host, main):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(3)  # is what is to be tested
        before = run.stdout.count("alive")
        for pid in (run.host, main) if reinit_first else (main, run.host):
            os.kill(pid, signal.SIGCONT)
        # Longer than what was left, if the freeze had been part of it.
        self.wait_for(lambda: run.stdout.count("alive") > before + 5, "word after the freeze")
        self.assertNotIn("restart 1", run.stderr)
        return run, main

    def test_a_freeze_is_no_failure(self):
        run, main = self.frozen(reinit_first=False)
        # The twin: one that stands still alone is found.
        os.kill(main, signal.SIGSTOP)
        self.line(run, "restart 1: watchdog: no WATCHDOG=1 within 2s")
        self.stop(run)

    def test_a_freeze_that_ends_for_reinit_first(self):
        run, main = self.frozen(reinit_first=True)
        # That reinit stands still too, once, saves nobody for ever. (The CONT that ends it goes to the process as well.)
        os.kill(main, signal.SIGUSR1)
        self.line(run, "hangs\n")
        os.kill(run.host, signal.SIGSTOP)
        time.sleep(3)
        os.kill(run.host, signal.SIGCONT)
        self.line(run, "restart 1: watchdog: no WATCHDOG=1 within 2s")
        self.stop(run)

    def cont(self, run):
        reinit, = [p.host for p in run.members() if p.name == "reinit"]
        os.kill(reinit, signal.SIGCONT)

    def test_one_that_was_reaped_is_named(self):
        """Nobody can tell any more whose it was."""
        run = self.start("--ready=notify", "--", *self.service(
            "os.kill(os.getppid(), signal.SIGSTOP)\n"
            "if os.fork() == 0: say('READY=1'); os._exit(0)\n"
            "os.wait(); print('reaped'); signal.pause()"), pid1=False)
        self.line(run, "reaped\n")
        self.cont(run)
        self.line(run, "READY=1 from process")
        self.assertNotIn("ready after", run.stderr)
        self.stop(run)

    def test_one_that_has_ended_may_speak(self):
        """As long as its parent has not reaped it."""
        run = self.start("--ready=notify", "--", *self.service(
            "os.kill(os.getppid(), signal.SIGSTOP)\n"
            "if os.fork() == 0: say('READY=1'); os._exit(0)\n"
            "os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)\n"
            "print('ended'); signal.pause()"), pid1=False)
        self.line(run, "ended\n")
        self.cont(run)
        self.line(run, "ready after")
        self.stop(run)

    def test_too_much_memory(self):
        run = self.start("--max-memory=100Mi", "--restart-delay=1ms", "--", harness.PYTHON, "-uSEc",
                         "import os, signal\n"
                         "if os.environ['REINIT_GENERATION'] == '1': held = b'x' * (200 << 20)\n"
                         "signal.pause()")
        self.line(run, "MiB of 100 MiB allowed")
        run.says("restart 1", "memory")
        self.stop(run)

    def test_too_old(self):
        run = self.start("--max-age=200ms", "--", "/bin/sleep", "1000")
        for generation in (1, 2):
            run.says(f" {generation}", "has run for about 200ms")
        self.stop(run)

    def test_reload_by_signal(self):
        """As Type=notify-reload: the change is applied when RELOADING and READY were said."""
        path = self.write(os.path.join(self.folder(), "conf"), "1")
        run = self.start(f"--watch={path}", "--reload-delay=10ms", "--on-change=signal:HUP", "--ready=notify", "--",
                         *self.service(
            "def hup(*_): say(f'RELOADING=1\\nMONOTONIC_USEC={mono()}'); say('READY=1'); print('reloaded')\n"
            "signal.signal(signal.SIGHUP, hup); say('READY=1')\n"
            "while True: signal.pause()"))
        self.line(run, "ready after")
        self.write(path, "22")
        self.line(run, "SIGHUP: ready again after")
        self.line(run, "reloaded")
        self.stop(run)

    def test_reload_check(self):
        folder = self.folder()
        path = self.write(os.path.join(folder, "conf"), "good")
        run = self.start(f"--watch={path}", "--reload-delay=10ms", f"--reload-check=/bin/grep -q good {path}",
                         "--log-level=debug", "--", "/bin/sleep", "1000")
        run.says("watching", "scan")
        self.write(path, "bad one")
        self.line(run, "--reload-check: exit code 1: not applying")
        self.write(path, "good again")
        self.line(run, "reload 1: ")
        self.stop(run)

    def test_errors_that_it_says(self):
        path = os.path.join(self.folder(), "words")
        run = self.start("--ready=notify", f"--termination-log={path}", "--", *self.service(
            "say('ERRNO=13\\nEXIT_STATUS=77'); sys.exit(1)"))
        run.end(1)
        with open(path) as file:
            self.assertEqual(file.read(), "process ended: exit code 1, after it had said: error 13 (Permission denied), "
                                          "exit status 77\n")

    def test_time_that_it_asks_for(self):
        """To become ready, and to stop."""
        run = self.start("--ready=notify", "--ready-timeout=300ms", "--shutdown-timeout=300ms", "--restart-delay=1ms",
                         "--start-limit-burst=1", "--", *self.service(
            "def term(*_): say('EXTEND_TIMEOUT_USEC=60000000'); time.sleep(1); sys.exit(5)\n"
            "signal.signal(signal.SIGTERM, term)\n"
            "say('EXTEND_TIMEOUT_USEC=60000000'); time.sleep(1); say('READY=1')\n"
            "while True: signal.pause()"))
        self.line(run, "ready after")
        self.stop(run, 5)

    def test_restart_reset(self):
        """It does not use the budget of restarts: more of them than are allowed."""
        run = self.start("--ready=notify", "--restart=always", "--restart-delay=1ms", "--restart-delay-max=1ms",
                         "--start-limit-burst=1", "--", *self.service(
            "r, w = os.pipe(); say('RESTART_RESET=1'); say('BARRIER=1', w); os.close(w); os.read(r, 1); sys.exit(1)"))
        self.line(run, "restart 4")
        self.stop(run)

    def test_a_watchdog_above(self):
        """A service manager with WatchdogSec= hears from reinit, whatever the process does."""
        path = os.path.join(self.folder(), "up")
        up = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(up.close)
        up.bind(path)
        up.settimeout(self.deadline)
        run = self.start("--ready=exec", "--", "/bin/sh", "-c", "echo got=$WATCHDOG_USEC; exec sleep 1000",
                         env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "40000"})
        heard = 0
        while heard < 5:
            heard += up.recv(4096) == b"WATCHDOG=1"
        self.line(run, "got=\n")
        self.stop(run)

    def test_last_words(self):
        path = os.path.join(self.folder(), "words")
        run = self.start(f"--termination-log={path}", "--", "/bin/sh", "-c", "exit 3")
        run.end(3)
        with open(path) as file:
            self.assertEqual(file.read(), "process ended: exit code 3\n")

    def test_upwards(self):
        """Whoever started reinit hears of it; the process is not given that socket."""
        path = os.path.join(self.folder(), "up")
        up = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(up.close)
        up.bind(path)
        up.settimeout(self.deadline)
        run = self.start("--ready=exec", "--", "/bin/sh", "-c", "echo got=$NOTIFY_SOCKET; exec sleep 1000",
                         env={"NOTIFY_SOCKET": path})
        heard = []
        while "READY=1" not in heard:
            heard.append(up.recv(4096).decode())
        self.line(run, "got=\n")
        run.kill(TERM)
        while not any("STOPPING=1" in text for text in heard):
            heard.append(up.recv(4096).decode())
        run.end(143)

    def test_a_plain_init_leaves_the_socket_alone(self):
        run = self.start("--", "/bin/sh", "-c", "echo got=$NOTIFY_SOCKET", env={"NOTIFY_SOCKET": "/x"})
        run.end(0)
        self.assertEqual(run.stdout, "got=/x\n")


if __name__ == "__main__":
    xml_runner.main()
