"""reinit as the init of `docker run --init` and of Podman, on the real engines; and on their terminals.

By hand: `tests/py/run.sh tests/container/init_test.py [Class.method]`, with REINIT_BINARY naming the binary.
"""

import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
import unittest

import apps
import engine as engines
import xml_runner
from podman import Podman
from screen import Screen

BINARY = os.environ.get("REINIT_BINARY", "cmd/reinit")
SHELL = ("-e", "PS1=ready> ", "-e", "JOB=" + apps.JOB)
READY = r"ready> (\x1b\[\?2004h)?$"

_stack = contextlib.ExitStack()


def _once(start):
    """start() the first time; afterwards what it gave, or the exception that it raised."""
    @functools.lru_cache(maxsize=None)
    def attempt():
        try:
            return start(), None
        except Exception as error:
            return None, error

    def get(test):
        result, error = attempt()
        if isinstance(error, engines.Unavailable) and os.environ.get("REINIT_REQUIRE_CONTAINERS") != "1":
            test.skipTest(f"no container engine: {error}")
        if error:
            raise error
        return result
    return get


def _called(name):
    """A copy of reinit with the name of another program."""
    folder = _stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp"))
    os.chmod(folder, 0o755)
    return shutil.copy(os.path.realpath(BINARY), os.path.join(folder, name))


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@_once
def docker():
    engine = _stack.enter_context(engines.Engine("--init-path", _called("docker-init")))
    engine.image("reinit", {"/reinit": BINARY}, ['ENTRYPOINT ["/reinit"]'])
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "Dockerfile"), "w") as file:
            file.write(f"FROM {engines.BASE_IMAGE}\nCOPY --from=reinit /reinit /reinit\n")
        engine.build("both", folder)
    return engine


@_once
def podman():
    return _stack.enter_context(Podman(_called("catatonit")))


class DockerInitTest(unittest.TestCase):
    """`docker run --init`, with reinit in the place of Debian's docker-init."""

    def setUp(self):
        self.engine = docker(self)

    def once(self, *command, flags=()):
        return self.engine.once("both", *command, flags=("--init", *flags))

    def test_docker_info_understands_the_version(self):
        self.assertEqual("docker-init", os.path.basename(self.engine.docker("info", "--format", "{{.InitBinary}}")))
        self.assertIn("init version: ", self.engine.docker("info"))
        self.assertNotIn("init version: N/A", self.engine.docker("info"))

    def test_it_is_reinit(self):
        code, out, _ = self.once("sha256sum", "/sbin/docker-init")
        self.assertEqual((0, _digest(BINARY)), (code, out.split()[0]))
        self.assertEqual("docker-init\n", self.once("cat", "/proc/1/comm")[1])

    def test_exit_codes(self):
        for code, command in ((0, "true"), (7, "exit 7"), (143, "kill -TERM $$"), (137, "kill -KILL $$")):
            with self.subTest(command):
                self.assertEqual((code, "", ""), self.once("sh", "-c", command))
        code, _, err = self.once("no-such-program")
        self.assertEqual(127, code)
        self.assertIn("exec no-such-program failed: No such file or directory", err)

    def test_orphans_are_reaped(self):
        self.assertEqual((0, "zombies 0\n", ""), self.once("python3", "-c", apps.ZOMBIES))

    def test_signals_arrive_those_that_tini_keeps_too(self):
        for name, number in (("HUP", 1), ("ABRT", 6), ("SEGV", 11), ("USR1", 10), ("TTIN", 21), ("RTMIN+3", 37)):
            with self.subTest(name), self.engine.container(
                    "both", "python3", "-uc", apps.SIGNALS, str(number), flags=("--init",)) as container:
                container.lines.wait("ready")
                container.kill(name)
                container.lines.wait(f"got {number}")

    def test_docker_stop(self):
        with self.engine.container("both", "sleep", "1000", flags=("--init",)) as container:
            self.assertEqual(143, container.stop(10)[0])

    def test_flags_come_through_the_environment(self):
        """There is no other way to give an init of `--init` any."""
        with self.engine.container("both", "sh", "-c", "echo run $REINIT_GENERATION; exit 9", flags=(
                "--init", "-e", "REINIT_RESTART=on-failure:2", "-e", "REINIT_RESTART_DELAY=0")) as container:
            container.lines.wait("run 3")
            self.assertEqual(9, container.wait())


def control_a_job(screen, deadline=30):
    """Stops what runs in the foreground of a shell, lets it go on, and interrupts it."""
    screen.type('python3 -c "$JOB"\r')
    screen.shows("job begins")
    screen.type("\x1a")
    screen.shows("Stopped", deadline)
    screen.shows(READY)  # before that the shell drops what is typed
    screen.type("fg\r")
    screen.shows("job goes on")
    screen.type("\x03")
    screen.shows(READY)


