"""`--status-listen`: what it serves, to whom, from which process; read by promtool and a real Prometheus."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest
import urllib.parse
import urllib.request

import harness
import xml_runner
from run import proc, status_fields

TERM, KILL, USR1, STOP, CONT = signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1, signal.SIGSTOP, signal.SIGCONT
NOBODY = 65534


class StatusTest(harness.Pid1Test):
    def serve(self, *flags, config=None):
        """reinit with a status server; its address is in self.address."""
        run, app = self.start_app("--status-listen=tcp://127.0.0.1:0", "--control=off", *flags, config=config)
        line = run.stderr.splitlines()[run.says("status at http://")]
        self.address = line.split("http://")[1]
        return run, app

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection(self.address, timeout=self.deadline)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self):
        status, text = self.get("/metrics")
        self.assertEqual(status, 200)
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    def connect(self):
        host, port = self.address.rsplit(":", 1)
        client = socket.create_connection((host, int(port)), timeout=self.deadline)
        self.addCleanup(client.close)
        return client

    def goes_on(self, run, app):
        run.kill(USR1)
        self.event("signal", signal=USR1)
        self.assertEqual(json.loads(self.get("/status")[1])["process"]["pid"], app["pid"])

    def finish(self, run, code=0):
        run.kill(TERM)
        run.end(code)


class PagesTest(StatusTest):
    def test_pages(self):
        run, app = self.serve("--restart=always")
        self.assertEqual(self.get("/livez"), (200, "ok\n"))
        self.assertEqual(self.get("/readyz"), (200, "ready\n"))
        self.assertEqual(self.get("/livez", "HEAD"), (200, ""))
        self.assertEqual(self.get("/else")[0], 404)
        self.assertEqual(self.get("/livez", "POST")[0], 405)
        status = json.loads(self.get("/status")[1])
        self.assertEqual((status["state"], status["process"]["pid"]), ("ready", app["pid"]))
        self.assertEqual(self.metrics()["reinit_ready"], "1")
        self.finish(run)

    def test_restarts_by_cause(self):
        folder = self.folder()
        run, app = self.serve("--restart=always", "--restart-delay=1ms", f"--watch={folder}", "--watch-settle=1ms",
                              "--reload-delay=10ms")
        os.kill(app["host"], KILL)
        self.event("start")
        self.write(os.path.join(folder, "file"))
        self.event("start")
        metrics = self.metrics()
        self.assertEqual(metrics['reinit_restarts_total{cause="exit"}'], "1")
        self.assertEqual(metrics['reinit_restarts_total{cause="file"}'], "1")
        self.assertEqual(metrics['reinit_restarts_total{cause="health"}'], "0")
        self.assertEqual(metrics["reinit_generation"], "3")
        self.finish(run)

    def test_the_last_reload(self):
        folder, good = self.folder(), self.write(os.path.join(self.folder(), "good"))
        run, _ = self.serve(f"--watch={folder}", "--watch-settle=1ms", "--reload-delay=10ms",
                            f"--on-change=exec:test -e {good}", "--reload-retry-delay=1h", "--log-level=debug")
        run.says("first scan done")
        successful, when = "reinit_last_reload_successful", "reinit_last_reload_success_timestamp_seconds"
        self.assertEqual({successful, when} & set(self.metrics()), set())
        before = time.time()
        self.write(os.path.join(folder, "one"))
        self.eventually(lambda: self.metrics().get(successful) == "1", lambda: f"{self.metrics()}")
        first = self.metrics()[when]
        self.assertTrue(before - 1 <= float(first) <= time.time() + 1, first)
        os.unlink(good)
        self.write(os.path.join(folder, "two"))
        self.eventually(lambda: self.metrics().get(successful) == "0", lambda: f"{self.metrics()}")
        self.assertEqual(self.metrics()[when], first)
        status = json.loads(self.get("/status")[1])
        self.assertEqual(status["change"]["failure"], os.path.join(folder, "two") + ": exec:test: exit code 1")
        self.assertEqual((status["last_applied"]["cause"], status["last_applied"]["reason"]),
                         ("file", os.path.join(folder, "one")))
        self.finish(run)

    def test_ready_follows_the_process(self):
        good = os.path.join(self.folder(), "good")
        run, _ = self.serve(f"--health=exec:test -e {good}", "--drain-delay=1h", config={"exit_on": {"15": 0, "12": 0}})
        self.assertEqual(self.get("/readyz"), (503, "up\n"))
        self.assertEqual(self.get("/livez")[0], 200)
        self.write(good)
        self.eventually(lambda: self.get("/readyz") == (200, "ready\n"), lambda: f"{self.get('/readyz')}")
        run.kill(TERM)  # --drain-delay: not ready at once, while the process goes on
        self.eventually(lambda: self.get("/readyz") == (503, "ending\n"), lambda: f"{self.get('/readyz')}")
        self.no_event("signal")
        run.kill(TERM)
        run.end(0)

    def test_all_of_it_is_documented(self):
        with open(os.path.join("docs", "control.md"), encoding="utf-8") as file:
            text = file.read()
        folder = self.folder()
        run, _ = self.serve("--health=exec:true", f"--watch={folder}", "--watch-settle=1ms", "--reload-delay=10ms",
                            "--on-change=none", "--log-level=debug")
        run.says("first scan done")
        self.write(os.path.join(folder, "file"))
        self.eventually(lambda: "reinit_last_reload_successful" in self.metrics(), lambda: f"{self.metrics()}")
        for name in {name.split("{")[0] for name in self.metrics()}:
            self.assertRegex(text, "`" + name + r"[{`]")
        status = json.loads(self.get("/status")[1])
        for key in [*status, *status["last_applied"], *status["change"]]:
            self.assertIn(f"`{key}`", text)
        self.finish(run)

    def test_a_check_by_its_name(self):
        run, _ = self.serve("--health=exec:true")
        name = 'reinit_health_check_passing{check="exec:true"}'
        self.eventually(lambda: self.metrics().get(name) == "1", lambda: f"{self.metrics()}")
        self.finish(run)

    def test_unix(self):
        path = os.path.join(self.folder(), "status")
        run, _ = self.start_app(f"--status-listen=unix:{path}?mode=0600", "--control=off")
        run.says("status at http+unix:" + path)
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(path)
        client.settimeout(self.deadline)
        client.send(b"GET /livez HTTP/1.0\r\n\r\n")
        self.assertTrue(client.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.finish(run)
        self.assertFalse(os.path.exists(path))

    def test_an_address_that_cannot_be_had(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            run = self.start(f"--status-listen={address}", "--", *self.app())
            run.end(2)
            self.assertIn(f"--status-listen={address}: the address is in use", run.stderr)
        run = self.start("--status-listen=tcp://192.0.2.1:1", "--", *self.app())
        run.end(2)
        self.assertIn("no network interface here has this address", run.stderr)
        self.no_event("start")


class HelperTest(StatusTest):
    def test_has_no_privileges(self):
        run, _ = self.serve()
        helper = run.helpers()["status"]
        fields = status_fields(proc(helper, "status"))
        self.assertEqual((int(fields["CapEff"], 16), int(fields["CapPrm"], 16), fields["NoNewPrivs"]), (0, 0, "1"))
        if not harness.SANITIZED:
            limit = [line.split() for line in proc(helper, "limits").splitlines() if "address space" in line][0]
            self.assertEqual(limit[3], str(128 << 20))
        fds = {fd: os.readlink(f"/proc/{helper}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{helper}/fd")}
        self.assertEqual({fd: kind for fd, kind in fds.items() if int(fd) > 2}, {"3": "socket", "4": "socket"})
        self.finish(run)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to be somebody else")
    def test_runs_as_the_command_does(self):
        run, _ = self.serve(f"--user={NOBODY}:{NOBODY}")
        fields = status_fields(proc(run.helpers()["status"], "status"))
        self.assertEqual(fields["Uid"].split(), [str(NOBODY)] * 4)
        self.assertEqual(self.get("/livez")[0], 200)
        self.finish(run)

    def test_a_killed_one_comes_back_on_the_same_address(self):
        run, app = self.serve()
        for _ in range(3):
            os.kill(run.helpers()["status"], KILL)
            self.assertEqual(self.get("/livez")[0], 200)  # it waits in the queue until the next one is there
        self.goes_on(run, app)
        self.finish(run)

    def test_when_reinit_does_not_answer(self):
        """As the livenessProbe of a container whose PID 1 hangs."""
        run, _ = self.serve()
        run.kill(STOP)
        os.kill(run.host, STOP)
        self.assertEqual(self.get("/livez"), (503, "reinit does not answer\n"))
        os.kill(run.host, CONT)
        self.assertEqual(self.get("/livez")[0], 200)
        self.finish(run)

    def test_ends_before_reinit_does(self):
        """Else it would be a zombie of somebody else's."""
        run, _ = self.serve("--log-level=debug")
        self.finish(run)
        self.assertRegex(run.stderr, r"reaped process \[\d+\]: SIGKILL")

    def test_nobody_asks_nobody_wakes(self):
        run, _ = self.serve()
        self.get("/livez")
        run.comes_to_rest()
        self.finish(run)


