"""One init with what it runs, seen from outside: its end, its output, its namespace, its descriptors."""

import contextlib
import ctypes
import json
import os
import select
import signal
import time

import namespace


# All but KILL and STOP.
ALL_BLOCKED = "fffffffffffbfeff"


class Late(AssertionError):
    """What was waited for did not happen."""


class Process:
    """Somebody in the namespace, seen from outside."""

    def __init__(self, stat):
        close = stat.rindex(")")
        fields = stat[close + 2:].split()
        self.host = int(stat[:stat.index(" ")])
        self.name = stat[stat.index("(") + 1:close]
        self.state, self.parent = fields[0], int(fields[1])

    def wchan(self):
        """Where in the kernel it waits; empty if it has ended."""
        try:
            return proc(self.host, "wchan")
        except OSError:
            return ""

    def __repr__(self):
        return f"{self.host}({self.name}){self.state}"


def proc(pid, file):
    with open(f"/proc/{pid}/{file}", encoding="utf-8", errors="replace") as content:
        return content.read()


def status_fields(text):
    return {line.split(":", 1)[0]: line.split(":", 1)[1].strip() for line in text.splitlines() if ":" in line}


class Run:
    """One init with what it runs. Made by Pid1Test.start."""

    def __init__(self, test, argv, env, stdio, pid1, setup):
        self.test, self.pid1 = test, pid1
        self.text = {1: b"", 2: b""}
        self.readers = {}
        fds = []
        for number, given in enumerate(stdio):
            if given == "pipe":
                reader, given = os.pipe()
                self.readers[reader] = number
            elif given is None:
                given = os.open("/dev/null", os.O_RDWR)
            else:
                given = os.dup(given)
            fds.append(given)
        self.report_text, self.status, self.left, self.top, self.adopted = b"", None, None, None, 0
        self.host = self.pidfd = None
        self.launcher, self.report, executed, go = namespace.launch(argv, env, fds, pid1, setup)
        try:
            self.find(executed)
        finally:
            os.close(go)  # from here on it runs
        error = b""
        while chunk := os.read(executed, 4096):
            error += chunk
        os.close(executed)
        if error:
            self.destroy()
            raise RuntimeError(error.decode())

    def find(self, executed):
        """Learns the pid while the program is held just before its exec, so that it cannot have ended."""
        while self.host is None and not select.select([executed], [], [], 0)[0]:
            if self.top is None:
                self.on_readable(self.report)
            else:
                found = [p.host for p in self.members() if self.pid1 or p.parent == self.top]
                self.host = found[0] if found else None
        if self.host is not None:
            self.pidfd = os.pidfd_open(self.host)

    # Watching.

    def fds_to_watch(self):
        return [self.report, *self.readers]

    def on_readable(self, fd):
        data = os.read(fd, 65536)
        if fd in self.readers:
            self.text[self.readers[fd]] += data
            if not data:
                os.close(fd)
                del self.readers[fd]
        elif data:
            self.report_text += data
            while b"\n" in self.report_text:
                line, self.report_text = self.report_text.split(b"\n", 1)
                news = json.loads(line)
                self.top = news.get("host", self.top)
                self.status = news.get("status", self.status)
                self.left = news.get("left", self.left)
                self.adopted = news.get("adopted", self.adopted)
        else:
            os.close(self.report)
            self.report = None
            self.top = self.top or 0

    def wait_for(self, condition, what, deadline=None):
        return self.test.wait_for(condition, what, deadline)

    @property
    def stdout(self):
        return self.text[1].decode(errors="replace")

    @property
    def stderr(self):
        return self.text[2].decode(errors="replace")

    def says(self, *words, after=0):
        """Waits for a line on stderr with all of these words; returns its index, for a later `after`."""
        def find():
            for index, line in enumerate(self.stderr.splitlines()[after:], after):
                if all(word in line for word in words):
                    return index + 1
            return None
        return self.wait_for(find, f"a line with {words}") - 1

    # Looking inside.

    def members(self):
        """Every process of the namespace, as the host sees it."""
        result = []
        try:
            wanted = os.readlink(f"/proc/{self.top}/ns/pid_for_children")
        except OSError:
            return result
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{name}/ns/pid") == wanted:
                    result.append(Process(proc(name, "stat")))
            except OSError:
                pass
        return result

    def helpers(self):
        """Host pids of reinit's helpers by role."""
        result = {}
        for process in self.members():
            try:
                words = proc(process.host, "cmdline").split("\0")
            except OSError:
                continue
            if process.parent == self.host and words[0].startswith("reinit: "):
                result[words[0][len("reinit: "):]] = process.host
        return result

    def only(self, *hosts):
        """Waits until nobody lives beside reinit, its helpers and these; zombies count as somebody."""
        def others():
            mine = {self.top, self.host, *self.helpers().values(), *hosts}
            return [process for process in self.members() if process.host not in mine]
        self.test.eventually(lambda: not others(), lambda: f"strangers: {others()}")

    def fds(self):
        result = {}
        for fd in os.listdir(f"/proc/{self.host}/fd"):
            with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
                result[fd] = os.readlink(f"/proc/{self.host}/fd/{fd}")
        return result

    def fd_kinds(self):
        """What descriptors there are; their numbers depend on the order in which helpers came and went."""
        return sorted(target.split(":[")[0] for target in self.fds().values())

    def same_fds(self, kinds):
        """Waits until there are as many of each kind as there were: nothing leaked."""
        self.test.eventually(lambda: self.fd_kinds() == kinds, lambda: f"{self.fds()} for {kinds}")

    def wakeups(self):
        fields = status_fields(proc(self.host, "status"))
        return int(fields["voluntary_ctxt_switches"]) + int(fields["nonvoluntary_ctxt_switches"])

    def comes_to_rest(self, seconds=2):
        """Waits for that long without a wake-up; whoever polls more often never gets there."""
        seen = since = None

        def rested():
            nonlocal seen, since
            now, count = time.monotonic(), self.wakeups()
            if count != seen:
                seen, since = count, now
            return now - since >= seconds
        self.test.eventually(rested, lambda: f"still awake after {seen} wake-ups")

    def takes_signals(self):
        """Whether no signal is lost: all are blocked, or awaited in rt_sigtimedwait, where the kernel shows none as blocked."""
        blocked = status_fields(proc(self.host, "status")).get("SigBlk")
        return blocked in (None, ALL_BLOCKED) or "sigtimedwait" in proc(self.host, "wchan")

    def has_blocked_signals(self):
        """Waits for the first thing that reinit does. Before that the kernel drops a signal to PID 1 as unhandled."""
        limit = time.monotonic() + self.test.deadline
        while not self.takes_signals():
            if time.monotonic() > limit:
                raise Late("no blocked signals")

    # Doing.

    def kill(self, number):
        with contextlib.suppress(ProcessLookupError):  # then its status tells
            signal.pidfd_send_signal(self.pidfd, number)

    def queue(self, number, value):
        """sigqueue(3): a signal with a payload."""
        if namespace.libc.sigqueue(self.host, number, ctypes.c_void_p(value)) != 0:
            raise OSError(ctypes.get_errno(), "sigqueue")

    def enter(self, argv):
        """Runs a program inside that comes from outside, as `docker exec` does: its parent is 0."""
        pid = os.fork()
        if pid == 0:
            try:
                namespace.die_with_parent()
                namespace.join_namespaces(self.host)
                if os.fork() == 0:
                    os.execve(argv[0], argv, {})
                os.wait()
            finally:
                os._exit(0)
        self.test.addCleanup(os.waitpid, pid, 0)
        self.test.addCleanup(os.kill, pid, signal.SIGKILL)
        self.test.addCleanup(self.destroy)

    def end(self, code=None, may_be_left=()):
        """Waits for the end of the init. Returns its exit code, or -signal; nothing may be left behind it."""
        self.wait_for(lambda: self.status is not None, "the end of the init")
        while self.report is not None or self.launcher:
            self.collect()
        result = os.waitstatus_to_exitcode(self.status)
        if code is not None:
            self.test.assertEqual(result, code, f"exit code; stderr:\n{self.stderr}")
        left = [stat for stat in self.left or [] if int(stat.split()[0]) not in may_be_left]
        self.test.assertEqual(left, [], "left behind in the namespace")
        return result

    def collect(self):
        if self.report is not None:
            self.on_readable(self.report)
        elif self.launcher:
            os.waitpid(self.launcher, 0)
            self.launcher = 0
            for fd in list(self.readers):
                # What was written before the end is there; somebody outside may hold the other end open.
                while fd in self.readers and select.select([fd], [], [], 0)[0]:
                    self.on_readable(fd)

    def destroy(self):
        if self.launcher:
            if self.pidfd is not None and self.status is None:
                self.kill(signal.SIGKILL)
            os.kill(self.launcher, signal.SIGKILL)  # the whole namespace with it
            os.waitpid(self.launcher, 0)
            self.launcher = 0
        for fd in [*self.readers, self.pidfd, self.report]:
            if fd is not None:
                os.close(fd)
        self.readers, self.report, self.pidfd = {}, None, None
