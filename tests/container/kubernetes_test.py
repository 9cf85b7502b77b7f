"""docker/kubernetes: each manifest as it stands, by `podman play kube`, does its job.

By hand: `tests/py/run.sh tests/container/kubernetes_test.py [Class.method]`, with REINIT_BINARY naming the binary.
"""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import unittest

import engine as engines
import kubelet
import xml_runner
from podman import Podman

BINARY = os.environ.get("REINIT_BINARY", "cmd/reinit")
MANIFESTS = "docker/kubernetes"
DEADLINE = 60

_stack = contextlib.ExitStack()


def add_image(podman, tag, files):
    """An image of just `files`: path in the image to path here."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for inside, outside in files.items():
            tar.add(os.path.realpath(outside), inside.lstrip("/"))
    path = os.path.join(podman.folder, "image.tar")
    with open(path, "wb") as file:
        file.write(buffer.getvalue())
    podman.podman("import", "--change", 'ENTRYPOINT ["/reinit"]', path, tag)


class KubernetesTest(unittest.TestCase):
    """Base: podman with the images that the manifests name."""

    podman = unavailable = None

    def setUp(self):
        cls = KubernetesTest
        if cls.podman is None and cls.unavailable is None:
            try:
                cls.podman = _stack.enter_context(Podman(BINARY))
                add_image(cls.podman, "reinit", {"/reinit": BINARY})
                cls.podman.podman("tag", "base", "python:3.12-slim-bookworm")
            except engines.Unavailable as error:
                cls.unavailable = error
        if cls.unavailable is not None:
            if os.environ.get("REINIT_REQUIRE_CONTAINERS") == "1":
                raise cls.unavailable
            self.skipTest(f"no podman: {cls.unavailable}")

    def play(self, manifest):
        path = os.path.join(MANIFESTS, manifest)
        self.addCleanup(self.podman.run, "play", "kube", "--down", path)
        self.podman.podman("play", "kube", path, timeout=120)

    def logs(self, container):
        result = self.podman.run("logs", container)
        return result.stdout + result.stderr

    def eventually(self, condition, what, deadline=DEADLINE):
        """Looks again and again: podman has no events for what is waited for here."""
        limit = time.monotonic() + deadline
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > limit:
                self.fail(f"{what()}")
            time.sleep(0.05)

    def says(self, container, *words):
        """Waits for a line of its log with all of these words."""
        def line():
            return next((line for line in self.logs(container).splitlines() if all(word in line for word in words)), None)
        return self.eventually(line, lambda: f"no line with {words} in:\n{self.logs(container)}")

    def execute(self, container, *command):
        return self.podman.podman("exec", container, *command)

    def children_of_1(self, container):
        return self.execute(container, "cat", "/proc/1/task/1/children").split()


class InitContainerTest(KubernetesTest):
    def test_the_binary_is_brought_and_runs(self):
        self.play("init-container.yaml")
        app = "init-container-app"
        self.says(app, "started process", "python3 -m http.server 8080")
        self.assertEqual("/tools/reinit", self.execute(app, "readlink", "/proc/1/exe"))
        self.assertEqual("reinit", self.execute(app, "cat", "/proc/1/comm"))
        get = ("python3", "-c", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/').status)")
        self.eventually(lambda: self.podman.run("exec", app, *get).stdout == "200\n", lambda: self.logs(app))
        before = self.children_of_1(app)
        self.execute(app, "python3", "-c", f"import os; os.kill({before[0]}, 9)")
        self.says(app, "restart 1", "SIGKILL")
        self.assertNotEqual(before, self.children_of_1(app))
        # The pod's end is its TERM.
        self.podman.podman("stop", "-t", "20", app)
        self.says(app, "SIGTERM: stopping")
        self.assertEqual("143", self.podman.podman("inspect", "--format", "{{.State.ExitCode}}", app))


class AppTest(KubernetesTest):
    """What the kubelet does with the probes is done here: podman knows no readiness."""

    def setUp(self):
        super().setUp()
        if self.podman.run("image", "exists", "example").returncode == 0:
            return
        # docker/examples/Dockerfile, without a build.
        self.podman.podman("create", "--name", "draft", "base", "/bin/true")
        self.podman.podman("cp", os.path.realpath(BINARY), "draft:/reinit")
        self.podman.podman("cp", os.path.realpath("docker/examples/app.py"), "draft:/app.py")
        changes = ['ENTRYPOINT ["/reinit", "--"]', 'CMD ["python3", "/app.py"]', "USER 1000:1000"]
        self.podman.podman("commit", *(word for change in changes for word in ("--change", change)), "draft", "example")
        self.podman.podman("rm", "draft")

    def get(self, path, port=9180, method="GET"):
        code = ("import http.client as h; c = h.HTTPConnection('127.0.0.1', %d); c.request('%s', '%s');"
                "r = c.getresponse(); print(r.status, r.read().decode().strip())" % (port, method, path))
        return self.podman.run("exec", "app-web", "python3", "-c", code).stdout.strip()

    def test_probes(self):
        self.play("app.yaml")
        app = "app-web"
        self.says(app, "status at http://0.0.0.0:9180")
        self.eventually(lambda: self.get("/readyz") == "200 ready", lambda: self.logs(app))
        self.assertEqual(self.get("/livez"), "200 ok")
        before = self.get("/", 8080)
        self.assertIn("Hello", before)
        # Sick: not ready, started again in place, ready again; live all the time.
        self.assertEqual(self.get("/break", 8080, "POST"), "200 sick")
        self.says(app, "restart 1", "HTTP 503")
        self.eventually(lambda: self.get("/readyz") == "200 ready", lambda: self.logs(app))
        self.assertEqual(self.get("/livez"), "200 ok")
        self.assertNotEqual(before, self.get("/", 8080))
        self.assertEqual(json.loads(self.get("/status").split(" ", 1)[1])["restarts"]["health"], 1)
        # The end: not ready first, while it still serves. Somebody inside looks, since podman lets nobody in any more.
        look = ("import time, urllib.request as u, urllib.error as e\nprint('looks', flush=True)\nwhile True:\n"
                " try: u.urlopen('http://127.0.0.1:9180/readyz').read(); time.sleep(0.05)\n"
                " except e.HTTPError as no: print(no.code, no.read().decode().strip()); break\n"
                "print(u.urlopen('http://127.0.0.1:8080/').read().decode(), flush=True)\n")
        inside = subprocess.Popen(self.podman.command("exec", app, "python3", "-c", look), env=self.podman.environment,
                                  stdout=subprocess.PIPE, text=True)
        self.assertEqual(inside.stdout.readline(), "looks\n")
        self.podman.podman("stop", "-t", "30", app)
        seen = inside.communicate(timeout=DEADLINE)[0]
        self.assertIn("503 ending\nHello", seen)
        self.says(app, "ended in good order")


class ReloadSidecarTest(KubernetesTest):
    def setUp(self):
        super().setUp()
        if self.podman.run("image", "exists", "nginx").returncode == 0:
            return
        self.podman.podman("run", "--network=host", "--name", "with-nginx", "base", "sh", "-c",
                           "apt-get -qq update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "
                           "apt-get -qq install -y --no-install-recommends nginx >/dev/null", timeout=300)
        self.podman.podman("commit", "with-nginx", "nginx")
        self.podman.podman("rm", "with-nginx")

    def serves(self):
        return self.podman.run("exec", "reload-sidecar-nginx", "python3", "-c",
                               "import urllib.request as u;"
                               "print(u.urlopen('http://127.0.0.1:8080/').read().decode())").stdout.strip()

    def expect(self, text):
        self.eventually(lambda: self.serves() == text, lambda: f"{self.serves()}\n{self.logs('reload-sidecar-reload')}")

    def configure(self, text):
        return {"site.conf": f"server {{ listen 8080; location / {{ return 200 '{text}'; }} }}\n"}

    def test_nginx_serves_the_new_configuration(self):
        self.play("reload-sidecar.yaml")
        sidecar = "reload-sidecar-reload"
        self.expect("one")
        self.says(sidecar, "watching /etc/nginx/conf.d", "on a change: signal:HUP")
        self.assertNotEqual("1", self.execute("reload-sidecar-nginx", "sh", "-c", "echo $$"), "one namespace for all")
        # podman writes the keys as plain files, once; from here on the kubelet's double does as the kubelet.
        folder = self.podman.podman("volume", "inspect", "--format", "{{.Mountpoint}}", "nginx-conf")
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        volume = kubelet.Volume(folder, self.configure("two"))
        self.expect("two")
        master = self.master()
        for text in ("three", "four"):
            volume.update(self.configure(text))
            self.expect(text)
        self.assertEqual(master, self.master(), "reloaded, not restarted")
        self.says(sidecar, "reload: ", "SIGHUP to process", "'nginx': sent")
        self.podman.podman("stop", "-t", "20", sidecar)
        self.assertEqual("0", self.podman.podman("inspect", "--format", "{{.State.ExitCode}}", sidecar))
        self.expect("four")

    def master(self):
        return self.execute("reload-sidecar-nginx", "cat", "/run/nginx.pid")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Bazel's timeout: remove the engine's data, too
    with _stack:
        xml_runner.main()