class HostileTest(StatusTest):
    def test_clients_that_hold_on(self):
        run, app = self.serve()
        clients = [self.connect() for _ in range(200)]
        for client in clients[::2]:
            client.send(b"GET /st")
        self.goes_on(run, app)
        self.finish(run)

    def test_a_flood(self):
        run, app = self.serve()
        ended = threading.Event()

        def flood():
            host, port = self.address.rsplit(":", 1)
            while not ended.is_set():
                try:
                    with socket.create_connection((host, int(port)), timeout=1) as client:
                        client.send(os.urandom(100) + b"\n\nGET /metrics HTTP/1.1\r\n\r\n")
                    with socket.create_connection((host, int(port)), timeout=1) as client:
                        client.send(b"GET /metrics HTTP/1.1\r\n\r\n")
                except OSError:
                    pass
        threads = [threading.Thread(target=flood) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                run.kill(USR1)
                self.event("signal", signal=USR1)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        self.goes_on(run, app)
        self.assertNotIn("status helper", run.stderr)
        self.finish(run)


class PrometheusTest(StatusTest):
    @unittest.skipUnless(shutil.which("promtool"), "promtool (Debian's prometheus) is not installed")
    def test_promtool(self):
        folder = self.folder()
        run, _ = self.serve("--health=exec:sh -c 'echo \"a\\\\b\"'", "--restart=always", f"--watch={folder}",
                            "--watch-settle=1ms", "--reload-delay=10ms", "--on-change=none", "--log-level=debug")
        run.says("first scan done")
        self.write(os.path.join(folder, "file"))
        self.eventually(lambda: "reinit_last_reload_success_timestamp_seconds" in self.metrics(),
                        lambda: f"{self.metrics()}")
        text = self.get("/metrics")[1]
        self.assertIn("reinit_health_check_passing{check=", text)
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True,
                              timeout=self.deadline, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""), text)
        self.finish(run)

    @unittest.skipUnless(shutil.which("promtool"), "promtool (Debian's prometheus) is not installed")
    def test_promtool__twin(self):
        """What breaks the conventions is found, so the test above says something."""
        done = subprocess.run(["promtool", "check", "metrics"], input="# TYPE reinit_restarts counter\nreinit_restarts 1\n",
                              text=True, capture_output=True, timeout=self.deadline, check=False)
        self.assertNotEqual(done.returncode, 0)

    @unittest.skipUnless(shutil.which("promtool"), "promtool (Debian's prometheus) is not installed")
    def test_the_alerts_of_the_documentation(self):
        """The one of two whose reload failed, that and the other after a week without one that succeeded."""
        with open(os.path.join("docs", "control.md"), encoding="utf-8") as file:
            failed, long_ago = [line.strip() for line in file if line.startswith("    ") and "reinit_last_reload" in line]
        week = 7 * 24 * 60
        text = {"alerts.yml": {"groups": [{"name": "reinit", "rules": [{"alert": "failed", "expr": failed},
                                                                       {"alert": "long_ago", "expr": long_ago}]}]},
                "test.yml": {"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": [{
                    "interval": "1m", "input_series": [
                        {"series": 'reinit_last_reload_successful{pod="a"}', "values": "1 0x20"},
                        {"series": 'reinit_last_reload_success_timestamp_seconds{pod="a"}', "values": f"0x{2 * week}"},
                        {"series": 'reinit_start_time_seconds{pod="a"}', "values": f"0x{2 * week}"},
                        {"series": 'reinit_start_time_seconds{pod="b"}', "values": f"120x{2 * week}"}],
                    "alert_rule_test": [
                        {"eval_time": "1m", "alertname": "failed"},
                        {"eval_time": "10m", "alertname": "failed", "exp_alerts": [{"exp_labels": {"pod": "a"}}]},
                        {"eval_time": "10m", "alertname": "long_ago"},
                        {"eval_time": f"{week + 1}m", "alertname": "long_ago", "exp_alerts": [{"exp_labels": {"pod": "a"}}]},
                        {"eval_time": f"{week + 3}m", "alertname": "long_ago",
                         "exp_alerts": [{"exp_labels": {"pod": "a"}}, {"exp_labels": {"pod": "b"}}]}]}]}}
        folder = self.folder()
        for name, content in text.items():
            self.write(os.path.join(folder, name), json.dumps(content))  # which is YAML, too
        done = subprocess.run(["promtool", "test", "rules", os.path.join(folder, "test.yml")], text=True,
                              capture_output=True, timeout=self.deadline, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @unittest.skipUnless(shutil.which("prometheus"), "prometheus (Debian's) is not installed")
    def test_prometheus(self):
        run, app = self.serve("--restart=always", "--restart-delay=1ms")
        folder = self.folder()
        config = self.write(os.path.join(folder, "prometheus.yml"), "scrape_configs:\n- job_name: reinit\n"
                            "  scrape_interval: 200ms\n  scrape_timeout: 200ms\n  static_configs:\n"
                            f"  - targets: ['{self.address}']\n")
        with socket.create_server(("127.0.0.1", 0)) as free:
            own = f"127.0.0.1:{free.getsockname()[1]}"
        with open(os.path.join(folder, "log"), "wb") as log:
            server = subprocess.Popen(["prometheus", f"--config.file={config}", f"--web.listen-address={own}",
                                       f"--storage.tsdb.path={folder}/data"], stdout=log, stderr=log)

        def end():
            server.kill()
            server.wait()
        self.addCleanup(end)

        def query(text):
            url = f"http://{own}/api/v1/query?query=" + urllib.parse.quote(text)
            try:
                with urllib.request.urlopen(url, timeout=self.deadline) as answer:
                    return [float(one["value"][1]) for one in json.load(answer)["data"]["result"]]
            except OSError:
                return []

        def becomes(text, value):
            def log():
                with open(os.path.join(folder, "log"), encoding="utf-8") as file:
                    return f"{text}: {query(text)}\n{file.read()[-2000:]}"
            self.eventually(lambda: query(text) == [value], log)
        becomes("reinit_ready", 1)
        becomes("up", 1)
        os.kill(app["host"], KILL)
        becomes('reinit_restarts_total{cause="exit"}', 1)
        becomes("time() - reinit_process_start_time_seconds < bool 3600", 1)
        self.finish(run)


if __name__ == "__main__":
    xml_runner.main()
