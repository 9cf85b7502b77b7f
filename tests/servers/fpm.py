"""php-fpm, which speaks FastCGI and so is not among those of servers.py."""

import glob
import os
import struct

from servers import Server

CONFIG = """[global]
daemonize = no
process_control_timeout = 10s
error_log = /proc/self/fd/2
[www]
user = root
listen = {listen}
pm = static
pm.max_children = 2
clear_env = no
; version {version}
"""
PHP = '<?php echo "answered by ", getenv("REINIT_GENERATION");'
PROGRAM = next(iter(sorted(glob.glob("/usr/sbin/php-fpm*"))), "/usr/sbin/php-fpm8.2")  # Debian 12
FPM = Server("php-fpm", {PROGRAM: "php8.2-fpm"}, own="", held=f"{PROGRAM} --nodaemonize --allow-to-run-as-root -y {{work}}/fpm.conf",
             files={"fpm.conf": CONFIG, "index.php": PHP}, flags=("--listen-env=php-fpm",), stop="QUIT")

_BEGIN, _PARAMS, _STDIN, _STDOUT, _RESPONDER = 1, 4, 5, 6, 1
_HEADER = struct.Struct("!BBHHBB")


def _record(kind, body=b""):
    return _HEADER.pack(1, kind, 1, len(body), 0, 0) + body


def ask(site):
    """What index.php of this site answers."""
    pairs = {"SCRIPT_FILENAME": os.path.join(site.folder, "index.php"), "REQUEST_METHOD": "GET"}
    params = b"".join(bytes((len(key), len(value))) + (key + value).encode() for key, value in pairs.items())
    with site.connect(30) as client:
        client.sendall(_record(_BEGIN, struct.pack("!HB5x", _RESPONDER, 0)) + _record(_PARAMS, params) + _record(_PARAMS)
                       + _record(_STDIN))
        data = b""
        while chunk := client.recv(65536):
            data += chunk
    text = b""
    while data:
        _, kind, _, size, padding, _ = _HEADER.unpack_from(data)
        if kind == _STDOUT:
            text += data[_HEADER.size:_HEADER.size + size]
        data = data[_HEADER.size + size + padding:]
    return text.partition(b"\r\n\r\n")[2].decode()
