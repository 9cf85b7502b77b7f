"""Several workers behind one reinit: each is judged alone, and a change replaces them one by one."""

import json
import os
import signal
import socket
import subprocess
import threading

import harness
import reload_test
import xml_runner

TERM, KILL, USR1 = signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1
# Answers each connection with its number and its version, which is what the file says. Ends at TERM once all are served.
SERVER = """
import os, select, signal, socket, sys
listener = socket.socket(fileno=3)
listener.setblocking(False)
with open(sys.argv[1]) as file:
    version = file.read()
if version == "broken":
    sys.exit(3)
stop, stop_write = os.pipe()
signal.signal(signal.SIGTERM, lambda *_: os.write(stop_write, b"x"))
while True:
    ready = select.select([listener, stop], [], [])[0]
    if listener in ready:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            continue
        client.setblocking(True)
        client.recv(100)
        client.sendall(f"{os.environ['REINIT_WORKER']} {version}".encode())
        client.close()
    elif stop in ready:
        sys.exit(0)
"""


class WorkersTest(reload_test.ReloadTest):
    def start_workers(self, count, *flags, **how):
        run = self.start(f"--workers={count}", *flags, "--", *self.app("main", **how.pop("config", {})), **how)
        workers = {}
        while len(workers) < count:
            app = self.event("start")
            workers[self.number(app)] = app
        self.assertEqual(sorted(workers), list(range(1, count + 1)))
        return run, workers

    def number(self, app):
        return int(app["env"]["REINIT_WORKER"])

    def stop(self, run, code=0):
        run.kill(TERM)
        run.end(code)

    def test_each_knows_its_number(self):
        run, workers = self.start_workers(3)
        for app in workers.values():
            self.assertEqual(app["env"]["REINIT_WORKERS"], "3")
            self.assertEqual(app["fds"]["0"], "/dev/null")
        self.assertEqual(len({app["env"]["REINIT_INSTANCE"] for app in workers.values()}), 3)
        self.stop(run)

    def test_placeholders(self):
        folder = self.folder()
        for number in (1, 2):
            os.mkdir(os.path.join(folder, str(number)))
        run = self.start("--workers=2", "--env=PORT=80{worker}", f"--chdir={folder}/{{worker}}", "--",
                         *self.app("number {worker}"))
        for number in (1, 2):
            app = self.event("start", name=f"number {number}")
            self.assertEqual((app["env"]["REINIT_WORKER"], app["env"]["PORT"], app["cwd"]),
                             (str(number), f"80{number}", os.path.join(folder, str(number))))
        self.stop(run)

    def test_signals_reach_all(self):
        run, workers = self.start_workers(3)
        run.kill(USR1)
        pids = {self.event("signal", signal=USR1)["pid"] for _ in workers}
        self.assertEqual(pids, {app["pid"] for app in workers.values()})
        self.stop(run)

    def test_one_that_is_killed_comes_back_alone(self):
        run, workers = self.start_workers(3, "--restart-delay=1ms")
        os.kill(workers[2]["host"], KILL)
        again = self.event("start")
        self.assertEqual(self.number(again), 2)
        self.assertEqual(again["env"]["REINIT_REASON"][:4], "exit")
        run.only(workers[1]["host"], again["host"], workers[3]["host"])
        self.stop(run)

    def test_a_change_replaces_them_one_by_one(self):
        run, workers = self.start_workers(3, *reload_test.QUICK, f"--watch={self.root}", "--ready=notify")
        run.says("watching", "scan")
        self.notify_ready(workers.values())
        run.says("3 of 3 workers are ready")
        self.write(self.file, "two")
        for number in (1, 2, 3):
            self.event("signal", signal=TERM, pid=workers[number]["pid"])
            app = self.event("start")
            self.assertEqual(self.number(app), number)
            self.assertEqual(app["env"]["REINIT_CHANGED"], self.file)
            run.comes_to_rest(0.2)  # nobody else moves before it is ready
            self.no_event("signal")
            self.notify_ready([app])
        run.says("replaced 3 workers")
        self.stop(run)

    def notify_ready(self, apps):
        for app in apps:
            self.tell(app, "notify", text="READY=1")

    def test_the_end_of_one_leaves_what_others_have_started(self):
        run, workers = self.start_workers(2, "--restart-delay=1ms")
        self.tell(workers[1], "spawn", name="of one", session=True)
        self.tell(workers[2], "spawn", name="of two", session=True)
        first, second = self.event("start", name="of one"), self.event("start", name="of two")
        os.kill(workers[1]["host"], KILL)
        self.event("signal", name="of one", signal=TERM)
        again = self.event("start", name="main")
        self.assertEqual(self.number(again), 1)
        self.assertFalse(self.alive(first))
        self.assertTrue(self.alive(second))
        self.stop(run)

    def test_term_during_a_roll(self):
        run, workers = self.start_workers(3, *reload_test.QUICK, f"--watch={self.root}", "--ready=notify")
        run.says("watching", "scan")
        self.notify_ready(workers.values())
        run.says("3 of 3 workers are ready")
        self.write(self.file, "two")
        self.event("start")
        self.stop(run)

    def test_the_highest_exit_status_counts(self):
        run, workers = self.start_workers(3, "--restart=no")
        for number, code in ((1, 0), (2, 6), (3, 5)):
            self.tell(workers[number], "exit", code=code)
        run.end(6)

    def test_a_command_that_is_not_there(self):
        self.start("--workers=3", "--", "no-such-command").end(127)

    def ctl(self, path, *words, code=0):
        done = subprocess.run([harness.REINIT, "ctl", f"--control={path}", *words], capture_output=True, text=True, timeout=self.deadline)
        self.assertEqual(done.returncode, code, done)
        return done.stdout + done.stderr

    def test_ctl(self):
        path = os.path.join(self.folder(), "control")
        run, workers = self.start_workers(2, f"--control={path}")
        self.assertIn("done", self.ctl(path, "restart", "--worker=2", "--wait"))
        again = self.event("start")
        self.assertEqual(self.number(again), 2)
        self.assertIn("done", self.ctl(path, "scale", "3", "--wait"))
        self.assertEqual(self.number(self.event("start")), 3)
        self.assertIn("done", self.ctl(path, "scale", "1", "--wait"))
        run.only(workers[1]["host"])
        self.assertIn("there is no worker 3", self.ctl(path, "restart", "--worker=3", code=1))
        self.assertIn("done", self.ctl(path, "restart", "--wait"))
        self.assertEqual(self.number(self.event("start")), 1)
        status = json.loads(self.ctl(path, "status", "--json"))
        self.assertEqual([worker["worker"] for worker in status["workers"]], [1])
        self.stop(run)

    def test_scale_signals(self):
        run, workers = self.start_workers(2, "--scale-signals")
        run.kill(signal.SIGTTIN)
        third = self.event("start")
        self.assertEqual(self.number(third), 3)
        run.kill(signal.SIGTTOU)
        self.event("signal", signal=TERM, pid=third["pid"])
        run.kill(signal.SIGTTOU)
        run.only(workers[1]["host"])
        self.stop(run)

    def test_log_prefix(self):
        run, workers = self.start_workers(2, "--log-prefix")
        for number, app in workers.items():
            self.tell(app, "write", fd=1, text=f"out of {number}\n")
            self.tell(app, "write", fd=2, text=f"error of {number}\n")
        for number in workers:
            self.event("wrote")
            self.event("wrote")
            run.says(f"[{number}] error of {number}")
            self.eventually(lambda n=number: f"[{n}] out of {n}\n" in run.stdout, lambda: "no output")
        self.tell(workers[1], "write", fd=1, text="its last words\n")
        self.event("wrote")
        self.stop(run)
        self.eventually(lambda: "[1] its last words\n" in run.stdout, lambda: "its last words are lost")

    def test_at_idle_nobody_wakes_up(self):
        run, _ = self.start_workers(5, f"--watch={self.root}", "--watch-scan=0")
        run.comes_to_rest()
        self.stop(run)


