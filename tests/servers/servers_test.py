"""Reloads of real servers under load: no connection is refused or left waiting, and with start-first no request is lost.

A version that cannot start leaves the one before serving. Some servers drop what they have accepted and not yet read at the moment when they are told to stop; servers.py says
which. For those it is shown that it is theirs.
"""

import contextlib
import dataclasses
import os
import re
import signal
import sys
import threading
import unittest

import drop
import engine
import exchange
import fpm
import xml_runner
from fpm import FPM
from servers import ON_STOP, SERVERS

RELOADS = 20
ROLLS = int(os.environ.get("REINIT_ROLLS", "5"))
# Each of them loses some; more would only take longer.
TWIN_RELOADS = 3
STARTER_RELOADS = 10  # a second each
DOCUMENT = "docs/servers.md"


def setUpModule():
    if os.getuid() != 0:
        raise unittest.SkipTest("PID namespaces and packages need root")
    try:
        missing = exchange.missing([*SERVERS, FPM], exchange.WAYS)
        if missing:
            engine.ensure_packages(missing)
    except engine.Unavailable as error:
        print(f"[servers] {error}", flush=True)


def need(test, *what):
    for missing in exchange.missing(*what):
        if os.environ.get("REINIT_REQUIRE_CONTAINERS") == "1":
            test.fail(f"{missing} is not installed")
        test.skipTest(f"{missing} is not installed")


def run(test, server, way, reloads, **load):
    try:
        result = exchange.exchange(server, way, reloads, **load)
    except exchange.NotExchanged as error:
        test.fail(str(error))
    print(f"    {server.name}, {way}: {reloads} exchanges, {result}", flush=True)
    return result


class ServersTest(unittest.TestCase):
    """One method for each server, made below."""

    def check(self, server):
        need(self, [server])
        for order in ("stop-first", "start-first"):
            result = run(self, server, order, RELOADS)
            for outcome in ("refused", "timed out", "bad answer"):
                self.assertEqual(result.counts[outcome], 0, f"{order}: {result}\n{result.log[-3000:]}")
            if order == "start-first" and not server.drops:
                self.assertEqual(result.failed(), 0, f"{order}: {result}\n{result.log[-3000:]}")
            self.assertGreater(result.counts["answered"], RELOADS * 20)
        twin = run(self, server, "naive", TWIN_RELOADS)
        self.assertGreater(twin.counts["refused"], 0, "the load does not see a port that is closed")


def method(server):
    return lambda self: self.check(server)


def broken_method(server):
    return lambda self: self.check_broken(server)


for one in SERVERS:
    setattr(ServersTest, "test_" + re.sub(r"\W", "_", one.name), method(one))


def server_named(name):
    return next(server for server in SERVERS if server.name == name)


@contextlib.contextmanager
def failing(test):
    """What does not happen in time is a failure of the test."""
    try:
        yield
    except exchange.NotExchanged as error:
        test.fail(str(error))


class BrokenTest(unittest.TestCase):
    """A version that cannot start, with start-first: the one before answers every request until it is mended."""

    def check_broken(self, server):
        need(self, [server])
        with failing(self), exchange.kept(server, "start-first", "--ready-timeout=10s") as keeper:
            def dropped():
                self.assertEqual(keeper.answer(), "1", keeper.text()[-3000:])
                return "] goes on" in keeper.text()
            keeper.wait_until(lambda: keeper.ready(1), "version 1 is not ready")
            keeper.next(broken=True)
            keeper.wait_until(dropped, "the broken version is not dropped")
            keeper.next()
            keeper.wait_until(lambda: keeper.answer() == "3", "the mended version does not come")

    def test_twin_that_serves_errors(self):
        """uwsgi without need-app: it comes up, and takes over."""
        server = server_named("uwsgi")
        need(self, [server])
        files = {**server.files, "uwsgi.ini": server.files["uwsgi.ini"].replace("need-app = true", "")}
        with self.assertRaises(AssertionError):
            self.check_broken(dataclasses.replace(server, files=files))


