"""A plain init: exit codes, words for what cannot be run, silence, stdio."""

import errno
import os
import signal
import stat

import harness
import namespace
import xml_runner

MS_NOEXEC = 0x8


@harness.with_twins
class ExitCodeTest(harness.Pid1Test):
    def test_exit_codes(self):
        for pid1 in (True, False):
            for code in (0, 1, 2, 7, 126, 127, 128, 143, 255):
                with self.subTest(code=code, pid1=pid1):
                    run = self.start("--", "/bin/sh", "-c", f"exit {code}", pid1=pid1)
                    run.end(code)
                    self.assertEqual((run.stdout, run.stderr), ("", ""))

    @harness.twin(*harness.BAD_INIT)
    def test_death_by_signal(self):
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGHUP,
                       signal.SIGRTMIN + 5, 64):
            with self.subTest(signal=number):
                run, app = self.start_app()
                self.tell(app, "die", signal_number=int(number))
                run.end(128 + number)
                self.assertEqual((run.stdout, run.stderr), ("", ""))

    def test_arguments_and_environment_come_through_unchanged(self):
        words = ["-l", "--", "--help", "", "a b", "ü\n", "*", "--watch=x"]
        run = self.start("--", *self.app(), *words, env={"REINIT_PORT": "tcp://1", "A": "b"})
        app = self.event("start")
        self.assertEqual(app["argv"][2:], words)
        self.assertEqual(app["env"]["REINIT_PORT"], "tcp://1")
        self.assertEqual({k for k in app["env"] if k.startswith("REINIT_")}, {"REINIT_PORT"})
        run.kill(signal.SIGTERM)
        run.end(0)

    def test_a_thousand_arguments_and_a_long_one(self):
        words = ["x" * 100_000, *("y" for _ in range(1000))]
        run = self.start("--", "/bin/sh", "-c", 'echo $# ${#1}', "sh", *words)
        run.end(0)
        self.assertEqual(run.stdout, "1001 100000\n")

    def test_process_that_ends_while_orphans_storm(self):
        run, app = self.start_app()
        self.tell(app, "orphans", count=300)
        self.tell(app, "exit", code=42)
        run.end(42)


class CannotRunTest(harness.Pid1Test):
    """127 for what is not there, 126 for what is not a program; always with the reason in words."""

    def refuse(self, code, command, *words, env=None, setup=None):
        with self.subTest(command=command):
            run = self.start("--", command, env=env, setup=setup)
            run.end(code)
            self.assertEqual(run.stdout, "")
            self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
            for word in (command, *words):
                self.assertIn(word, run.stderr)

    def file(self, content, mode=0o755):
        path = os.path.join(self.folder(), "program")
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def elf(self, machine):
        header = bytearray(b"\x7fELF\x02\x01\x01" + bytes(57))
        header[16:20] = bytes([2, 0, machine, 0])
        return bytes(header)

    def test_not_there(self):
        self.refuse(127, "no-such-program-anywhere", "PATH")
        self.refuse(127, "/no/such/program")
        self.refuse(127, os.path.join(harness.APP, "below-a-file"))

    def test_not_executable(self):
        self.refuse(126, self.file(b"#!/bin/sh\n", 0o644), "executable")

    def test_not_executable_in_path(self):
        path = self.file(b"#!/bin/sh\n", 0o644)
        self.refuse(126, "program", "executable", env={"PATH": os.path.dirname(path)})

    def test_directory(self):
        self.refuse(126, self.folder(), "directory")

    def test_missing_interpreter(self):
        self.refuse(127, self.file(b"#!/no/such/interpreter -x\n"), "/no/such/interpreter", "interpreter")

    def test_carriage_return(self):
        self.refuse(127, self.file(b"#!/bin/sh\r\necho hello\r\n"), "carriage return")

    def test_wrong_architecture(self):
        other = 183 if os.uname().machine == "x86_64" else 62
        self.refuse(126, self.file(self.elf(other)), "arm64" if other == 183 else "x86-64")

    def test_neither_program_nor_script(self):
        self.refuse(126, self.file(b""), "empty")
        self.refuse(126, self.file(b"echo hello\n"), "#!")
        self.refuse(126, self.file(b"\x7fELF"), "ELF")

    def test_no_permission_on_the_way(self):
        path = self.file(b"#!/bin/sh\n")
        os.chmod(os.path.dirname(path), 0o000)
        try:
            self.refuse(126, path, f"may not enter the folder '{os.path.dirname(path)}'", setup=drop_override)
        finally:
            os.chmod(os.path.dirname(path), 0o755)

    def test_too_many_links(self):
        path = os.path.join(self.folder(), "loop")
        os.symlink(path, path)
        self.refuse(126, path, os.strerror(errno.ELOOP).split()[0])

    def test_byte_order_mark(self):
        self.refuse(126, self.file(b"\xef\xbb\xbf#!/bin/sh\n"), "byte order mark")

    def test_dangling_link(self):
        path = os.path.join(self.folder(), "link")
        os.symlink("/no/such/target", path)
        self.refuse(127, path, "leads to '/no/such/target'")

    def test_noexec(self):
        path = self.file(b"#!/bin/sh\n")
        folder = os.path.dirname(path)

        def setup():
            flags = namespace.MS_BIND | namespace.MS_REMOUNT
            namespace.mount(folder, folder, "none", namespace.MS_BIND)
            namespace.mount("none", folder, "none", flags | MS_NOEXEC)
        self.refuse(126, path, "mounted with noexec", setup=setup)

    def test_open_for_writing(self):
        path = self.file(open("/bin/true", "rb").read())
        with open(path, "ab"):
            self.refuse(126, path, "writing")


