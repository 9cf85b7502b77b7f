"""A private Docker engine for tests: started, used and removed by one test program.

Nothing of the machine's own Docker is touched: the engine has its own data, sockets, mount and PID namespace. The
namespaces are what makes the clean-up certain: when the test program dies, however it dies, the kernel ends the
engine with every container and unmounts everything that it had mounted.

Needs root and a Debian or Ubuntu with apt; `docker.io` and `debootstrap` are installed when they are missing. No image
is pulled: the base image is made with debootstrap from the mirror that this machine's apt uses (40 s, once), kept
as a tarball under ${XDG_CACHE_HOME:-~/.cache}/reinit/containers and imported into each new engine (2 s).
"""

import contextlib
import ctypes
import fcntl
import hashlib
import io
import json
import os
import platform
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

BASE_IMAGE = "debian:bookworm-slim"
SUITE = "bookworm"
BASE_PACKAGES = ("python3-minimal", "libpython3-stdlib")

# Raise when make_base() changes, so that cached tarballs of the old recipe are not used.
_RECIPE = 1

# Debian's own programs first: another client in /usr/local may be newer than the engine and want plugins.
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"

# What Debian's slim images leave out too. dpkg keeps to it when more is installed on top.
_SLIM = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")

_START_TIMEOUT = 60
_STOP_TIMEOUT = 20


class Unavailable(Exception):
    """No engine can be had here; the message says why in words fit for a skipped test."""


class DockerError(Exception):
    """A docker command ended with a status other than 0."""


def cache_dir():
    """The cache folder, created. Bazel runs tests without HOME, so the password file is asked then."""
    home = os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    path = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache"), "reinit", "containers")
    os.makedirs(path, exist_ok=True)
    return path


def which(program):
    return shutil.which(program, path=_PATH)


def say(text):
    print(f"[engine] {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _locked(name):
    """Holds an exclusive lock, over all test programs of this machine, on `name` in the cache folder."""
    with open(os.path.join(cache_dir(), name), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---- packages ------------------------------------------------------------------------------------------------------

def ensure_packages(programs):
    """Installs with apt what is missing of `programs`, a dict of program name to package. Raises Unavailable."""
    if all(map(which, programs)):
        return
    if os.getuid() != 0:
        missing = [program for program in programs if not which(program)]
        raise Unavailable(f"{', '.join(missing)} missing, and only root can install packages")
    if not which("apt-get"):
        raise Unavailable("no apt-get to install packages with")
    with _locked("apt.lock"):
        missing = sorted({package for program, package in programs.items() if not which(program)})
        if not missing:
            return
        say(f"installing {' '.join(missing)} with apt")
        # Of no runlevel that starts services: only their programs are wanted.
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1", PATH=_PATH)
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        install = apt + ["install", "-y", "--no-install-recommends"] + missing
        for command in (apt + ["update"], install):
            result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, errors="replace")
        if result.returncode != 0:
            raise Unavailable(f"apt-get install {' '.join(missing)} failed: {result.stdout.strip()[-500:]}")


# ---- the base image ------------------------------------------------------------------------------------------------

def _apt_mirror():
    """The address of a Debian mirror with SUITE, as this machine's apt is configured; None leaves debootstrap's own."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)\t$(RELEASE)\t$(COMPONENT)", "Created-By: Packages"],
        capture_output=True, text=True, check=False).stdout
    for line in listing.splitlines():
        site, release, component = (line.split("\t") + ["", ""])[:3]
        if release == SUITE and component == "main":
            return site
    return None


def _apt_settings():
    """apt's proxy and TLS settings, as lines of an apt.conf."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    return "".join(line + "\n" for line in dump.splitlines()
                   if line.startswith(("Acquire::http", "Acquire::https")) and not line.endswith(' "";'))


def _apt_proxy(settings):
    for line in settings.splitlines():
        if line.startswith(("Acquire::http::Proxy ", "Acquire::http::proxy ")):
            return line.split('"')[1]
    return None


def _trim(root):
    for pattern in _SLIM:
        folder = root + pattern[:-2]
        shutil.rmtree(folder, ignore_errors=True)
    for folder in ("/var/cache/apt", "/var/lib/apt/lists", "/var/log"):
        for parent, _, names in os.walk(root + folder):
            for name in names:
                os.unlink(os.path.join(parent, name))
    with open(root + "/etc/dpkg/dpkg.cfg.d/docker", "w") as file:
        file.write("".join(f"path-exclude {pattern}\n" for pattern in _SLIM))