for one in SERVERS:
    setattr(BrokenTest, "test_" + re.sub(r"\W", "_", one.name), broken_method(one))


class WorkersTest(unittest.TestCase):
    """Several workers on one socket, replaced one by one."""

    NAMES = ("nodejs", "python http.server", "puma", "uvicorn", "lighttpd")  # the last is written in C

    def test_rolls(self):
        for name in self.NAMES:
            server = server_named(name)
            with self.subTest(name):
                need(self, [server])
                result = run(self, server, "workers", ROLLS)
                for outcome in ("refused", "timed out", "bad answer"):
                    self.assertEqual(result.counts[outcome], 0, f"{result}\n{result.log[-3000:]}")
                if not server.drops:
                    self.assertEqual(result.failed(), 0, f"{result}\n{result.log[-3000:]}")

    def test_a_broken_version_takes_only_the_canary(self):
        """With stop-first the others go on to answer."""
        server = server_named("python http.server")
        need(self, [server])
        flags = ["--restart-order=stop-first", "--ready-timeout=10s", "--start-limit-burst=0"]
        with failing(self), exchange.kept(server, "workers", *flags) as keeper:
            keeper.wait_until(lambda: keeper.ready(1), "version 1 is not ready")
            keeper.next(broken=True)
            keeper.wait_until(lambda: keeper.text().count("worker 1: process [") > 3, "the broken version does not fail")
            self.assertEqual({keeper.answer() for _ in range(20)}, {"1"})
            self.assertNotRegex(keeper.text(), r"worker [234]: process")
            keeper.next()
            keeper.wait_until(lambda: f"replaced {exchange.WORKERS} workers in " in keeper.text(), "no roll")
            self.assertEqual({keeper.answer() for _ in range(20)}, {"3"})


class SuccessorTest(unittest.TestCase):
    """USR2: the server starts its successor by itself, and reinit follows it."""

    def check_successor(self, name, stop):
        server = server_named(name)
        need(self, [server])
        with failing(self), exchange.kept(server, "stop-first") as keeper:
            keeper.wait_until(lambda: keeper.ready(1), "version 1 is not ready")
            old = keeper.main()
            keeper.site.write("version", "by USR2")
            os.kill(keeper.pid(), signal.SIGUSR2)  # reinit passes it on
            keeper.wait_until(lambda: keeper.answer() == "by USR2", "no successor")
            os.kill(old, stop)
            keeper.wait_until(lambda: "is the main process now" in keeper.text(), "the successor is not followed")
            self.assertEqual(keeper.answer(), "by USR2")
            keeper.next()
            keeper.wait_until(lambda: keeper.answer() == "2", "a reload does not reach the successor")

    def test_gunicorn(self):
        self.check_successor("gunicorn", signal.SIGTERM)

    def test_unicorn(self):
        self.check_successor("unicorn", signal.SIGQUIT)


class BusyTest(unittest.TestCase):
    """More clients than it can serve: it never waits for a connection, and has to be seen as ready all the same."""

    def test_one_at_a_time(self):
        server = server_named("gunicorn")
        need(self, [server])
        for order in ("stop-first", "start-first"):
            result = run(self, server, order, 3, clients=32, pause=0)
            self.assertEqual(result.failed(), 0, f"{order}: {result}\n{result.log[-3000:]}")


class DropsTest(unittest.TestCase):
    """What is lost with start-first is lost by the server: it is with nobody but us beside it, and under start_server."""

    def test_it_is_theirs(self):
        for server in SERVERS:
            if server.drops != ON_STOP:
                continue
            with self.subTest(server.name):
                need(self, [server])
                self.assertTrue(any(drop.drops(server) for _ in range(3)), "closes nothing that it has accepted")

    def test_twin_that_drops_nothing(self):
        """The same with a server that answers what it has accepted."""
        server = server_named("nodejs")
        need(self, [server])
        self.assertFalse(drop.drops(server))

    def test_under_start_server(self):
        """It holds the socket and overlaps as well, and they lose some there too: one in a while, so it is only told."""
        for server in SERVERS:
            if not server.drops:
                continue
            with self.subTest(server.name):
                need(self, [server], ["start_server"])
                result = run(self, server, "start_server", STARTER_RELOADS)
                self.assertEqual(result.counts["refused"] + result.counts["timed out"], 0, result)


