"""The servers of Debian that are exchanged under load: how each is run on a port of its own, and on a socket that it is
passed. docs/servers.md tells users the same; servers_test.py compares.

Each answers every request with the number of its version, which it has read when it started: from the file `version`, or
from a configuration that is written anew for each version. In commands, {work} is the folder of these files, {port} the
port that clients use, and {fd:web} what reinit (or exchange.py for start_server) puts in for the socket.
"""

import dataclasses
import os
import shutil
import socket
import tempfile

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

WSGI = """import os
with open(os.path.join(os.path.dirname(__file__), "version"), "rb") as file:
    BODY = file.read()
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))])
    return [BODY]
application = app
"""

ASGI = """import os
with open(os.path.join(os.path.dirname(__file__), "version"), "rb") as file:
    BODY = file.read()
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})
"""

NODE = """const body = require("fs").readFileSync(__dirname + "/version");
const server = require("http").createServer((_, response) => {
  response.setHeader("Content-Length", body.length);
  response.end(body);
});
server.listen(JSON.parse(process.argv[2]));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
"""

# The usual way to end it: shutdown() of another thread, and what was accepted is answered.
HTTP_SERVER = """import http.server, os, signal, socket, sys, threading
with open(os.path.join(os.path.dirname(__file__), "version"), "rb") as file:
    BODY = file.read()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)
    def log_message(self, *_):
        pass
kind, number = sys.argv[1:]
server = http.server.HTTPServer(("127.0.0.1", int(number)), Handler, bind_and_activate=kind == "port")
if kind == "fd":
    server.socket = socket.socket(fileno=int(number))
    server.socket.setblocking(False)  # the other version may take what this one was woken for
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.05)
"""

RACK = """body = File.read(File.join(__dir__, "version"))
run lambda { |_| [200, { "Content-Type" => "text/plain", "Content-Length" => body.bytesize.to_s }, [body]] }
"""

# Else it closes, when it ends, what it has accepted and not yet read.
PUMA = "queue_requests false\n"

# By itself it starts anew at TERM; with --die-on-term it ends at once, with what it has accepted. Without need-app it serves
# an application that it cannot load, by errors.
UWSGI = """[uwsgi]
plugin = python3
master = true
need-app = true
hook-master-start = unix_signal:15 gracefully_kill_them_all
disable-logging = true
"""

PSGI = """use File::Basename;
open my $file, "<", dirname(__FILE__) . "/version" or die;
my $body = <$file>;
sub { [200, ["Content-Type" => "text/plain", "Content-Length" => length $body], [$body]] };
"""

NGINX = """daemon off; worker_processes 1; user root; pid {work}/nginx.pid; error_log stderr;
events {{ }}
http {{
    access_log off;
    server {{ listen 127.0.0.1:{port} backlog=4096; return 200 "{version}"; }}
}}
"""

HAPROXY = """defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 30s
frontend web
    bind {bind}
    http-request return status 200 content-type text/plain string "{version}"
"""

LIGHTTPD = """server.document-root = "{work}/pages/{version}"
server.bind = "127.0.0.1"
server.port = {port}
server.systemd-socket-activation = "{activation}"
index-file.names = ("index.txt")
"""

H2O = """listen: {{host: 127.0.0.1, port: {port}}}
num-threads: 1
user: root
hosts:
  default:
    paths:
      /: {{file.dir: "{work}/pages/{version}", file.index: [index.txt]}}
"""


def is_here(name):
    return os.path.exists(name) if name.startswith("/") else bool(shutil.which(name, path=PATH))


@dataclasses.dataclass
class Server:
    name: str
    packages: dict  # program (or file): package of Debian
    own: str        # the command on a port of its own
    held: str       # the command on a socket that it is passed
    files: dict     # name: content; a content with {version} is written anew for each
    flags: tuple = ()          # of reinit, beside --listen=web=tcp://127.0.0.1:PORT
    stop: str = "TERM"         # the signal that lets it answer what it has accepted
    broken: tuple = ()         # (file, content): a version that cannot start
    drops: str = ""            # why it loses requests when it is told to stop, if it does: see drop.py
    pages: bool = False        # serves files: one folder for each version
    unix: bool = False         # on a unix socket in its folder, not on a port
    settings: dict = dataclasses.field(default_factory=dict)  # {key: (on its own, held)} for the files

    def missing(self):
        return {name: package for name, package in self.packages.items() if not is_here(name)}

    def reinit_flags(self):
        stop = (f"--reload-stop-signal={self.stop}",) if self.stop != "TERM" else ()
        return (*self.flags, *stop)


