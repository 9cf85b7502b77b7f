"""How the cost of reinit grows: `tools/bazel run -c opt //tests/bench:scale [-- FLAGS]`.

reinit is PID 1 of a PID namespace. Its processor time, its memory and those of its helpers are read for more and more
processes, restarts, health checks, watched files and leftover processes. Table cells are medians over the rounds.
"""

import argparse
import contextlib
import http.server
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import meters
import peers
import workload
from meters import ProcessorTime, come_to_rest
from peers import say

PROBE = os.path.abspath(os.environ.get("REINIT_SCALE_PROBE", "tests/bench/scale_probe"))
PATIENCE = 600


@contextlib.contextmanager
def reinit(*line, **how):
    """Starts reinit as PID 1; gives the launcher and reinit's pid here. Without the control socket, which others may hold."""
    settings = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {"PATH": peers.PATH}, **how}
    with peers.pid1(["--mount-proc", os.path.abspath(peers.REINIT), "--control=off"], *line, **settings) as (launcher, pid):
        yield launcher, pid


@contextlib.contextmanager
def reported(folder, flags, *wrapper):
    """Starts reinit with a process that reports its starts, and waits for the first report."""
    with workload.Reports(folder) as reports, reinit(*flags, "--", *wrapper, *reports.command) as (_, pid):
        reports.receive()
        yield reports, pid