class PhpFpmTest(unittest.TestCase):
    """It reads the variable of its own, FPM_SOCKETS."""

    def check_answers(self, server):
        need(self, [server])
        with failing(self), exchange.started(server, "start-first", "--ready-timeout=10s") as keeper:
            for version in (1, 2):
                keeper.wait_until(lambda version=version: keeper.ready(version), f"version {version} is not ready")
                keeper.wait_until(lambda version=version: fpm.ask(keeper.site) == f"answered by {version}", "no answer")
                keeper.next()

    def test_it_finds_the_socket(self):
        self.check_answers(FPM)

    def test_twin_told_in_another_form(self):
        """Then it wants to bind the address by itself."""
        with self.assertRaisesRegex(AssertionError, "Address already in use"):
            self.check_answers(dataclasses.replace(FPM, flags=("--listen-env=systemd",)))


class UnixSocketTest(unittest.TestCase):
    """A held unix socket, whose path these servers remove when they end. reinit gives the path back to the same socket."""

    def check(self, server, ask):
        need(self, [server])
        for order in ("stop-first", "start-first"):
            with self.subTest(order), failing(self), exchange.started(server, order, "--ready-timeout=10s") as keeper:
                self.check_reloads(keeper, ask)

    def check_reloads(self, keeper, ask):
        site, failures, answers, ended = keeper.site, [], [], threading.Event()

        def load():
            while not ended.is_set():
                try:
                    answers.append(ask(site))
                except OSError as error:
                    failures.append(error)
                ended.wait(exchange.PAUSE_US / 1e6)  # the pace of the load

        def reloaded(version):
            # The check at the end of the process before may come after the takeover.
            return keeper.ready(version) and keeper.text().count("the process removed its file; restored") >= version - 1
        keeper.wait_until(lambda: reloaded(1), "version 1 is not ready")
        inode, client = os.stat(site.listen()).st_ino, threading.Thread(target=load, daemon=True)
        client.start()
        try:
            for version in range(2, RELOADS + 2):
                keeper.next()
                keeper.wait_until(lambda version=version: reloaded(version), f"version {version} does not come")
                self.assertEqual([ask(site) for _ in range(10)], [str(version)] * 10)
                self.assertEqual(os.stat(site.listen()).st_ino, inode)
        finally:
            ended.set()
            client.join()
        gone = [error for error in failures if isinstance(error, FileNotFoundError)]
        print(f"    {site.server.name} on a unix socket, {keeper.way}: {len(answers)} answers, {len(gone)} before the path was "
              f"restored, {len(failures) - len(gone)} lost", flush=True)
        self.assertEqual([error for error in failures if error not in gone], [])
        self.assertNotIn("", answers)

    def test_gunicorn(self):
        def ask(site):
            with site.connect(exchange.STEP) as client:
                return exchange.ask(client).partition(b"\r\n\r\n")[2].decode()
        self.check(dataclasses.replace(server_named("gunicorn"), unix=True), ask)

    def test_php_fpm(self):
        self.check(dataclasses.replace(FPM, unix=True), lambda site: fpm.ask(site).removeprefix("answered by "))


class DocumentTest(unittest.TestCase):
    def test_each_server_has_its_flags(self):
        with open(DOCUMENT, encoding="utf-8") as document:
            text = document.read()
        for server in SERVERS:
            with self.subTest(server.name):
                row = next((line for line in text.splitlines() if line.startswith(f"| {server.name} |")), "")
                for flag in server.reinit_flags():
                    self.assertIn(flag, row)
                for word in server.held.replace("{work}/", "").replace("127.0.0.1:{port}", "0.0.0.0:8080").split():
                    if not re.search(r"log|quiet|work|^-[qv]$|^0$", word):
                        self.assertIn(word, row)


if __name__ == "__main__":
    print(f"python {sys.version.split()[0]}", flush=True)
    xml_runner.main()