def drop_override():
    """Takes CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH out of the bounding set: root is refused like anybody else."""
    for capability in (1, 2):
        harness.namespace.check(harness.namespace.libc.prctl(24, capability, 0, 0, 0), "PR_CAPBSET_DROP")


@harness.with_twins
class StdioTest(harness.Pid1Test):
    def test_the_child_gets_exactly_what_was_open(self):
        """Each combination of closed 0, 1, 2: closed stays closed, nothing of reinit's lands there or above."""
        def listing(init, closed):
            run = self.start(*self.app(exit=5), init=init,
                             setup=lambda: [os.close(fd) for fd in closed])
            run.end(5)
            self.assertEqual(run.stderr, "")
            # The application's own two are numbered after what it was given.
            return sorted(fd for fd, to in self.event("start")["fds"].items()
                          if "signalfd" not in to and "socket" not in to)
        for closed in ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
            with self.subTest(closed=closed):
                bare = listing(["/usr/bin/env"], closed)
                self.assertEqual(listing(None, closed), bare)

    def test_supervising_with_closed_stdio(self):
        for closed in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
            with self.subTest(closed=closed):
                run = self.start("--restart=on-failure:1", "--restart-delay=0", "--log-level=debug", "--",
                                 *self.app(exit=3), setup=lambda closed=closed: [os.close(fd) for fd in closed])
                self.event("start")
                self.event("start")
                run.end(3)

    @harness.twin(harness.TINI or "/usr/bin/tini", needs=harness.TINI or "/usr/bin/tini")
    def test_stdin_closed(self):
        run = self.start("--", "/bin/true", setup=lambda: os.close(0))
        run.end(0)

    @harness.twin(harness.TINI or "/usr/bin/tini", "-vvv", needs=harness.TINI or "/usr/bin/tini")
    def test_full_stderr_pipe_without_a_reader(self):
        _, full = self.full_pipe()
        flags = [] if self.init != [harness.REINIT] else ["--log-level=debug"]
        run, app = self.start_app(*flags, stdio=(None, full, full), config={"exit_on": {"15": 9}})
        run.kill(signal.SIGUSR1)
        self.event("signal", signal=signal.SIGUSR1)
        run.kill(signal.SIGTERM)
        run.end(9)

    def test_full_stderr_pipe_and_restarts(self):
        _, full = self.full_pipe()
        run = self.start("--log-level=debug", "--restart=always", "--restart-delay=1ms", "--restart-delay-max=1ms",
                         "--start-limit-burst=0", "--", *self.app(), stdio=(None, full, full))
        for _ in range(5):
            app = self.event("start")
            self.tell(app, "exit", code=1)
        self.event("start")
        run.kill(signal.SIGTERM)
        run.end(0)

    def test_stderr_that_refuses(self):
        reader, broken = os.pipe()
        os.close(reader)
        device = os.open("/dev/full", os.O_WRONLY)
        read_only = os.open("/dev/null", os.O_RDONLY)
        for name, fd in (("no reader", broken), ("/dev/full", device), ("read-only", read_only)):
            with self.subTest(stderr=name):
                run = self.start("--log-level=debug", "--restart=on-failure:2", "--restart-delay=0", "--",
                                 *self.app(exit=6), stdio=(None, fd, fd))
                for _ in range(3):
                    self.event("start")
                run.end(6)
            os.close(fd)

    def test_the_flags_of_a_shared_stderr_are_not_touched(self):
        reader, writer = os.pipe()
        run, _ = self.start_app("--log-level=debug", "--restart=always", stdio=(None, None, writer))
        self.assertTrue(os.get_blocking(writer))
        run.kill(signal.SIGTERM)
        run.end(0)
        self.assertTrue(os.get_blocking(writer))
        self.assertTrue(stat.S_ISFIFO(os.fstat(writer).st_mode))
        os.close(reader)
        os.close(writer)


if __name__ == "__main__":
    xml_runner.main()