def make_base(target):
    """Writes the root file system of a slim Debian with Python as a tar file to `target`, all of it or nothing."""
    ensure_packages({"debootstrap": "debootstrap", "unshare": "util-linux", "tar": "tar"})
    started = time.monotonic()
    mirror, settings = _apt_mirror(), _apt_settings()
    environment = dict(os.environ, PATH=_PATH)
    proxy = _apt_proxy(settings)
    if proxy and proxy != "DIRECT":
        environment.setdefault("http_proxy", proxy)
    work = tempfile.mkdtemp(prefix="reinit-base-", dir="/var/tmp")
    try:
        root = os.path.join(work, "root")
        # In a mount namespace of its own, so that what a failed debootstrap leaves mounted goes with it.
        result = subprocess.run(
            ["unshare", "--mount", "debootstrap", "--variant=minbase", "--include=" + ",".join(BASE_PACKAGES), SUITE, root]
            + ([mirror] if mirror else []),
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace")
        if result.returncode != 0:
            raise Unavailable(f"debootstrap failed: {result.stdout.strip()[-500:]}")
        _trim(root)
        if settings:
            with open(root + "/etc/apt/apt.conf.d/90host", "w") as file:
                file.write(settings)
        partial = os.path.join(work, "base.tar")
        subprocess.run(["tar", "--numeric-owner", "-C", root, "-cf", partial, "."], check=True)
        staged = f"{target}.{os.getpid()}"
        shutil.move(partial, staged)  # perhaps to another file system, hence the rename afterwards
        os.rename(staged, target)
        say(f"made the base image with debootstrap in {time.monotonic() - started:.1f} s")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def base_tarball():
    """The path of the cached base image, made first if need be."""
    key = hashlib.sha256(repr((_RECIPE, SUITE, BASE_PACKAGES, platform.machine())).encode()).hexdigest()[:8]
    path = os.path.join(cache_dir(), f"{SUITE}-{key}.tar")
    with _locked("base.lock"):
        if not os.path.exists(path):
            say("making the base image with debootstrap; about 40 s, once")
            make_base(path)
    return path


# ---- the engine ----------------------------------------------------------------------------------------------------

def _die_with_parent():
    """In the forked child: SIGKILL once the test program is gone. unshare then takes the whole PID namespace along."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _remove_stale(parent):
    """Removes the folders of engines whose test program was killed: nobody holds their lock any more."""
    for name in os.listdir(parent):
        folder = os.path.join(parent, name)
        with contextlib.suppress(OSError):
            with open(os.path.join(folder, "lock")) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                say(f"removing {folder}, left behind by a killed test")
                _remove_cgroups(name)
                shutil.rmtree(folder, ignore_errors=True)


def _remove_cgroups(name):
    """Removes the cgroups of the engine called `name`. They hold no process any more."""
    top = "/sys/fs/cgroup"
    for root in [top] + [os.path.join(top, entry) for entry in os.listdir(top)]:
        for parent, folders, _ in os.walk(os.path.join(root, name), topdown=False):
            for folder in folders + ["."]:
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.normpath(os.path.join(parent, folder)))


class Engine:
    """A running dockerd and the docker client's commands against it.

    Use as a context manager, or start() and stop(). start() raises Unavailable where no engine can be had. Belongs to
    the thread that started it (the kernel ends the engine when that thread ends); docker() may be called from any.
    """

    def __init__(self, *flags):
        """`flags` are more of dockerd's."""
        self.flags = flags
        self.folder = None
        self._lock = self._process = self._log = None
        self.timings = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        if os.getuid() != 0:
            raise Unavailable("not root: a container engine of our own cannot be started")
        ensure_packages({"dockerd": "docker.io", "docker": "docker.io", "runc": "docker.io", "unshare": "util-linux"})
        base = base_tarball()
        started = time.monotonic()
        parent = "/var/tmp/reinit-engines"
        os.makedirs(parent, mode=0o700, exist_ok=True)
        with _locked("engines.lock"):
            _remove_stale(parent)
            # Short, because sockets are made below it, and their paths may have 107 bytes.
            self.folder = tempfile.mkdtemp(prefix="e-", dir=parent)
            self._lock = open(os.path.join(self.folder, "lock"), "w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._docker = which("docker")
        os.mkdir(os.path.join(self.folder, "config"))
        with open(os.path.join(self.folder, "config", "daemon.json"), "w") as file:
            file.write("{}\n")  # not the machine's own settings
        self._environment = {"PATH": _PATH, "HOME": self.folder, "DOCKER_CONFIG": os.path.join(self.folder, "config"),
                             "DOCKER_HOST": f"unix://{self.folder}/sock", "DOCKER_BUILDKIT": "0"}
        try:
            self._start_daemon()
            self.timings["start"] = time.monotonic() - started
            self.docker("import", base, BASE_IMAGE, timeout=300)
            self.timings["import"] = time.monotonic() - started - self.timings["start"]
        except BaseException:
            self.stop()
            raise

    def _start_daemon(self):
        # dockerd tells systemd's readiness protocol when it serves its socket: an event, so no polling.
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ready.bind(os.path.join(self.folder, "ready"))
        self._log = open(os.path.join(self.folder, "log"), "w+")
        # Its own mount and PID namespace; see the top of the file. unshare stays as their parent.
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", which("dockerd"),
             "--data-root", self.folder + "/data", "--exec-root", self.folder + "/exec",
             "--pidfile", self.folder + "/pid", "-H", f"unix://{self.folder}/sock", "-G", "root",
             "--config-file", self.folder + "/config/daemon.json",
             "--cgroup-parent", "/" + os.path.basename(self.folder), "--exec-opt", "native.cgroupdriver=cgroupfs",
             "--iptables=false", "--ip6tables=false", "--bridge=none", "--shutdown-timeout", "1", *self.flags],
            env=dict(os.environ, PATH=_PATH, NOTIFY_SOCKET=os.path.join(self.folder, "ready")),
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True,
            preexec_fn=_die_with_parent)
        exited = os.pidfd_open(self._process.pid)
        try:
            deadline = time.monotonic() + _START_TIMEOUT
            while True:
                readable, _, _ = select.select([ready, exited], [], [], max(0, deadline - time.monotonic()))
                if ready in readable and b"READY=1" in ready.recv(4096):
                    return
                if not readable or exited in readable:
                    raise Unavailable("dockerd did not start: " + self.log_tail())
        finally:
            os.close(exited)
            ready.close()

    def log_tail(self):
        """The last lines of the engine's log."""
        self._log.seek(0)
        lines = [line for line in self._log.read().splitlines() if "level=debug" not in line]
        return "\n".join(lines[-8:])

    def stop(self):
        """Removes all containers, ends the engine and removes its data. Never leaves a process, whatever fails."""
        if self._process and self._process.poll() is None:
            with contextlib.suppress(Exception):
                # Killed and removed by the engine itself, so that it takes their cgroups down, too.
                containers = self.docker("ps", "-aq", timeout=_STOP_TIMEOUT).split()
                if containers:
                    self.docker("rm", "-f", *containers, timeout=_STOP_TIMEOUT)
                self.docker("network", "prune", "-f", timeout=_STOP_TIMEOUT)  # their bridges are this machine's
            with contextlib.suppress(OSError, ValueError):
                with open(f"/proc/{self._process.pid}/task/{self._process.pid}/children") as file:
                    os.kill(int(file.read().split()[0]), signal.SIGTERM)
            try:
                self._process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()  # and unshare's death kills the namespace
                self._process.wait()
        if self._log:
            self._log.close()
        if self.folder:
            _remove_cgroups(os.path.basename(self.folder))
            shutil.rmtree(self.folder, ignore_errors=True)
            self._lock.close()
        self.folder = None

    # -- commands --

    def run(self, *arguments, timeout=60, **kwargs):
        """One docker command as a CompletedProcess with text in stdout and stderr; any exit status is fine."""
        return subprocess.run([self._docker, *arguments], env=self._environment, capture_output=True, timeout=timeout,
                              **{"text": True, "errors": "replace", "stdin": None if "input" in kwargs else
                                 subprocess.DEVNULL, **kwargs})

    def docker(self, *arguments, **kwargs):
        """One docker command that must succeed; gives its output without the last newline."""
        result = self.run(*arguments, **kwargs)
        if result.returncode != 0:
            raise DockerError(f"docker {' '.join(arguments)}: {result.returncode}: {result.stderr.strip()[-2000:]}")
        return result.stdout.rstrip("\n")

    def popen(self, *arguments, **kwargs):
        return subprocess.Popen([self._docker, *arguments], env=self._environment, **kwargs)

    def environment(self):
        """What another client of this engine needs in its environment (docker-compose)."""
        return dict(self._environment)

    def image(self, tag, files, changes=()):
        """An image of just `files` (path in the image to path here; kept executable), with Dockerfile lines `changes`."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for inside, outside in files.items():
                tar.add(os.path.realpath(outside), inside.lstrip("/"), filter=_as_root)
        flags = [flag for change in changes for flag in ("--change", change)]
        self.run("import", *flags, "-", tag, input=buffer.getvalue(), text=False, errors=None).check_returncode()
        return tag

    def build(self, tag, context, *flags, timeout=60):
        """docker build of the folder `context`, on the host's network."""
        self.docker("build", "--network=host", "--quiet", "-t", tag, *flags, context, timeout=timeout)
        return tag

    @contextlib.contextmanager
    def container(self, image, *command, flags=(), network="none"):
        """Starts a container in the background; it is removed at the end, running or not."""
        identity = self.docker("create", f"--network={network}", *flags, image, *command)
        container = Container(self, identity)
        try:
            self.docker("start", identity)
            yield container
        finally:
            container.close()
            self.run("rm", "-f", "-v", identity)

    def once(self, image, *command, flags=(), network="none"):
        """docker run to the end: (exit status, stdout, stderr)."""
        result = self.run("run", "--rm", f"--network={network}", *flags, image, *command)
        return result.returncode, result.stdout, result.stderr


