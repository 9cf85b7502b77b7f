"""reinit in real containers, against a private engine (engine.py), with images made from the built binary.

By hand: `tests/py/run.sh tests/container/container_test.py [Class.method]`, with REINIT_BINARY naming the binary.
REINIT_REQUIRE_CONTAINERS=1: where no engine can be had the tests fail instead of being skipped.
REINIT_BUILD_DOCKERFILE=1: also builds docker/Dockerfile from source, which takes minutes.
"""

import contextlib
import functools
import io
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import urllib.request

import apps
import engine as engines
import xml_runner

BINARY = os.environ.get("REINIT_BINARY", "cmd/reinit")
EXAMPLES = "docker/examples"

stack = contextlib.ExitStack()


@functools.lru_cache(maxsize=None)
def _start_engine():
    """The one engine of this test program with the images that all use, or the exception that prevented it."""
    try:
        engine = stack.enter_context(engines.Engine())
        _make_images(engine)
        return engine, None
    except Exception as error:
        return None, error


def _make_images(engine):
    engines.say(f"started in {engine.timings['start']:.1f} s, imported in {engine.timings['import']:.1f} s")
    engine.image("reinit", {"/reinit": BINARY}, ['ENTRYPOINT ["/reinit"]'])
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "Dockerfile"), "w") as file:
            file.write(f"FROM {engines.BASE_IMAGE}\nCOPY --from=reinit /reinit /reinit\n"
                       'ENTRYPOINT ["/reinit"]\nSTOPSIGNAL SIGTERM\n')
        engine.build("app", folder)


