"""The application that tests supervise. Reports what it sees over a datagram socket and does what it is told there.

    app.py '{"socket": NAME, "name": "main", "exit_on": {"15": 0}}'

All signals are blocked and read from a signalfd, so count, order and payload are exact. Config:
  exit_on     {signal: code}: report the signal, then exit
  delay       seconds between such a signal and the exit ("done" is reported in between)
  default_on  [signals] left to their default action
  ignore      [signals] set to SIG_IGN
  respawn     before such an exit, leave a copy behind (it is hard to end)
  exit        code: exit at once after reporting the start
  reads       file: its content is in the report of the start
"""

import ctypes
import json
import os
import select
import signal
import socket
import struct
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
SYS_RT_SIGPROCMASK, SYS_SIGNALFD4, SYS_PRCTL = {
    "x86_64": (14, 289, 157), "aarch64": (135, 74, 167)}[os.uname().machine]
ALL = (1 << 64) - 1


def mask_without(signals):
    mask = ALL
    for number in signals:
        mask &= ~(1 << (number - 1))
    return mask


def set_mask(mask):
    libc.syscall(SYS_RT_SIGPROCMASK, signal.SIG_SETMASK, ctypes.byref(ctypes.c_uint64(mask)), None, 8)


class App:
    def __init__(self, config):
        self.config = config
        self.exit_on = {int(number): code for number, code in config.get("exit_on", {"15": 0}).items()}
        default_on = config.get("default_on", [])
        for number in default_on:
            signal.signal(number, signal.SIG_DFL)
        for number in config.get("ignore", []):
            signal.signal(number, signal.SIG_IGN)
        mask = ctypes.c_uint64(mask_without(default_on))
        self.signals = libc.syscall(SYS_SIGNALFD4, -1, ctypes.byref(mask), 8, 0)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("")  # an address of its own, to be told things at
        set_mask(mask.value)

    def report(self, event, **what):
        what.update(event=event, name=self.config["name"], pid=os.getpid())
        try:
            self.socket.sendto(json.dumps(what).encode(), "\0" + self.config["socket"])
        except OSError:
            os._exit(99)  # the test is over

    def report_start(self):
        try:
            fds = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                   if os.path.lexists(f"/proc/self/fd/{fd}")}
        except OSError:
            fds = {}
        try:
            foreground = os.tcgetpgrp(0)
        except OSError:
            foreground = None
        content = None
        if "reads" in self.config:
            with open(self.config["reads"], encoding="utf-8") as file:
                content = file.read()
        self.report("start", content=content, ppid=os.getppid(), group=os.getpgrp(), session=os.getsid(0), argv=sys.argv,
                    env=dict(os.environ), fds=fds, foreground=foreground, cwd=os.getcwd())

    def run(self):
        self.report_start()
        if "exit" in self.config:
            os._exit(self.config["exit"])
        while True:
            ready = select.select([self.signals, self.socket], [], [])[0]
            if self.signals in ready:
                self.on_signal(os.read(self.signals, 128))
            if self.socket in ready:
                order = json.loads(self.socket.recv(65536))
                getattr(self, "do_" + order.pop("do"))(**order)

    def on_signal(self, info):
        number, _, code, sender, uid = struct.unpack_from("=IiiII", info)
        value = struct.unpack_from("=q", info, 48)[0]
        if number == signal.SIGCHLD:
            self.reap()
            if number not in self.exit_on and not self.config.get("tell_child"):
                return
        self.report("signal", signal=number, code=code, value=value, sender=sender, uid=uid)
        if number in self.exit_on:
            if self.config.get("delay"):
                time.sleep(self.config["delay"])
                self.report("done")
            if self.config.get("respawn"):
                self.do_spawn(**self.config)
            os._exit(self.exit_on[number])

    def reap(self):
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    # Orders.

    def do_exit(self, code):
        os._exit(code)

    def do_die(self, signal_number):
        signal.signal(signal_number, signal.SIG_DFL) if signal_number not in (9, 19) else None
        set_mask(0)
        os.kill(os.getpid(), signal_number)

    def do_kill(self, pid, signal_number):
        os.kill(pid, signal_number)
        self.report("killed")

    def do_read(self, fd, size):
        self.report("read", text=os.read(fd, size).decode())

    def do_look(self, path):
        self.report("looked", there=os.path.exists(path))

    def do_write(self, fd, text):
        self.report("wrote", size=os.write(fd, text.encode()))

    def do_full_screen(self):
        """As an editor leaves the terminal that dies: raw, on the alternate screen, the mouse reported."""
        import tty
        tty.setraw(0, when=tty.TCSANOW)
        self.do_write(1, "\033[?1049h\033[?1000h\033[?2004h\033[?25l")

    def do_notify(self, text):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])

    def do_close(self, fd):
        os.close(fd)
        self.report("closed")

    def do_spawn(self, session=False, orphan=False, bare=False, **config):
        """Another application, which reports by itself. orphan: by a double fork; bare: with an empty environment."""
        if os.fork():
            return
        if session:
            os.setsid()
        if orphan and os.fork():
            os._exit(0)
        config.setdefault("socket", self.config["socket"])
        if bare:
            set_mask(0)
            os.execve(sys.executable, [sys.executable, "-SE", sys.argv[0], json.dumps(config)], {})
        set_mask(ALL)
        self.socket.close()
        os.close(self.signals)
        run(config)

    def do_orphans(self, count):
        """That many grandchildren which end as orphans, in tens, so that no limit on processes is met. Told when all
        are there and about to be zombies: a test that looks for them earlier may look before they are made."""
        ended, alive = os.pipe()  # the end of the pipe is that of the last one that has it
        for left in range(count, 0, -10):
            if os.fork() == 0:
                for _ in range(min(left, 10)):
                    if os.fork() == 0:
                        os._exit(0)
                os._exit(0)
        os.close(alive)
        os.read(ended, 1)
        os.close(ended)
        self.report("made")

    def do_fork_exits(self, count):
        """Children of its own that end at once, to keep it busy."""
        for _ in range(count):
            if os.fork() == 0:
                os._exit(0)
        self.report("made")


def run(config):
    try:
        App(config).run()
    except BaseException as error:  # never back into a fork's parent's code
        sys.stderr.write(f"app.py: {error!r}\n")
        os._exit(98)


if __name__ == "__main__":
    run(json.loads(sys.argv[1]))