ON_STOP = "it closes what it has accepted and not yet read"  # drop.py shows it
# The load shows it, under start_server too, but not each time: docs/servers.md has the numbers.
AT_TIMES = "it closes now and then what it has just accepted"
RUBY = {"config.ru": RACK}
BROKEN_RUBY = ("config.ru", 'require "no_such_module"')
BROKEN_PYTHON = "import no_such_module"
BROKEN_CONFIG = "no_such_directive {"
SERVERS = [
    Server("gunicorn", {"gunicorn": "gunicorn"},
           own="gunicorn --log-level=error --chdir={work} -b 127.0.0.1:{port} wsgi:app",
           held="gunicorn --log-level=error --chdir={work} wsgi:app",
           files={"wsgi.py": WSGI}, flags=("--listen-env=gunicorn",), broken=("wsgi.py", BROKEN_PYTHON)),
    Server("uvicorn", {"uvicorn": "uvicorn"},
           own="uvicorn --log-level=error --app-dir={work} --host=127.0.0.1 --port={port} asgi:app",
           held="uvicorn --log-level=error --app-dir={work} --fd={fd:web} asgi:app",
           files={"asgi.py": ASGI}, broken=("asgi.py", BROKEN_PYTHON), drops=ON_STOP),
    Server("hypercorn", {"hypercorn": "python3-hypercorn"},
           own="hypercorn --log-level=error -b 127.0.0.1:{port} asgi:app",
           held="hypercorn --log-level=error -b fd://{fd:web} asgi:app",
           files={"asgi.py": ASGI}, broken=("asgi.py", BROKEN_PYTHON), drops=AT_TIMES),
    Server("daphne", {"daphne": "daphne"},
           own="daphne -v 0 -b 127.0.0.1 -p {port} asgi:app",
           held="daphne -v 0 --fd={fd:web} asgi:app",
           files={"asgi.py": ASGI}, broken=("asgi.py", BROKEN_PYTHON), drops=ON_STOP),
    Server("nodejs", {"node": "nodejs"},
           own='node {work}/server.js {"host":"127.0.0.1","port":{port}}',
           held='node {work}/server.js {"fd":{fd:web}}',
           files={"server.js": NODE}, broken=("server.js", 'require("no-such-module")')),
    Server("python http.server", {"python3": "python3"},
           own="python3 -SE {work}/server.py port {port}",
           held="python3 -SE {work}/server.py fd {fd:web}",
           files={"server.py": HTTP_SERVER}, broken=("server.py", BROKEN_PYTHON)),
    Server("puma", {"puma": "puma"},
           own="puma --quiet --environment=production --bind=tcp://127.0.0.1:{port} {work}/config.ru",
           held="puma --quiet --environment=production --config={work}/puma.rb --bind=tcp://127.0.0.1:{port} {work}/config.ru",
           files={**RUBY, "puma.rb": PUMA}, broken=BROKEN_RUBY),
    Server("unicorn", {"unicorn": "unicorn"},
           own="unicorn --env=none --listen=127.0.0.1:{port} {work}/config.ru",
           held="unicorn --env=none --listen=127.0.0.1:{port} {work}/config.ru",
           files=RUBY, flags=("--listen-env=unicorn",), stop="QUIT", broken=BROKEN_RUBY),
    Server("uwsgi", {"uwsgi": "uwsgi-core", "/usr/lib/uwsgi/plugins/python3_plugin.so": "uwsgi-plugin-python3"},
           own="uwsgi --ini={work}/uwsgi.ini --http-socket=127.0.0.1:{port} --wsgi-file={work}/wsgi.py",
           held="uwsgi --ini={work}/uwsgi.ini --http-socket=fd://{fd:web} --wsgi-file={work}/wsgi.py",
           files={"wsgi.py": WSGI, "uwsgi.ini": UWSGI}, broken=("wsgi.py", BROKEN_PYTHON)),
    Server("nginx", {"nginx": "nginx-light"},
           own="nginx -c {work}/nginx.conf", held="nginx -c {work}/nginx.conf",
           files={"nginx.conf": NGINX}, broken=("nginx.conf", BROKEN_CONFIG), flags=("--listen-env=nginx",), stop="QUIT"),
    Server("haproxy", {"haproxy": "haproxy"},
           own="haproxy -db -q -f {work}/haproxy.cfg", held="haproxy -db -q -f {work}/haproxy.cfg",
           files={"haproxy.cfg": HAPROXY}, stop="USR1", broken=("haproxy.cfg", BROKEN_CONFIG), settings={"bind": ("127.0.0.1:{port}", "fd@3")}),
    Server("lighttpd", {"lighttpd": "lighttpd"},
           own="lighttpd -D -f {work}/lighttpd.conf", held="lighttpd -D -f {work}/lighttpd.conf",
           files={"lighttpd.conf": LIGHTTPD}, stop="INT", broken=("lighttpd.conf", BROKEN_CONFIG), pages=True, settings={"activation": ("disable", "enable")}),
    Server("h2o", {"h2o": "h2o"},
           own="h2o -m worker -c {work}/h2o.conf", held="h2o -m worker -c {work}/h2o.conf",
           files={"h2o.conf": H2O}, broken=("h2o.conf", BROKEN_CONFIG), flags=("--listen-env=server-starter",), pages=True),
    Server("Starlet", {"plackup": "libplack-perl", "/usr/share/perl5/Plack/Handler/Starlet.pm": "starlet"},
           own="plackup -E deployment -s Starlet --max-workers=2 --host=127.0.0.1 --port={port} {work}/app.psgi",
           held="plackup -E deployment -s Starlet --max-workers=2 {work}/app.psgi",
           files={"app.psgi": PSGI}, broken=("app.psgi", "use No::Such::Module;"), flags=("--listen-env=server-starter",)),
]


