"""The frame of the compatibility table: the programs, and how one row becomes a test for each of them.

A row says what must be true of a family of programs. The original of Debian passes it, and reinit under its name, too.
A row marked `defect_of` a family is where the original fails: there the test asserts that it does (the twin that must
fail) and that reinit under its name does not. `kept` marks what reinit under that name lacks as well, because those
who use the original see it: both must fail, the native reinit passes.
"""

import collections
import os
import re
import shutil
import unittest

import engine
import harness

TINI, DUMB_INIT, CATATONIT, NATIVE = "tini", "dumb-init", "catatonit", "reinit"
ORIGINALS = (TINI, DUMB_INIT, CATATONIT)
ALL = (*ORIGINALS, NATIVE)
# How long the twin of a defect waits before it counts as failed.
DEFECT_DEADLINE = 1.5

Program = collections.namedtuple("Program", "label name family path original")
Row = collections.namedtuple("Row", "families defect_of kept names")


def _programs():
    """All of the table. reinit stands there under each name as a copy, a hard link or a symbolic link."""
    def place(how, folder, name, source):
        path = os.path.join(harness.FOLDER, folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        how(source, path)
        return path
    names = {"tini": (TINI, shutil.copy), "tini-static": (TINI, os.link), "docker-init": (TINI, os.symlink),
             "dumb-init": (DUMB_INIT, os.symlink), "catatonit": (CATATONIT, shutil.copy)}
    result = [Program("reinit", "reinit", NATIVE, harness.REINIT, False)]
    for name, (family, how) in names.items():
        original = f"/usr/bin/{name}"
        if name == "docker-init":  # as Debian's docker.io has it, which need not be here
            original = place(os.symlink, "originals", name, "/usr/bin/tini-static")
        result.append(Program(name.replace("-", "_"), name, family, original, True))
        result.append(Program("reinit_as_" + name.replace("-", "_"), name, family,
                              place(how, "personalities", name, harness.REINIT), False))
    return result


PROGRAMS = _programs()
# For slow rows: not for each name of tini.
ONE_EACH = ("tini", "dumb-init", "catatonit", "reinit")
KINDS = {"copy": shutil.copy, "hard link": os.link, "symbolic link": os.symlink}
PACKAGES = {"tini": "tini", "tini-static": "tini", "dumb-init": "dumb-init", "catatonit": "catatonit",
            "strace": "strace"}


def install():
    """Gets the originals from Debian. What cannot be had is told by the test that needs it."""
    try:
        engine.ensure_packages(PACKAGES)
    except engine.Unavailable as error:
        print(f"[compat] {error}", flush=True)


def row(*families, defect_of=(), kept=(), names=None):
    """Marks a method of a table class as a row for these families; `names` narrows it to some of their programs."""
    def decorate(method):
        method.row = Row(families, defect_of, kept, names)
        return method
    return decorate


def table(cls):
    """Class decorator: each row becomes one test for each program that it is about."""
    for name, method in list(vars(cls).items()):
        if hasattr(method, "row"):
            add_row(cls, name, method, method.row)
    return cls


def add_row(cls, name, method, row_of):
    """One row that a loop makes rather than a decorator."""
    for program in PROGRAMS:
        if program.family not in row_of.families or (row_of.names and program.name not in row_of.names):
            continue
        must_fail = program.family in row_of.kept or (program.original and program.family in row_of.defect_of)

        def test(self, program=program, must_fail=must_fail):
            self.be(program)
            if not must_fail:
                return method(self)
            self.deadline = DEFECT_DEADLINE
            # Refused: the application has ended with its init.
            with self.assertRaises((AssertionError, ConnectionRefusedError)) as caught:
                method(self)
            print(f"as it must: {str(caught.exception).strip().splitlines()[0]} ...", end=" ", flush=True)
        label = f"test_{name}__{program.label}" + ("_must_fail" if must_fail else "")
        assert not hasattr(cls, label), label
        setattr(cls, label, test)


class CompatTest(harness.Pid1Test):
    """Base of the table's classes: one method for each row, run with `self.program`."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        install()

    def be(self, program):
        self.program, self.init = program, [program.path]
        self.need(program.path)

    def need(self, path):
        if os.path.exists(path):
            return
        reason = f"{path} is not installed"
        if os.environ.get("REINIT_REQUIRE_CONTAINERS") == "1":
            raise RuntimeError(reason)
        raise unittest.SkipTest(reason)

    def is_one_of(self, *families):
        return self.program.family in families

    def lives(self, app, run, code=6):
        """The application answers, and ends the init with its code."""
        self.tell(app, "kill", pid=app["pid"], signal_number=0)
        self.event("killed", name=app["name"])
        self.tell(app, "exit", code=code)
        run.end(code)


def _naming(*words):
    """A text up to the end of the stream, in any wording, that names these."""
    return "(?s:" + "".join(f"(?=.*{re.escape(word)})" for word in words) + ".+)"


# Exact texts, with holes. Besides these: <me> is the last part of argv[0], <path> all of it.
HOLES = {
    "<pid>": "[0-9]+",
    "<some>": "(?s:.+)",
    "<words>": ".*",
    "<more>": "(?s:.*)",
    "<catatonit usage>": _naming("usage: catatonit ", " -g", " -h", " -L", " -P", " -V, --version"),
    "<tini ticks>": r"(?:\[TRACE tini \([0-9]+\)\] No child to reap\n)*",  # after a signal, and once a second
}


class Line(collections.namedtuple("Line", "name args code out err env pid1 defect_of any_order")):
    """A row that is a command line: what it writes to which stream, and its exit code."""

    def __new__(cls, name, args, code, out="", err="", env=None, pid1=True, defect_of=(), any_order=False):
        return super().__new__(cls, name, args, code, out, err, env or {}, pid1, defect_of, any_order)


def pattern(text, program):
    text = text.replace("<me>", os.path.basename(program.path)).replace("<path>", program.path)
    parts = re.split("(" + "|".join(map(re.escape, HOLES)) + ")", text)
    return "".join(HOLES.get(part) or re.escape(part) for part in parts)


def in_order(text):
    return "".join(sorted(text.splitlines(keepends=True)))


def add_lines(cls, family, lines):
    """Adds one row for each command line to a table class."""
    for index, line in enumerate(lines, 1):
        def check(self, line=line):
            run = self.start(*line.args, env=line.env, pid1=line.pid1)
            run.end(line.code)
            for stream, text, wanted in (("stdout", run.stdout, line.out), ("stderr", run.stderr, line.err)):
                if line.any_order:
                    text, wanted = in_order(text), in_order(wanted)
                wanted = pattern(wanted, self.program)
                self.assertTrue(re.fullmatch(wanted, text), f"{stream} is\n{text!r}\nnot\n{wanted!r}")
        # The number keeps two apart that differ in signs only.
        name = re.sub(r"\W+", "_", f"{family} {index:02} {line.name}")
        add_row(cls, name, check, Row((family,), line.defect_of, (), None))