class TerminalTest(unittest.TestCase):
    """`docker run -it`: as the entry point, and as the init of --init."""

    WAYS = {"entry point": ("--entrypoint", "/reinit"), "--init": ("--init", "--entrypoint", "")}
    NAMES = iter(range(1000))

    def setUp(self):
        self.engine = docker(self)

    @contextlib.contextmanager
    def shell(self, way, *flags):
        name = f"shell{next(self.NAMES)}"
        command = ["docker", "run", "-it", *SHELL, "--name", name, "--network=none", *self.WAYS[way], *flags, "both"]
        command += (["--"] if way == "entry point" else []) + ["bash", "--norc", "-i"]
        with Screen(command, self.engine.environment()) as screen:
            screen.name = name
            screen.shows(READY)
            yield screen
        self.engine.run("rm", "-f", name)

    def test_job_control(self):
        for way in self.WAYS:
            with self.subTest(way), self.shell(way) as screen:
                control_a_job(screen)
                screen.type("echo status $?\r")
                screen.shows("status 130")
                screen.type("exit 3\r")
                self.assertEqual(3, screen.end())

    def test_its_size(self):
        for way in self.WAYS:
            with self.subTest(way), self.shell(way) as screen:
                screen.type("trap 'echo now $(stty size)' WINCH\r")
                screen.shows(READY)
                screen.has_size(33, 101, "now 33 101")
                screen.type("exit 0\r")
                self.assertEqual(0, screen.end())

    def test_detach_and_attach(self):
        for way in self.WAYS:
            with self.subTest(way), self.shell(way) as screen:
                screen.type("kept=yes\r")
                screen.shows(READY)
                screen.type("\x10\x11")
                self.assertEqual(0, screen.end())
                with Screen(["docker", "attach", screen.name], self.engine.environment()) as again:
                    again.type("echo is $kept\r")
                    again.shows("is yes")
                    again.type("exit 4\r")
                    self.assertEqual(4, again.end())

    def test_ctrl_c_ends_a_supervised_program(self):
        command = ["docker", "run", "-it", "--rm", "--network=none", "--entrypoint", "/reinit", "both", "--watch=/tmp", "--",
                   "sleep", "1000"]
        with Screen(command, self.engine.environment()) as screen:
            screen.shows("started process")
            screen.type("\x03")
            self.assertEqual(130, screen.end())


class PodmanTest(unittest.TestCase):
    """`podman run --init` and the pause process of a pod, with reinit in the place of catatonit."""

    def setUp(self):
        self.podman = podman(self)
        self.catatonit = os.path.join(self.podman.folder, "helpers", "catatonit")

    def once(self, *command, init=None):
        flags = ["--init", "--init-path", init or self.catatonit]
        return self.podman.run("run", "--rm", *flags, "base", *command)

    def test_it_is_reinit_under_any_name(self):
        for init in (self.catatonit, os.path.realpath(BINARY)):
            result = self.once("sha256sum", "/run/podman-init", init=init)
            self.assertEqual((0, _digest(BINARY)), (result.returncode, result.stdout.split()[0]))

    def test_exit_codes(self):
        for code, command in ((0, "true"), (7, "exit 7"), (143, "kill -TERM $$")):
            with self.subTest(command):
                result = self.once("sh", "-c", command)
                self.assertEqual((code, "", ""), (result.returncode, result.stdout, result.stderr))
        result = self.once("no-such-program")
        self.assertNotEqual(0, result.returncode)
        self.assertIn("No such file or directory", result.stderr)

    def test_orphans_are_reaped(self):
        result = self.once("python3", "-c", apps.ZOMBIES)
        self.assertEqual((0, "zombies 0\n"), (result.returncode, result.stdout), result.stderr)

    def stop_with_control_z(self, init, deadline):
        command = self.podman.command("run", "-it", *SHELL, "--rm", "--init", "--init-path", init, "base", "bash", "--norc", "-i")
        with Screen(command, self.podman.environment) as screen:
            screen.shows(READY)
            control_a_job(screen, deadline)
            screen.type("exit 5\r")
            self.assertEqual(5, screen.end())

    def test_control_z(self):
        self.stop_with_control_z(self.catatonit, 30)

    def test_twin_control_z_does_nothing_under_catatonit(self):
        """podman issue 18095."""
        with self.assertRaises(AssertionError):
            self.stop_with_control_z("/usr/bin/catatonit", 2)

    def test_pause_process_of_a_pod(self):
        self.podman.podman("pod", "create", "--name", "pod", "--share", "pid,ipc,uts")
        self.podman.podman("pod", "start", "pod")
        infra = self.podman.podman("pod", "inspect", "--format", "{{.InfraContainerID}}", "pod")
        pid = self.podman.podman("inspect", "--format", "{{.State.Pid}}", infra)
        self.assertEqual(_digest(BINARY), _digest(f"/proc/{pid}/exe"))
        with open(f"/proc/{pid}/cmdline") as file:
            self.assertEqual("/catatonit\0-P\0", file.read())
        result = self.podman.run("run", "--rm", "--pod", "pod", "base", "python3", "-c", apps.ZOMBIES)
        self.assertEqual((0, "zombies 0\n"), (result.returncode, result.stdout), result.stderr)
        self.podman.podman("pod", "stop", "-t", "20", "pod")
        self.assertEqual("0", self.podman.podman("inspect", "--format", "{{.State.ExitCode}}", infra))
        self.podman.podman("pod", "rm", "-f", "pod")


if __name__ == "__main__":
    with _stack:
        xml_runner.main()
