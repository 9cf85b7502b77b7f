"""reinit self-install: a copy that works, all of it or nothing."""

import os
import stat

import harness
import namespace
import xml_runner
from run import proc


def content(path):
    with open(path, "rb") as file:
        return file.read()


class SelfInstallTest(harness.Pid1Test):
    def setUp(self):
        super().setUp()
        self.tools = self.folder()
        self.copy = os.path.join(self.tools, "reinit")

    def install(self, folder=None, **how):
        return self.start("self-install", folder or self.tools, **how)

    def refused(self, folder, *words):
        run = self.install(folder)
        run.end(1)
        lines = run.stderr.splitlines()
        self.assertEqual(len(lines), 1, lines)
        for word in ("self-install", folder, *words):
            self.assertIn(word, lines[0])

    def test_the_copy_works(self):
        # Whatever the umask, and with /proc or without.
        for setup in (lambda: os.umask(0o077), lambda: namespace.mount("none", "/proc", "tmpfs")):
            if harness.SANITIZED:
                setup = None  # the sanitizers themselves need /proc
            run = self.install(setup=setup)
            run.end(0)
            self.assertEqual((run.stdout, run.stderr), ("", ""))
            self.assertEqual(os.listdir(self.tools), ["reinit"])
            self.assertEqual(content(self.copy), content(harness.REINIT))
            self.assertEqual(stat.S_IMODE(os.stat(self.copy).st_mode), 0o755)
            self.init = [self.copy]
            run, app = self.start_app(f"--watch={self.folder()}")  # with a helper, which is the same binary
            self.eventually(lambda: "watch" in run.helpers(), lambda: "no helper")
            self.assertEqual(proc(run.host, "comm"), "reinit\n")
            run.kill(15)
            run.end(0)
            self.init = [harness.REINIT]
            os.unlink(self.copy)

    def test_one_that_runs_is_replaced_and_goes_on(self):
        self.install().end(0)
        old = os.stat(self.copy).st_ino
        self.init = [self.copy]
        run, app = self.start_app()
        again = self.install()
        again.end(0)
        self.assertNotEqual(os.stat(self.copy).st_ino, old)
        self.assertEqual(os.listdir(self.tools), ["reinit"])
        self.assertTrue(self.alive(app))
        run.kill(15)
        run.end(0)

    def test_errors_name_the_thing(self):
        self.refused(os.path.join(self.tools, "none"), "No such file or directory")
        self.refused(self.write(os.path.join(self.tools, "file")), "Not a directory")
        os.mkdir(self.copy)
        self.refused(self.tools, "Is a directory", self.copy)
        self.assertEqual(sorted(os.listdir(self.tools)), ["file", "reinit"])

    def test_a_full_disk_leaves_nothing(self):
        def small():
            namespace.check(namespace.libc.mount(b"none", self.tools.encode(), b"tmpfs", 0, b"size=64k"), "mount")
        run = self.start("-c", f"{harness.REINIT} self-install {self.tools}; echo $?; ls -A {self.tools}",
                         init=["/bin/sh"], setup=small)
        run.end(0)
        self.assertEqual(run.stdout, "1\n")
        self.assertIn(f"cannot write {self.copy}: No space left on device", run.stderr)


if __name__ == "__main__":
    xml_runner.main()