def helper_of(pid, role):
    """Waits for a helper of reinit; gives its pid."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for child in meters.children(pid):
            if meters.proc(child, "cmdline").startswith(f"reinit: {role}"):
                return child
        time.sleep(0.01)
    raise TimeoutError(f"reinit has no {role} helper")


@contextlib.contextmanager
def crowd(pid, count):
    """Keeps `count` other processes in the PID namespace of a process; none is a descendant of it."""
    with subprocess.Popen(["nsenter", f"--target={pid}", "--pid", PROBE, "crowd", str(count)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as others:
        if not others.stdout.readline():
            raise RuntimeError(f"{count} processes cannot be started")
        yield  # afterwards their stdin is closed, which ends them


def reloads_among(count, folder, work):
    with reported(folder, ["--reload-signal=HUP"]) as (reports, pid), crowd(pid, count):
        come_to_rest()
        used = ProcessorTime(pid)
        for _ in range(work.reloads):
            os.kill(pid, signal.SIGHUP)
            reports.receive()
            come_to_rest()
        return {"cpu": used.stop() / work.reloads}


def restarts(count, folder, _):
    """The figures of one reinit after `count` restarts."""
    flags = ["--restart=always", "--restart-delay=0", "--start-limit-interval=0"]
    with workload.Reports(folder) as reports, reinit(*flags, "--", *reports.command) as (_, pid):
        _, child = reports.receive()
        come_to_rest()
        used = ProcessorTime(pid)
        for _ in range(count):
            os.kill(child, signal.SIGKILL)
            _, child = reports.receive()
        come_to_rest()
        cpu = used.stop() / count
        return {"cpu": cpu, "private": meters.memory(pid)[1], "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


class Server:
    """Answers and counts requests, and announces that each of `addresses` paths was requested."""

    def __init__(self, addresses):
        self.count, self.asked, self.all_asked = 0, set(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(204)
                self.end_headers()
                outer.count += 1
                outer.asked.add(self.path)
                if len(outer.asked) == addresses:
                    outer.all_asked.set()

            def log_message(self, *_):
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket.listen(1024)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def checks(count, folder, work):
    with Server(count) as server:
        flags = [f"--health=http://127.0.0.1:{server.port}/{number}" for number in range(count)]
        with reported(folder, [*flags, "--health-interval=1s"]) as (_, pid):
            if not server.all_asked.wait(30):
                raise TimeoutError(f"{len(server.asked)} of {count} health checks have come")
            helper = helper_of(pid, "probe")
            come_to_rest()
            used, helper_used, answered, began = ProcessorTime(pid), ProcessorTime(helper), server.count, time.monotonic()
            time.sleep(work.seconds)
            cpu, helper_cpu, answered = used.stop(), helper_used.stop(), server.count - answered
            share = 100 / (time.monotonic() - began)
    return {"cpu share": cpu * share, "helper share": helper_cpu * share,
            "cpu": cpu / max(answered, 1), "helper": helper_cpu / max(answered, 1)}


def first_scan(flags):
    """Seconds from the start of reinit until its watch helper has scanned everything."""
    began = time.monotonic()
    with reinit(*flags, "--log-level=debug", "--", "sleep", "1000", stderr=subprocess.PIPE, text=True) as (launcher, _):
        for line in launcher.stderr:
            if "first scan done" in line:
                return time.monotonic() - began
    raise RuntimeError("reinit has ended before its first scan was done")


def watching(flags, count, files, folder, work):
    """The figures of the watch helper and of a saved file, without the slow scan, which would hit some saves at random."""
    flags = [*flags, "--watch-scan=0"]
    found = {"scan": first_scan(flags)}
    with reported(folder, flags) as (reports, pid):
        # A file saved before the first scan is done leads to a reload after that scan. A save in the first few
        # milliseconds would not: watch_record.h explains why.
        come_to_rest()
        workload.save(files[0])
        reports.receive(PATIENCE)
        reports.drain(1)
        helper = helper_of(pid, "watch")
        private = meters.memory(helper)[1] * 1024
        used, helper_used = ProcessorTime(pid), ProcessorTime(helper)
        for number in range(work.saves):
            workload.save(files[number % len(files)])
            reports.receive(PATIENCE)
            come_to_rest()
        found.update({"cpu": used.stop() / work.saves, "helper": helper_used.stop() / work.saves})
    return {**found, "private": private, "private each": private / count}


@contextlib.contextmanager
def files_below(folder, count):
    """Makes a tree of `count` files and removes it afterwards."""
    path = os.path.join(folder, f"tree{count}")
    try:
        files = workload.make_tree(path, count)
        os.sync()  # else the disk would still be busy with the tree
        yield path, files
    finally:
        workload.remove_tree(path)


def watched_files(count, folder, work):
    with files_below(folder, count) as (path, files):
        return watching([f"--watch={path}"], count, files, folder, work)


def watched_roots(count, folder, work):
    with files_below(folder, count * workload.PER_FOLDER) as (_, files):
        return watching([f"--watch={os.path.dirname(file)}" for file in files], count, files, folder, work)


def leftovers(count, folder, _):
    with reported(folder, ["--reload-signal=HUP"], PROBE, "leave", str(count)) as (reports, pid):
        come_to_rest()
        used = ProcessorTime(pid)
        os.kill(pid, signal.SIGHUP)
        reports.receive()
        come_to_rest()
        return {"cpu": used.stop()}


WATCHING = [
    ("scan", "start until the first scan is done", "ms", 1e3, 0),
    ("private", "private dirty memory of the watch helper", "KiB", 1 / 1024, 0),
    ("helper", "processor time of the watch helper for a saved file", "ms", 1e3, 2),
    ("cpu", "processor time of PID 1 for a saved file and its reload", "ms", 1e3, 2),
]

# Name, function, what grows, its sizes, the sizes for --quick, and the rows: key, title, unit, factor, digits.
MEASURES = [
    ("others", reloads_among, "other processes in the PID namespace", (10, 100, 1000, 5000), (10, 30),
     [("cpu", "processor time of PID 1 for a reload", "ms", 1e3, 2)]),
    ("restarts", restarts, "restarts", (100, 1000), (5,),
     [("cpu", "processor time of PID 1 per restart", "ms", 1e3, 3),
      ("private", "private dirty memory of PID 1 afterwards", "KiB", 1, 0),
      ("descriptors", "open descriptors of PID 1 afterwards", "", 1, 0)]),
    ("checks", checks, "http checks each second", (1, 10, 100), (1, 3),
     [("cpu share", "processor time of PID 1", "%", 1, 3), ("helper share", "processor time of the probe helper", "%", 1, 3),
      ("cpu", "processor time of PID 1 per check", "µs", 1e6, 0),
      ("helper", "processor time of the probe helper per check", "µs", 1e6, 0)]),
    ("files", watched_files, "watched files", (1000, 100_000, 1_000_000), (200,),
     [*WATCHING, ("private each", "private dirty memory of the watch helper per file", "bytes", 1, 0)]),
    ("roots", watched_roots, "watched folders, each with its own --watch and 40 files", (10, 1000), (5,),
     [*WATCHING, ("private each", "private dirty memory of the watch helper per folder", "bytes", 1, 0)]),
    ("leftovers", leftovers, "leftover processes that end 1 ms apart", (100, 1000), (10,),
     [("cpu", "processor time of PID 1 for the reload that stops them", "ms", 1e3, 1)]),
]
FULL = argparse.Namespace(reloads=5, seconds=20, saves=5)
QUICK = argparse.Namespace(reloads=1, seconds=1.5, saves=1)


def measure(only, rounds, quick, largest):
    """{name: {size: {key: [values]}}}, in alternating rounds."""
    results = {}
    for name, function, _, sizes, quick_sizes, _ in MEASURES:
        if only and name not in only:
            continue
        found = results[name] = {size: {} for size in (quick_sizes if quick else sizes) if size <= largest}
        for turn in range(rounds):
            for size, values in found.items():
                say(f"scale: {name}, {size:,}, round {turn + 1} of {rounds}")
                with tempfile.TemporaryDirectory(prefix="rs") as folder:
                    for key, value in function(size, folder, QUICK if quick else FULL).items():
                        values.setdefault(key, []).append(value)
    return results


def table(grows, rows, found):
    """Header and lines of cells of one measure."""
    lines = [[grows, *(f"{size:,}" for size in found)]]
    for key, title, unit, factor, digits in rows:
        lines.append([f"{title}, {unit}" if unit else title,
                      *(f"{statistics.median(values[key]) * factor:.{digits}f}" for values in found.values())])
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small numbers, one round: says nothing about growth")
    parser.add_argument("--only", default="", metavar="NAME,...", help=f"of {', '.join(row[0] for row in MEASURES)}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all sizes")
    parser.add_argument("--largest", type=int, default=10**9, help="leave out the sizes above this number")
    parser.add_argument("--json", metavar="FILE", help="write every value there")
    parser.add_argument("--markdown", action="store_true", help="the tables as the README has them")
    flags = parser.parse_args()
    if os.getuid() != 0:
        sys.exit("scale: PID namespaces need root")
    only = set(filter(None, flags.only.split(",")))
    unknown = only - {row[0] for row in MEASURES}
    if unknown:
        sys.exit(f"scale: --only: no measure is called {', '.join(sorted(unknown))}")
    os.sync()  # pages of a binary that was just built would count as dirty memory
    load = f"load {os.getloadavg()[0]:.1f} before"  # the benchmark's own processes raise the load later
    results = measure(only, 1 if flags.quick else flags.rounds, flags.quick, flags.largest)
    print(f"{peers.machine()}, {load}")
    for name, _, grows, _, _, rows in MEASURES:
        if results.get(name):
            print(f"\n{peers.show(table(grows, rows, results[name]), flags.markdown)}")
    if flags.json:
        with open(os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", ""), flags.json), "w") as file:
            json.dump({"machine": peers.machine(), "load": load, "quick": flags.quick, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