class Site:
    """A folder with a server's files, and the version that it is to serve."""

    def __init__(self, server, folder, port, held):
        self.server, self.folder, self.port = server, folder, port
        values = {key: pair[held] for key, pair in server.settings.items()}
        self.values = {"work": folder, "port": port, "listen": self.listen(), **{key: str(value).format(port=port) for key, value in values.items()}}
        self.version, self.was_broken = 0, False
        self.next()

    def path(self, name):
        return os.path.join(self.folder, name)

    def listen(self):
        """What it listens on, as a configuration has it."""
        return self.path("socket") if self.server.unix else f"127.0.0.1:{self.port}"

    def connect(self, timeout):
        if not self.server.unix:
            return socket.create_connection(("127.0.0.1", self.port), timeout)
        client = socket.socket(socket.AF_UNIX)
        try:
            client.settimeout(timeout)
            client.connect(self.listen())
        except BaseException:
            client.close()
            raise
        return client

    def write(self, name, text):
        """By a rename, so that nobody sees half of it."""
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".new", delete=False) as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.rename(file.name, self.path(name))

    def next(self, broken=False):
        """Writes the next version, which may be a broken one; what is watched comes last.

        That has another name each time: reinit holds a file back that changes right after each reload for it.
        """
        self.version += 1
        if self.server.pages:
            os.makedirs(self.path(f"pages/{self.version}"))
            self.write(f"pages/{self.version}/index.txt", str(self.version))
        for name, text in self.server.files.items():
            if "{version}" in text:
                self.write(name, text.format(version=self.version, **self.values))
            elif self.version == 1 or self.was_broken:
                self.write(name, text)
        if broken:
            self.write(*self.server.broken)
        self.was_broken = broken
        self.write("version", str(self.version))
        os.makedirs(self.path("changes"), exist_ok=True)
        self.write(f"changes/{self.version}", "")

    def command(self, held):
        """Its words, with {fd:web} still in them."""
        text = self.server.held if held else self.server.own
        return [word.replace("{work}", self.folder).replace("{port}", str(self.port)) for word in text.split()]