def _as_root(member):
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode |= 0o755
    return member


class Lines:
    """The lines of a stream as they come, kept, with a blocking wait for one of them. Reads in a thread of its own."""

    def __init__(self, stream):
        self._changed = threading.Condition()
        self._lines, self._ended = [], False
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        for line in stream:
            with self._changed:
                self._lines.append(line.rstrip("\r\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def all(self):
        with self._changed:
            return list(self._lines)

    def wait(self, text, timeout=20, after=0):
        """The first line with `text` in it, at index `after` or later. Raises TimeoutError with what came instead."""
        def found():
            return next((line for line in self._lines[after:] if text in line), None)
        with self._changed:
            self._changed.wait_for(lambda: found() is not None or self._ended, timeout)
            line = found()
            if line is None:
                raise TimeoutError(f"no line with {text!r}{' before the end' if self._ended else ''} in:\n  "
                                   + "\n  ".join(self._lines))
            return line


class Container:
    """A started container: its output as it comes, and what tests ask of it."""

    def __init__(self, engine, identity):
        self.engine, self.id = engine, identity
        self._followers = []
        self._lines = None

    @property
    def lines(self):
        """Standard output and standard error together, followed from the start."""
        if self._lines is None:
            self._lines = self._follow("logs", "--follow", self.id)
        return self._lines

    def _follow(self, *arguments):
        process = self.engine.popen(*arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, errors="replace")
        self._followers.append(process)
        return Lines(process.stdout)

    def events(self, *filters):
        """The container's events since it was created, past ones first, one status word per line."""
        flags = [flag for name in filters for flag in ("--filter", f"event={name}")]
        return self._follow("events", "--since", "0", "--filter", f"container={self.id}", *flags,
                            "--format", "{{.Status}}")

    def wait(self, timeout=30):
        """The exit status of the container's first process, once it has ended."""
        return int(self.engine.docker("wait", self.id, timeout=timeout))

    def stop(self, seconds=10):
        """docker stop: (exit status, seconds it took)."""
        started = time.monotonic()
        self.engine.docker("stop", "-t", str(seconds), self.id, timeout=seconds + 20)
        return self.wait(), time.monotonic() - started

    def kill(self, signal_name):
        self.engine.docker("kill", "-s", signal_name, self.id)

    def execute(self, *command):
        """docker exec: (exit status, stdout, stderr)."""
        result = self.engine.run("exec", self.id, *command)
        return result.returncode, result.stdout, result.stderr

    def inspect(self, path):
        return json.loads(self.engine.docker("inspect", "--format", "{{json " + path + "}}", self.id))

    def close(self):
        for process in self._followers:
            process.kill()
            process.wait()
            process.stdout.close() if process.stdout and not process.stdout.closed else None


if __name__ == "__main__":
    # By hand: `python3 engine.py run --rm debian:bookworm-slim ls`, in an engine of its own.
    with Engine() as engine_:
        say(f"started in {engine_.timings['start']:.1f} s, base image imported in {engine_.timings['import']:.1f} s")
        sys.exit(engine_.popen(*sys.argv[1:]).wait() if len(sys.argv) > 1 else 0)