class ContainerTest(unittest.TestCase):
    """Gives each test the engine, or skips it, and a folder to mount."""

    def setUp(self):
        self.engine, error = _start_engine()
        if error:
            if isinstance(error, engines.Unavailable) and os.environ.get("REINIT_REQUIRE_CONTAINERS") != "1":
                self.skipTest(f"no container engine: {error}")
            raise error
        self.folder = tempfile.mkdtemp(prefix="reinit-test-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, text):
        """Writes a file of the mounted folder in place, as a simple editor does."""
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def replace(self, name, text):
        """Replaces a file of the mounted folder by rename, as vim does."""
        self.write(name + "~", text)
        os.rename(os.path.join(self.folder, name + "~"), os.path.join(self.folder, name))

    def app(self, source, *arguments, flags=(), docker=()):
        """Starts a container with `source` as /app/app.py, below `reinit FLAGS --`."""
        self.write("app.py", source)
        return self.engine.container("app", *flags, "--", "python3", "/app/app.py", *map(str, arguments),
                                     flags=("-v", f"{self.folder}:/app", *docker))

    def once(self, *command, **kwargs):
        return self.engine.once("app", *command, **kwargs)


class Pid1Test(ContainerTest):

    def test_is_pid_1(self):
        code, out, err = self.once("--", "sh", "-c", "cat /proc/1/comm; readlink /proc/1/exe; echo $PPID")
        self.assertEqual((0, ["reinit", "/reinit", "1"]), (code, out.split()), err)

    def test_orphans_are_reaped(self):
        with self.app(apps.ZOMBIES) as container:
            self.assertEqual("zombies 0", container.lines.wait("zombies"))
            self.assertEqual(0, container.wait())

    def test_twin_without_an_init_orphans_stay_zombies(self):
        with self.app(apps.ZOMBIES) as _:
            pass
        code, out, err = self.engine.once("app", "/app/app.py", "0.5",
                                          flags=("-v", f"{self.folder}:/app", "--entrypoint", "python3"))
        self.assertEqual((0, "zombies 100\n"), (code, out), err)

    def test_plain_init_says_nothing(self):
        self.assertEqual((0, "hello\n", ""), self.once("--", "echo", "hello"))

    def test_stdin_reaches_the_application(self):
        out = self.engine.docker("run", "--rm", "-i", "--network=none", "app", "--", "cat", input="a\nb\n")
        self.assertEqual("a\nb", out)


class StopTest(ContainerTest):

    def test_docker_stop_gives_the_application_its_time(self):
        with self.app(apps.SLOW_STOP) as container:
            container.lines.wait("ready")
            code, seconds = container.stop(10)
            container.lines.wait("finished")
            self.assertIn("worker alive", container.lines.all())
            self.assertEqual(5, code)
            self.assertGreater(seconds, 1.9)
            self.assertLess(seconds, 6)

    def test_docker_stop_gives_the_supervised_application_its_time(self):
        with self.app(apps.SLOW_STOP, flags=("--watch=/app", "--stop-timeout=100ms")) as container:
            container.lines.wait("ready")
            code, seconds = container.stop(10)
            container.lines.wait("finished")
            self.assertEqual(5, code)
            self.assertGreater(seconds, 1.9)
            self.assertLess(seconds, 6)

    def test_the_default_action_of_the_stop_signal_ends_it(self):
        with self.engine.container("app", "--", "sleep", "1000") as container:
            code, seconds = container.stop(10)
            self.assertEqual(143, code)
            self.assertLess(seconds, 5)

    def test_an_application_that_ignores_it_is_killed_by_the_engine(self):
        with self.app(apps.SIGNALS, 15) as container:
            container.lines.wait("ready")
            code, _ = container.stop(1)
            container.lines.wait("got 15")
            self.assertEqual(137, code)

    def bring(self, program):
        """Flags that bring a program of this machine, and the libraries that the image lacks, into a container."""
        path = engines.which(program)
        libraries = re.findall(r"=> (/\S+)", subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout)
        _, lacking, _ = self.once("--", "sh", "-c", 'for file; do test -e "$file" || echo "$file"; done', "sh", *libraries)
        return [flag for file in (path, *lacking.split()) for flag in ("-v", f"{file}:{file}:ro")]

    def stops_by_its_stop_signal(self, name, program, package, *command, docker=()):
        """`docker stop` of an image with this STOPSIGNAL, whose server is started again when it ends by itself."""
        with open("/etc/os-release", encoding="utf-8") as file:
            if f"VERSION_CODENAME={engines.SUITE}" not in file.read():
                self.skipTest("programs of this machine do not run in the image")
        engines.ensure_packages({program: package})
        flags = ("-v", f"{self.folder}:/app", f"--stop-signal=SIG{name}", *self.bring(program), *docker)
        with self.engine.container("app", "--restart=always", f"--stop-signal={name}", "--health=tcp://127.0.0.1:8080",
                                   "--health-interval=50ms", "--log-level=debug", "--", program, *command,
                                   flags=flags) as container:
            container.lines.wait("ready after")
            code, _ = container.stop(10)
            container.lines.wait(f"SIG{name}: stopping")
            self.assertEqual(0, code, container.lines.all())
            self.assertNotIn("starting it again", "".join(container.lines.all()))

    def test_haproxy_is_stopped_by_usr1(self):
        self.write("haproxy.cfg", "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
                   "frontend web\n bind 127.0.0.1:8080\n http-request return status 200\n")
        self.stops_by_its_stop_signal("USR1", "haproxy", "haproxy", "-db", "-q", "-f", "/app/haproxy.cfg")

    def test_httpd_is_stopped_by_winch(self):
        modules = "/usr/lib/apache2/modules"
        self.write("httpd.conf", f"LoadModule mpm_event_module {modules}/mod_mpm_event.so\nServerRoot /tmp\nServerName x\n"
                   "PidFile /tmp/pid\nListen 127.0.0.1:8080\nErrorLog /dev/stderr\n")
        self.stops_by_its_stop_signal("WINCH", "apache2", "apache2-bin", "-DFOREGROUND", "-f", "/app/httpd.conf",
                                      docker=("-v", f"{modules}:{modules}:ro"))

    def test_signals_arrive(self):
        numbers = {"HUP": 1, "INT": 2, "QUIT": 3, "USR1": 10, "USR2": 12, "CONT": 18, "WINCH": 28, "RTMIN+3": 37}
        with self.app(apps.SIGNALS, *numbers.values()) as container:
            container.lines.wait("ready")
            for name, number in numbers.items():
                with self.subTest(name):
                    container.kill(name)
                    container.lines.wait(f"got {number}")

    def test_hup_arrives_at_a_supervised_application(self):
        with self.app(apps.SIGNALS, 1, flags=("--watch=/app",)) as container:
            container.lines.wait("ready")
            container.kill("HUP")
            container.lines.wait("got 1")


class ExitStatusTest(ContainerTest):

    def check(self, expected, *command, said=""):
        code, _, err = self.once("--", *command)
        self.assertEqual(expected, code, err)
        self.assertIn(said, err)

    def test_0(self):
        self.check(0, "true")

    def test_7(self):
        self.check(7, "sh", "-c", "exit 7")

    def test_255(self):
        self.check(255, "sh", "-c", "exit 255")

    def test_143_on_term(self):
        self.check(143, "sh", "-c", "kill -TERM $$")

    def test_137_on_kill(self):
        self.check(137, "sh", "-c", "kill -KILL $$")

    def test_127_not_found(self):
        self.check(127, "no-such-program", said="no-such-program")

    def test_126_not_executable(self):
        self.check(126, "/etc/passwd", said="/etc/passwd")

    def test_126_a_directory(self):
        self.check(126, "/etc", said="/etc")

    def test_2_wrong_flag(self):
        code, out, err = self.once("--no-such-flag", "--", "echo", "started")
        self.assertEqual((2, ""), (code, out))
        self.assertIn("--no-such-flag", err)


class ReloadTest(ContainerTest):
    FLAGS = ("--watch=/app", "--watch-mode=poll", "--reload-delay=200ms")

    def started(self, container, version):
        """The pid of the application once it has come up with `version`."""
        line = container.lines.wait(f"version {version} ")
        return re.search(r"process (\d+)", line).group(1)

    def version(self, number):
        return apps.VERSIONED.replace("VERSION = 1", f"VERSION = {number}")

    def test_an_edit_on_a_bind_mount_reloads(self):
        with self.app(self.version(1), flags=self.FLAGS) as container:
            pids = [self.started(container, 1)]
            self.write("app.py", self.version(2))
            pids.append(self.started(container, 2))
            self.replace("app.py", self.version(3))
            pids.append(self.started(container, 3))
            container.execute("sed", "-i", "s/VERSION = 3/VERSION = 4/", "/app/app.py")
            pids.append(self.started(container, 4))
            self.assertEqual(4, len(set(pids)), pids)
            self.assertEqual((0, "reinit\n", ""), container.execute("cat", "/proc/1/comm"))
            self.assertEqual(3, container.stop()[0])

    def test_an_edit_on_a_bind_mount_is_announced(self):
        """Nothing is swept, so it is inotify that tells what the host does."""
        with self.app(self.version(1), flags=("--watch=/app", "--watch-scan=0", "--reload-delay=1h", "--log-level=debug")) as container:
            self.started(container, 1)
            container.lines.wait("first scan done")
            self.write("app.py", self.version(2))
            self.started(container, 2)
            self.assertEqual(3, container.stop()[0])

    def test_an_edit_of_a_single_mounted_file_reloads(self):
        self.write("app.py", self.version(1))
        with self.engine.container("app", *self.FLAGS, "--", "python3", "/app/app.py",
                                   flags=("-v", f"{self.folder}/app.py:/app/app.py:ro")) as container:
            self.started(container, 1)
            self.write("app.py", self.version(2))
            self.started(container, 2)
            self.assertEqual(3, container.stop()[0])

    def test_flags_come_from_the_environment(self):
        with self.app(self.version(1), docker=("-e", "REINIT_WATCH=/app", "-e", "REINIT_RELOAD_DELAY=200ms")) as container:
            self.started(container, 1)
            self.write("app.py", self.version(2))
            self.started(container, 2)

    def test_docker_exec_survives_a_reload(self):
        with self.app(self.version(1), flags=self.FLAGS) as container:
            self.started(container, 1)
            shell = self.engine.popen("exec", "-i", container.id, "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, bufsize=1)
            with shell:
                shell.stdin.write("before\n")
                self.assertEqual("before\n", shell.stdout.readline())
                self.write("app.py", self.version(2))
                self.started(container, 2)
                shell.stdin.write("after\n")
                self.assertEqual("after\n", shell.stdout.readline())

    def test_an_application_that_ended_waits_for_the_next_edit(self):
        with self.app("raise SystemExit(1)", flags=(*self.FLAGS, "--after-exit=wait")) as container:
            self.write("app.py", self.version(2))
            self.started(container, 2)
            self.assertEqual(3, container.stop()[0])


class ConfinedTest(ContainerTest):
    """Every duty, and a reload, in containers that may do little."""

    def check_duties(self, *docker):
        with self.app(apps.DUTIES, flags=ReloadTest.FLAGS, docker=docker) as container:
            container.lines.wait("zombies 0")
            container.lines.wait("version 1 ")
            self.write("app.py", apps.DUTIES.replace("VERSION = 1", "VERSION = 2"))
            container.lines.wait("version 2 ")
            self.assertEqual(3, container.stop()[0])

    def test_read_only_root(self):
        self.check_duties("--read-only")

    def test_user_1000(self):
        self.check_duties("--user", "1000")

    def test_no_capabilities(self):
        self.check_duties("--cap-drop", "ALL")

    def test_no_new_privileges(self):
        self.check_duties("--security-opt", "no-new-privileges")

    def test_all_of_these_and_few_processes(self):
        self.check_duties("--read-only", "--user", "1000:1000", "--cap-drop", "ALL", "--security-opt",
                          "no-new-privileges", "--pids-limit", "210", "--memory", "128m")

    def test_terminal(self):
        self.check_duties("-t")


class FaultTest(ContainerTest):
    """What befalls a whole container."""

    def test_docker_pause_is_no_failure(self):
        """One failed check would restart it, and one is under way almost all the time."""
        with self.app(apps.SLOW_HEALTH, flags=("--health=http://127.0.0.1:8080/", "--health-retries=1", "--health-timeout=2s",
                                               "--health-interval=1ms", "--log-level=debug")) as container:
            container.lines.wait("check 3")
            for turn in range(2):
                self.engine.docker("pause", container.id)
                time.sleep(3)  # is what is to be tested
                self.engine.docker("unpause", container.id)
                seen = len(container.lines.all())
                for _ in range(3):
                    container.lines.wait("check ", after=seen)
                    seen = len(container.lines.all())
            self.assertFalse([line for line in container.lines.all() if "restart" in line], container.lines.all())
            # The twin: it does look.
            container.kill("USR1")  # from now on the server answers nobody
            container.lines.wait("restart 1: health check")

    def test_docker_pause_is_not_held_against_who_is_watched(self):
        with self.app(apps.PINGS, flags=("--ready=notify", "--watchdog=2s")) as container:
            container.lines.wait("alive 3")
            for _ in range(2):
                self.engine.docker("pause", container.id)
                time.sleep(3)  # is what is to be tested
                self.engine.docker("unpause", container.id)
                seen = len(container.lines.all())
                for _ in range(3):
                    container.lines.wait("alive ", after=seen)
                    seen = len(container.lines.all())
            self.assertFalse([line for line in container.lines.all() if "restart" in line], container.lines.all())
            # The twin: it does look.
            container.kill("USR1")
            container.lines.wait("restart 1: watchdog")

    def test_out_of_memory_is_named(self):
        code, _, err = self.once("--termination-log=/proc/1/fd/2", "--", "python3", "-c", "b = bytearray(1 << 30)",
                                 flags=("--memory=64m", "--memory-swap=64m"))
        self.assertEqual(137, code, err)
        self.assertIn("SIGKILL, by the kernel: out of memory", err)


class ScratchTest(ContainerTest):
    """An image with no file but reinit: no shell, no libc, no /etc/passwd, no /tmp."""

    def test_runs_a_program(self):
        code, out, err = self.engine.once("reinit", "--", "/reinit", "--version")
        self.assertEqual((0, ""), (code, err))
        self.assertIn("reinit", out)

    def test_exit_status(self):
        self.assertEqual(127, self.engine.once("reinit", "--", "/bin/sh")[0])
        code, out, err = self.engine.once("reinit", "--", "/reinit", "probe", "tcp://127.0.0.1:1")
        self.assertEqual(1, code)
        self.assertIn("127.0.0.1:1", out + err)  # a failed check names what it checked

    def test_confined(self):
        code, _, err = self.engine.once("reinit", "--", "/reinit", "--version", flags=(
            "--read-only", "--user", "1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"))
        self.assertEqual((0, ""), (code, err))

    def test_healthcheck_without_a_shell(self):
        self.engine.image("scratch-health", {"/reinit": BINARY}, [
            'ENTRYPOINT ["/reinit"]', 'HEALTHCHECK --interval=200ms --retries=1 CMD ["/reinit", "probe", "tcp://127.0.0.1:1"]'])
        with self.engine.container("scratch-health", "--watch=/reinit", "--after-exit=wait", "--", "/reinit", "--version") as container:
            container.events("health_status").wait("health_status: unhealthy")
            self.assertEqual(1, container.inspect(".State.Health.Log")[0]["ExitCode"])


GET = "import sys, urllib.request as u; print(u.urlopen(u.Request(sys.argv[2], method=sys.argv[1])).read().decode(), end='')"


class ExampleTest(ContainerTest):
    """docker/examples, as its reader would start it."""

    def setUp(self):
        super().setUp()
        for name in os.listdir(EXAMPLES):
            shutil.copyfile(os.path.join(EXAMPLES, name), os.path.join(self.folder, name))

    def request(self, container, method, path):
        code, out, err = container.execute("python3", "-c", GET, method, f"http://127.0.0.1:8080{path}")
        self.assertEqual(0, code, err)
        return out

    def test_image_and_its_healthcheck(self):
        self.engine.build("example", self.folder, "--build-arg", f"BASE={engines.BASE_IMAGE}")
        with self.engine.container("example", flags=("--health-interval=300ms", "--health-retries=2")) as container:
            health = container.events("health_status")
            health.wait("health_status: healthy")
            self.assertRegex(self.request(container, "GET", "/"), r"Hello from version 1, process [2-9]\d*\n")
            self.request(container, "POST", "/break")
            health.wait("health_status: unhealthy")
            seen = len(health.all())
            self.request(container, "POST", "/mend")
            health.wait("health_status: healthy", after=seen)
            self.assertEqual(0, container.stop()[0])
            container.lines.wait("ended in good order")

    def test_probe_in_docker_exec(self):
        self.engine.build("example", self.folder, "--build-arg", f"BASE={engines.BASE_IMAGE}")
        with self.engine.container("example") as container:
            container.lines.wait("listening")
            probe = ("/reinit", "probe", "http://127.0.0.1:8080/healthz")
            self.assertEqual(0, container.execute(*probe)[0])
            self.request(container, "POST", "/break")
            self.assertEqual(1, container.execute(*probe)[0])

    def test_compose(self):
        try:
            engines.ensure_packages({"docker-compose": "docker-compose"})
        except engines.Unavailable as reason:
            self.skipTest(str(reason))
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environment = dict(self.engine.environment(), BASE=engines.BASE_IMAGE, PORT=str(port))

        def compose(*arguments):
            result = subprocess.run([engines.which("docker-compose"), "-p", "reinittest", *arguments], cwd=self.folder,
                                    env=environment, capture_output=True, text=True, timeout=120)
            self.assertEqual(0, result.returncode, result.stdout + result.stderr)
            return result.stdout.strip()

        self.addCleanup(compose, "down", "--volumes", "--timeout", "3")
        compose("build")
        compose("up", "-d")
        container = engines.Container(self.engine, compose("ps", "-q", "app"))
        self.addCleanup(container.close)
        container.lines.wait("version 1 listening")
        self.assertIn("version 1", get(url + "/"))
        with open(os.path.join(self.folder, "app.py")) as file:
            source = file.read()
        self.replace("app.py", source.replace("VERSION = 1", "VERSION = 2"))
        container.lines.wait("version 2 listening")
        # Failures count only once a check has passed.
        edited = next(at for at, line in enumerate(container.lines.all()) if "version 2 listening" in line)
        container.lines.wait("ready after", after=edited)
        self.assertIn("version 2", get(url + "/"))
        seen = len(container.lines.all())
        get(url + "/break", method="POST")
        container.lines.wait("version 2 listening", after=seen)
        self.assertEqual("well\n", get(url + "/healthz"))
        compose("stop")
        self.assertEqual(0, container.wait())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def get(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as response:
        return response.read().decode()


class DockerfileTest(ContainerTest):
    """docker/Dockerfile builds from source to an image with one file."""

    def test_builds_from_source(self):
        if os.environ.get("REINIT_BUILD_DOCKERFILE") != "1":
            self.skipTest("takes minutes; set REINIT_BUILD_DOCKERFILE=1, as .ci/run does")
        # Runfiles are links to the source tree.
        top = os.path.dirname(os.path.dirname(os.path.realpath("docker/Dockerfile")))
        built = subprocess.run([engines.which("docker"), "build", "--network=host", "-t", "from-source", "-f", "docker/Dockerfile", "-"],
                               input=source_archive(top), env=self.engine.environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=3000, check=False)
        self.assertEqual(0, built.returncode, built.stdout.decode(errors="replace")[-5000:])
        files = self.files("from-source")
        self.assertEqual({"reinit"}, set(files))
        self.is_fit_to_ship(files["reinit"])
        code, out, err = self.engine.once("from-source", "--", "/reinit", "--version")
        self.assertEqual((0, ""), (code, err))
        self.assertIn("reinit", out)

    def is_fit_to_ship(self, binary):
        """Static, stripped and small."""
        self.assertEqual(b"\x7fELF\x02\x01", binary[:6])
        headers, sections = struct.unpack_from("<QQ", binary, 32)
        header_size, header_count, section_size, section_count = struct.unpack_from("<HHHH", binary, 54)
        segments = {struct.unpack_from("<I", binary, headers + i * header_size)[0] for i in range(header_count)}
        types = {struct.unpack_from("<I", binary, sections + i * section_size + 4)[0] for i in range(section_count)}
        self.assertIn(1, segments, "PT_LOAD: the table was read rightly")
        self.assertNotIn(3, segments, "PT_INTERP: it needs a dynamic loader")
        self.assertIn(3, types, "SHT_STRTAB: so was this one")
        self.assertNotIn(2, types, "SHT_SYMTAB: it is not stripped")
        self.assertLess(len(binary), 3 << 20)

    def files(self, image):
        """The files of an image, without those that the engine puts into every container."""
        identity = self.engine.docker("create", image, "x")
        exported = self.engine.run("export", identity, text=False, errors=None).stdout
        self.engine.docker("rm", identity)
        with tarfile.open(fileobj=io.BytesIO(exported)) as tar:
            return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()
                    and member.name not in (".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/mtab", "etc/resolv.conf")}


def source_archive(top):
    """The source tree as a tar archive, without what Bazel and git keep in it."""
    def wanted(member):
        name = os.path.basename(member.name)
        return None if name.startswith("bazel-") and member.issym() or name in (".git", "user.bazelrc", "__pycache__") else member
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(top, ".", filter=wanted)
    return buffer.getvalue()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Bazel's timeout: remove the engine's data, too
    with stack:
        xml_runner.main()
