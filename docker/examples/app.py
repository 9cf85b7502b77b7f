"""A small web application to try reinit with.

GET /         a greeting; edit VERSION below and see it change
GET /healthz  200, or 503 once the application is sick
POST /break   makes it sick, until it is restarted or mended
POST /mend    makes it well again
"""

import http.server
import os
import signal
import threading

VERSION = 1
PORT = int(os.environ.get("PORT", "8080"))


class Handler(http.server.BaseHTTPRequestHandler):
    sick = False

    def do_GET(self):
        if self.path == "/":
            self.answer(200, f"Hello from version {VERSION}, process {os.getpid()}")
        elif self.path == "/healthz":
            self.answer(503 if Handler.sick else 200, "sick" if Handler.sick else "well")
        else:
            self.answer(404, "not found")

    def do_POST(self):
        if self.path in ("/break", "/mend"):
            Handler.sick = self.path == "/break"
            self.answer(200, "sick" if Handler.sick else "well")
        else:
            self.answer(404, "not found")

    def answer(self, status, text):
        body = text.encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for the requests that are being answered


def main():
    server = Server(("", PORT), Handler)
    # shutdown() waits for serve_forever() to return, so it must not run in the thread that serves.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"version {VERSION} listening on port {PORT}, process {os.getpid()}", flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    print(f"version {VERSION} ended in good order, process {os.getpid()}", flush=True)


if __name__ == "__main__":
    main()
