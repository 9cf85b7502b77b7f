"""Sockets that reinit holds: how the process gets them, who else must not, and what is said when they cannot be had."""

import errno
import os
import shutil
import signal
import socket

import harness
import xml_runner

TERM = signal.SIGTERM
TCP = "--listen=web=tcp://127.0.0.1:0"


def sockets(fds):
    return {int(fd) for fd, target in fds.items() if target.startswith("socket:") and int(fd) < 10}


class ListenTest(harness.Pid1Test):
    def stop(self, run, code=143):
        run.kill(TERM)
        run.end(code)

    def listening(self, *flags, arguments=(), **how):
        run = self.start(*flags, "--", *self.app(), *arguments, **how)
        return run, self.event("start", name="main")

    def test_systemd_form(self):
        """LISTEN_PID is the process's own; the sockets are its 3 and 4."""
        path = os.path.join(self.folder(), "s")
        run, app = self.listening(TCP, f"--listen=unix:{path}?mode=0666")
        self.assertEqual({key: app["env"].get(key) for key in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")},
                         {"LISTEN_FDS": "2", "LISTEN_PID": str(app["pid"]), "LISTEN_FDNAMES": "web:s"})
        self.assertLessEqual({3, 4}, sockets(app["fds"]))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o666)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        self.stop(run, 0)
        self.assertFalse(os.path.exists(path))

    def test_placeholders(self):
        run, app = self.listening(TCP, "--listen=tcp://127.0.0.1:0",
                                  arguments=["--fd={fd:tcp}", "{port:web}", "${port:-80}"])
        fd, port, literal = app["argv"][-3:]
        self.assertEqual((fd, literal), ("--fd=4", "${port:-80}"))
        socket.create_connection(("127.0.0.1", int(port))).close()
        self.stop(run, 0)

    def test_a_placeholder_that_names_no_socket(self):
        for check in (["--check"], []):
            run = self.start(*check, TCP, "--", "/bin/echo", "{fd:wbe}", "{port:web}")
            run.end(2)
            self.assertIn("{fd:wbe}: no socket of --listen has this name; allowed is web", run.stderr)
            self.assertEqual(run.stdout, "")

    def test_without_sockets_braces_are_the_users(self):
        run = self.start("--restart=no", "--", "/bin/echo", "{fd:web}")
        run.end(0)
        self.assertEqual(run.stdout, "{fd:web}\n")

    def test_all_forms(self):
        run, app = self.listening(TCP, "--listen-env=all", arguments=["{port:web}"])
        address = f"127.0.0.1:{app['argv'][-1]}"
        for key, value in {"NGINX": "3;", "SERVER_STARTER_PORT": f"{address}=3", "FPM_SOCKETS": f"{address}=3",
                           "UNICORN_FD": "3", "EINHORN_FD_COUNT": "1", "EINHORN_FD_0": "3", "GUNICORN_FD": "3"}.items():
            self.assertEqual(app["env"].get(key), value, key)
        self.stop(run, 0)

    def test_the_same_socket_again(self):
        """The process that comes after a reload has the very socket that the one before had."""
        watched = self.write(os.path.join(self.folder(), "f"))
        run, app = self.listening(TCP, f"--watch={watched}", "--reload-delay=10ms")
        self.write(watched, "new")
        again = self.event("start", name="main")
        self.assertNotEqual(again["pid"], app["pid"])
        self.assertEqual(again["fds"]["3"], app["fds"]["3"])
        self.assertEqual(again["env"]["LISTEN_PID"], str(again["pid"]))
        self.stop(run, 0)

    def test_nobody_else_has_it(self):
        """Neither hooks nor helpers; they are not told of it either."""
        folder = self.folder()
        seen = os.path.join(folder, "seen")
        run, app = self.listening(TCP, f"--watch={folder}", "--pre-start=/bin/sh -c "
                                  f"'ls -l /proc/self/fd >{seen}; env >>{seen}'")
        inode = app["fds"]["3"]
        with open(seen) as file:
            text = file.read()
        self.assertNotIn(inode, text)
        self.assertNotIn("LISTEN_", text)
        helpers = run.helpers()
        self.assertIn("watch", helpers)
        for name, pid in helpers.items():
            targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            self.assertNotIn(inode, targets, name)
        self.assertIn(inode, run.fds().values())  # but reinit holds it
        self.stop(run, 0)

    def test_what_cannot_be_had(self):
        """One line for each, exit 2, nothing was started."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            for check in ([], ["--check"]):
                run = self.start(*check, "--control=off", f"--listen=tcp://127.0.0.1:{port}",
                                 "--listen=unix:/no/such/folder/s", "--listen=fd:77",
                                 f"--status-listen=tcp://127.0.0.1:{port}", "--", "/bin/echo", "started")
                run.end(2)
                self.assertEqual([line.split(": ", 2)[-1] for line in run.stderr.splitlines()], [
                    "the address is in use: another process listens on it", "its folder is not there",
                    "reinit was started without this descriptor", "the address is in use: another process listens on it"])
                self.assertEqual(run.stdout, "")

    def test_ready_descriptor_of_a_socket(self):
        run = self.start(TCP, "--ready=fd:3", "--", "/bin/echo", "started")
        run.end(2)
        self.assertIn("allowed is fd:4 or more", run.stderr)

    def test_check_leaves_nothing_behind(self):
        path = os.path.join(self.folder(), "s")
        run = self.start("--check", f"--listen=unix:{path}", "--listen-env=nginx", "--", "true")
        run.end(0)
        self.assertIn("descriptor 3", run.stdout)
        self.assertFalse(os.path.exists(path))

    def test_inherited(self):
        """Under a service manager: what it passed comes first and keeps its name."""
        def pass_one():
            fd = socket.create_server(("127.0.0.1", 0)).detach()
            os.set_inheritable(fd, True)
            os.dup2(fd, 3)
        run, app = self.listening(TCP, setup=pass_one,
                                  env={"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "main"},
                                  arguments=["{port:main}", "{fd:web}"])
        self.assertEqual(app["env"]["LISTEN_FDNAMES"], "main:web")
        self.assertEqual(app["env"]["LISTEN_FDS"], "2")
        self.assertEqual(app["argv"][-1], "4")
        socket.create_connection(("127.0.0.1", int(app["argv"][-2]))).close()
        self.stop(run, 0)

    def join(self, *flags):
        """The error of a second listener, of the same user, at the address of --listen."""
        run, app = self.listening(*flags, arguments=["{port:web}"])
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            try:
                other.bind(("127.0.0.1", int(app["argv"][-1])))
                other.listen()
                error = None
            except OSError as refused:
                error = refused.errno
        self.assertEqual(app["env"]["LISTEN_FDS"], "1")
        self.stop(run, 0)
        return error

    def test_reuseport(self):
        """For one process it is one socket, next to which others of the user may listen."""
        self.assertIsNone(self.join(TCP + "?reuseport"))

    def test_twin_without_reuseport(self):
        self.assertEqual(self.join(TCP), errno.EADDRINUSE)

    def test_reuseport_joins_nobody(self):
        """A second reinit would get half of the connections, and nobody would see why."""
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(("127.0.0.1", 0))
            other.listen()
            run = self.start(f"--listen=tcp://127.0.0.1:{other.getsockname()[1]}?reuseport", "--", "/bin/echo", "started")
            run.end(2)
        self.assertIn("the address is in use", run.stderr)
        self.assertEqual(run.stdout, "")

    def test_reuseport_of_other_sockets(self):
        for flag in ("--listen=unix:/tmp/s?reuseport", "--listen=unix:/tmp/s?mode=0600&reuseport",
                     "--listen=fd:3?reuseport", "--status-listen=tcp://127.0.0.1:0?reuseport",
                     "--listen=tcp://127.0.0.1:0?reuseports"):
            with self.subTest(flag):
                run = self.start("--control=off", flag, "--", "/bin/echo", "started")
                run.end(2)
                self.assertIn("reuseport", run.stderr)
                self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
                self.assertEqual(run.stdout, "")

    def behind_a_shell(self, *words):
        """A shell that stays, and its child: returns LISTEN_PID and the pid of the latter."""
        code = "import os; print(os.environ['LISTEN_PID'], os.getpid())"
        run = self.start(TCP, "--", "/bin/sh", "-c", '"$@"; true', "sh", *words, harness.PYTHON, "-SEc", code)
        run.end(0)
        return run.stdout.split()

    def test_listen_exec(self):
        told, own = self.behind_a_shell(harness.REINIT, "listen-exec", "--")
        self.assertEqual(told, own)

    def test_twin_without_listen_exec(self):
        told, own = self.behind_a_shell()
        self.assertNotEqual(told, own)

    def test_listen_exec_of_nothing(self):
        for words, code in ((["/no/such/program"], 127), (["/etc/passwd"], 126), ([], 2)):
            run = self.start("listen-exec", "--", *words)
            run.end(code)
            self.assertIn("listen-exec", run.stderr)

    def test_listen_exec_without_sockets(self):
        run = self.start("listen-exec", shutil.which("env"))
        run.end(0)
        self.assertNotIn("LISTEN_PID", run.stdout)


if __name__ == "__main__":
    xml_runner.main()
