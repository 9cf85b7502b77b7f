"""Descriptors that a stranger sends to PID 1 and that hang whoever closes them."""

import os
import signal
import socket
import subprocess
import unittest

import bindfs
import harness
import xml_runner

TERM, USR1, USR2 = signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2
# On USR2 a child of its own sends what the argument says, and ends: then the last reference is the one in the message.
SERVICE = """
import os, signal, socket, struct, sys

def lingering():
    client = socket.create_connection(("127.0.0.1", int(sys.argv[3])))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    client.setblocking(False)
    try:
        while True:
            client.send(b"x" * 65536)
    except BlockingIOError:
        return client.detach()

def to(path, kind):
    target = socket.socket(socket.AF_UNIX, kind)
    target.connect(path)
    return target

def notify(text, *fds):
    socket.send_fds(to(os.environ["NOTIFY_SOCKET"], socket.SOCK_DGRAM), [text], fds)

def send():
    what, path, _ = sys.argv[1:]
    if what == "notify":
        for _ in range(8):
            notify(b"BARRIER=1", lingering())
    elif what == "file":
        fd = os.open(path, os.O_RDWR)
        for _ in range(8):
            notify(b"BARRIER=1", fd)
        print("sent")
        signal.pause()
    elif what == "control":
        socket.send_fds(to(path, socket.SOCK_SEQPACKET), [b"status"], [lingering()])
    else:
        socket.send_fds(to(path, socket.SOCK_STREAM), [b"x"], [lingering()])

def on_usr2():
    if os.fork() == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ACTIONS)
        try:
            send()
            print("sent")
        except OSError as error:
            print("sent: refused", error.errno)
        os._exit(0)
    if sys.argv[1] != "file":
        os.wait()
    if sys.argv[1] == "shutdown":
        socket.socket(fileno=3).shutdown(socket.SHUT_RDWR)
    elif sys.argv[1] == "unlink":
        folder = os.path.dirname(sys.argv[2])
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
    os.write(1, b"done\\n")

ACTIONS = {signal.SIGUSR1: lambda: os.write(1, b"alive\\n"), signal.SIGTERM: lambda: os._exit(5), signal.SIGUSR2: on_usr2}
signal.pthread_sigmask(signal.SIG_BLOCK, ACTIONS)
os.write(1, b"up\\n")
while True:
    ACTIONS[signal.sigwait(ACTIONS)]()  # pause() would miss one that comes just before
"""


class RightsTest(harness.Pid1Test):
    def line(self, run, part):
        self.wait_for(lambda: part in run.stdout, f"'{part}'")

    def attack(self, what, path="", then=lambda: None, flags=()):
        """Sends while PID 1 is stopped: once the sender has ended, the message has the last reference."""
        control = os.path.join(self.folder(), "control")
        peer = socket.create_server(("127.0.0.1", 0))  # never reads
        self.addCleanup(peer.close)
        run = self.start("--ready=notify", f"--control={control}", *flags, "--", harness.PYTHON, "-uSEc", SERVICE, what,
                         path or control, str(peer.getsockname()[1]))
        self.line(run, "up\n")
        main = self.main(run)
        os.kill(run.host, signal.SIGSTOP)
        os.kill(main, USR2)
        self.line(run, "sent")
        self.line(run, "done\n")
        then()
        os.kill(run.host, signal.SIGCONT)
        return run, control

    def main(self, run):
        main, = [p.host for p in run.members() if p.host != run.host]
        return main

    def attack_listener(self, what):
        """In a connection that is never accepted."""
        path = os.path.join(self.folder(), "s")
        return self.attack(what, path, flags=[f"--listen=unix:{path}", "--restart=always", "--restart-delay=1ms"])

    def goes_on(self, run, control):
        """It forwards, answers its owner, and reads what comes after."""
        run.kill(USR1)
        self.line(run, "alive\n")
        subprocess.run([harness.REINIT, f"--control={control}", "ctl", "status"], check=True, capture_output=True,
                       timeout=self.deadline)

    def only_main(self, run):
        """No child that has closed something is left; the sender is the process's own."""
        self.eventually(lambda: sum(p.parent == run.host for p in run.members()) == 1, lambda: f"left: {run.members()}")

    def ends(self, run):
        run.kill(TERM)
        run.end(5)

    def test_lingering_sockets_for_the_notify_socket(self):
        run, control = self.attack("notify")
        self.goes_on(run, control)
        self.ends(run)

    def test_a_lingering_socket_for_the_control_socket(self):
        run, control = self.attack("control")
        self.goes_on(run, control)
        self.ends(run)

    def test_a_lingering_socket_in_the_queue_of_a_held_socket_at_the_end(self):
        run, control = self.attack_listener("queue")
        self.goes_on(run, control)
        self.ends(run)

    def test_a_lingering_socket_in_the_queue_of_a_held_socket_that_is_bound_again(self):
        for what, news in (("shutdown", "it was shut down"), ("unlink", "its file was removed")):
            with self.subTest(what):
                run, control = self.attack_listener(what)
                os.kill(self.main(run), signal.SIGKILL)
                run.says(news, "and is there again")
                self.wait_for(lambda: run.stdout.count("up\n") == 2, "second start")
                self.goes_on(run, control)
                self.only_main(run)
                self.ends(run)

    def test_a_file_that_hangs_when_it_is_closed(self):
        """More of them than there may be children that hang."""
        source = self.folder()
        self.write(os.path.join(source, "file"), "one")
        mount = bindfs.Mount(self, source)
        run, control = self.attack("file", os.path.join(mount.path, "file"), then=mount.hang)
        self.goes_on(run, control)
        run.says("notify socket", "hang", "refused")
        self.goes_on(run, control)
        mount.go_on()
        self.only_main(run)
        self.ends(run)


if __name__ == "__main__":
    xml_runner.main()