class ServeTest(reload_test.ReloadTest):
    """Connections to one socket that all workers accept on."""

    def serve(self, *flags):
        self.path = os.path.join(self.folder(), "socket")
        run = self.start("--workers=3", f"--listen=unix:{self.path}", "--ready=accept", "--restart-delay=1ms", *reload_test.QUICK,
                         f"--watch={self.root}", *flags, "--", harness.PYTHON, "-SE", "-c", SERVER, self.file)
        run.says("watching", "scan")
        run.says("3 of 3 workers are ready")
        return run

    def ask(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(self.deadline)
            client.connect(self.path)
            client.sendall(b"?")
            return client.recv(100).decode()

    def load(self, over, answers):
        while not over.is_set():
            answers.append(self.ask())

    def under_load(self, change):
        """What `change` does meanwhile costs nobody a connection."""
        over, answers = threading.Event(), []
        clients = [threading.Thread(target=self.load, args=(over, answers)) for _ in range(4)]
        for client in clients:
            client.start()
        try:
            change()
        finally:
            over.set()
            for client in clients:
                client.join()
        self.assertNotIn("", answers)
        return answers

    def roll(self, order):
        def change():
            line = 0
            for version in ("two", "three"):
                self.write(self.file, version)
                line = run.says("replaced 3 workers", after=line) + 1
        run = self.serve(f"--restart-order={order}")
        self.under_load(change)
        self.assertEqual(self.ask().split()[1], "three")
        run.kill(TERM)
        run.end(0)

    def test_no_connection_is_lost_stop_first(self):
        self.roll("stop-first")

    def test_no_connection_is_lost_start_first(self):
        self.roll("start-first")

    def test_a_broken_version_takes_nobody_away(self):
        run = self.serve("--restart-order=start-first", "--start-limit-burst=0", "--restart-delay-max=50ms")

        def change():
            self.write(self.file, "broken")
            run.says("the new process", "exit code 3")
        self.assertEqual({answer.split()[1] for answer in self.under_load(change)}, {"one"})
        self.write(self.file, "mended")
        run.says("replaced 3 workers")
        self.assertEqual(self.ask().split()[1], "mended")
        run.kill(TERM)
        run.end(0)


if __name__ == "__main__":
    xml_runner.main()
