"""What a server does with a connection that it has accepted when it is told to stop, with nobody else involved.

The socket is ours and stays open, so whatever is lost is lost by the server.
"""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from exchange import STEP, ask, environment, free_port, on_descriptor_3
from servers import Site

_UNACKED = 24  # of tcp_info; for a listener: the connections that nobody has accepted


def _accepted(listener):
    """All connections are; there is no event for that."""
    limit = time.monotonic() + STEP
    while struct.unpack_from("I", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), _UNACKED)[0]:
        if time.monotonic() > limit:
            raise TimeoutError("not accepted")
        time.sleep(0.001)


@contextlib.contextmanager
def _running(server, listener):
    folder = tempfile.mkdtemp(prefix="reinit-drop-", dir="/tmp")
    port = listener.getsockname()[1]
    site = Site(server, folder, port, held=True)
    process = subprocess.Popen(on_descriptor_3(site), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, pass_fds=(3,), preexec_fn=lambda: os.dup2(listener.fileno(), 3),
                               env={**environment(site), "SERVER_STARTER_PORT": f"127.0.0.1:{port}=3"})
    try:
        yield process
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STEP)
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def drops(server, patience=2.0):
    """True if it closes a connection without an answer which it accepted before it was told to stop.

    The request comes when the server has had `patience` seconds to notice, or is not sent at all if it closes before that.
    """
    with socket.create_server(("127.0.0.1", free_port()), backlog=100) as listener:
        address = listener.getsockname()
        with _running(server, listener) as process:
            with socket.create_connection(address, STEP) as first:
                ask(first)  # it serves
            with socket.create_connection(address, STEP) as client:
                _accepted(listener)
                process.send_signal(signal.Signals[f"SIG{server.stop}"])
                client.settimeout(patience)
                try:
                    return not client.recv(1)
                except TimeoutError:
                    client.settimeout(STEP)
                    with contextlib.suppress(ConnectionError):
                        return b" 200" not in ask(client)
                except ConnectionError:
                    pass
                return True
