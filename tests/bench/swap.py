"""Reloads of real servers under load, in four ways: `tools/bazel run -c opt //tests/bench:swap [-- FLAGS]`.

naive: the server binds its own port, is stopped, and started again. held: reinit holds the socket. start-first: the new
one starts beside the old one too. start_server: Debian's, which does both as well. Four clients ask over one new
connection after the other; the table has the requests that failed and the longest wait of all that were answered.
"""

import argparse
import json
import os
import sys

import engine
import exchange
import peers
import picture
from peers import say
from servers import SERVERS

TITLES = {"naive": "naive", "stop-first": "reinit, held", "start-first": "reinit, start-first",
          "workers": "reinit, 4 workers",
          "start_server": "start_server"}


def measure(servers, ways, reloads, rounds):
    """{server: {way: [Result]}}, in alternating rounds."""
    results = {}
    for turn in range(rounds):
        for server in servers:
            absent = exchange.missing([server])
            if absent:
                say(f"swap: {server.name}: missing: {', '.join(absent)}")
                continue
            for way in ways:
                if exchange.missing([], [way]):
                    continue
                try:
                    result = exchange.exchange(server, way, reloads)
                except exchange.NotExchanged as error:
                    say(f"swap: {error}")
                    continue
                say(f"swap: round {turn + 1} of {rounds}, {server.name}, {way}: {result}")
                results.setdefault(server.name, {}).setdefault(way, []).append(result)
    return results


def summary(results):
    """{requests, failed, longest} of one server in one way."""
    waits = [record.took for result in results for record in result.records if record.outcome == "answered"]
    return {"requests": sum(len(result.records) for result in results), "exchanges": sum(len(r.times) for r in results),
            "failed": {outcome: count for outcome in exchange.OUTCOMES[1:]
                       if (count := sum(result.counts[outcome] for result in results))},
            "longest_ms": max(waits, default=0) * 1e3}


def table(results, ways):
    """Header and lines of cells."""
    lines = [["failed requests; longest wait in ms", *(TITLES[way] for way in ways)]]
    for name, measured in results.items():
        cells = []
        for way in ways:
            if way not in measured:
                cells.append("")
                continue
            found = summary(measured[way])
            cells.append(f"{sum(found['failed'].values())}; {found['longest_ms']:.0f}")
        lines.append([name, *cells])
    return lines


def draw(name, ways, reloads):
    """The picture of one exchange, out of some that have time around them."""
    server = next(server for server in SERVERS if server.name == name)
    rows = [(TITLES[way], exchange.exchange(server, way, reloads, gap=picture.AFTER)) for way in ways
            if not exchange.missing([server], [way])]
    return picture.draw(f"One reload of {name} under load", rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 exchanges, nothing installed: says nothing about speed")
    parser.add_argument("--only", default="", metavar="WORD,...", help="servers with one of these in their name")
    parser.add_argument("--ways", default=",".join(exchange.WAYS), help=f"of {', '.join(exchange.WAYS)}")
    parser.add_argument("--reloads", type=int, default=20, help="exchanges in each round")
    parser.add_argument("--rounds", type=int, default=1, help="alternating rounds")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    parser.add_argument("--markdown", action="store_true", help="the table as the README has it")
    parser.add_argument("--svg", metavar="FILE", help="draw one exchange there, requests per 10 ms")
    parser.add_argument("--svg-of", default="gunicorn", metavar="SERVER", choices=[server.name for server in SERVERS],
                        help="whose")
    flags = parser.parse_args()
    if os.getuid() != 0:
        sys.exit("swap: PID namespaces need root")
    words, ways = list(filter(None, flags.only.split(","))), flags.ways.split(",")
    servers = [server for server in SERVERS if not words or any(word in server.name for word in words)]
    missing = exchange.missing(servers, ways)
    if missing and not flags.quick:
        engine.ensure_packages(missing)
    load = os.getloadavg()[0]
    results = measure(servers, ways, 2 if flags.quick else flags.reloads, 1 if flags.quick else flags.rounds)
    load = f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    print(f"{peers.machine()}, {load}\n\n{peers.show(table(results, ways), flags.markdown)}")
    folder = os.environ.get("BUILD_WORKING_DIRECTORY", "")
    if flags.json:
        numbers = {name: {way: summary(found) for way, found in measured.items()} for name, measured in results.items()}
        with open(os.path.join(folder, flags.json), "w") as file:
            json.dump({"machine": peers.machine(), "load": load, "quick": flags.quick, "results": numbers}, file, indent=1)
    if flags.svg:
        with open(os.path.join(folder, flags.svg), "w") as file:
            file.write(draw(flags.svg_of, ways, 1 if flags.quick else 5))


if __name__ == "__main__":
    main()
