"""Podman with storage of its own, for tests: nothing of the machine's own containers is touched."""

import os
import shutil
import subprocess
import tempfile

import engine as engines

CONF = """
[containers]
default_ulimits=["nofile=1024:1024","nproc=4096:4096"]
netns="none"
log_driver="k8s-file"
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
helper_binaries_dir=["{folder}/helpers","/usr/libexec/podman","/usr/lib/podman"]
"""


IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Podman:
    """The podman command with private storage. `catatonit` is the file that it takes for that program.

    A context manager; start() raises engines.Unavailable where it cannot be had. Needs root.
    """

    def __init__(self, catatonit):
        self._catatonit = catatonit
        self.folder = None

    def __enter__(self):
        if os.getuid() != 0:
            raise engines.Unavailable("not root: no containers")
        engines.ensure_packages({"podman": "podman", "conmon": "conmon", "runc": "runc", "catatonit": "catatonit"})
        base = engines.base_tarball()
        self.folder = tempfile.mkdtemp(prefix="p-", dir="/var/tmp")
        os.mkdir(os.path.join(self.folder, "helpers"))
        shutil.copy(self._catatonit, os.path.join(self.folder, "helpers", "catatonit"))
        conf = os.path.join(self.folder, "containers.conf")
        with open(conf, "w") as file:
            file.write(CONF.format(folder=self.folder))
        self.environment = dict(os.environ, PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME=self.folder, CONTAINERS_CONF=conf)
        # With a PATH, as the images of a registry have.
        self.podman("import", "--change", f"ENV PATH={IMAGE_PATH}", base, "base", timeout=300)
        return self

    def __exit__(self, *_):
        self.run("pod", "rm", "-af", "-t", "0")
        self.run("rm", "-af", "-t", "0")
        self.run("system", "reset", "-f")
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, *arguments):
        return ["podman", "--root", self.folder + "/root", "--runroot", self.folder + "/run", "--tmpdir",
                self.folder + "/tmp", "--runtime", shutil.which("runc", path=self.environment["PATH"]), *arguments]

    def run(self, *arguments, timeout=60):
        return subprocess.run(self.command(*arguments), env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", timeout=timeout)

    def podman(self, *arguments, **kwargs):
        """A command that must succeed; gives its output without the last newline."""
        result = self.run(*arguments, **kwargs)
        if result.returncode != 0:
            raise engines.DockerError(f"podman {' '.join(arguments)}: {result.returncode}: {result.stderr[-2000:]}")
        return result.stdout.rstrip("\n")
