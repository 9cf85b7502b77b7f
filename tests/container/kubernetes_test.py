"""docker/kubernetes: each manifest as it stands, by `podman play kube`, does its job.

By hand: `tests/py/run.sh tests/container/kubernetes_test.py [Class.method]`, with REINIT_BINARY naming the binary.
"""

import contextlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import unittest

import engine as engines
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


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Bazel's timeout: remove the engine's data, too
    with _stack:
        xml_runner.main()
