"""--log-format=json: each line is one object with the documented keys, whatever a file is called."""

import json
import os
import re
import subprocess

import harness
import xml_runner
from reload_test import QUICK, TERM, ReloadTest

JSON = "--log-format=json"


def path_of(text):
    """The bytes of a name, as docs/operating.md says how to get them back."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), text.encode())


class LogTest(ReloadTest):
    def lines(self, run):
        """Every line, as strict JSON; without a key given twice."""
        def unique(pairs):
            self.assertEqual(len(pairs), len(dict(pairs)), pairs)
            return dict(pairs)
        self.assertEqual(run.text[2].decode("utf-8"), run.stderr)
        return [json.loads(line, object_pairs_hook=unique) for line in run.stderr.splitlines()]

    def test_keys(self):
        run, app = self.start_watching(JSON)
        run.kill(TERM)
        run.end(0)
        lines = self.lines(run)
        for line in lines:
            self.assertEqual(list(line)[:4], ["time", "level", "event", "msg"])
            self.assertRegex(line["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("error", "warning", "info", "debug"))
        events = {line["event"]: line for line in lines}
        self.assertEqual(events["started"]["generation"], 1)
        self.assertEqual(events["started"]["pid"], app["pid"])
        self.assertGreaterEqual(events["ready"]["ready_ms"], 0)
        self.assertEqual(events["stopping"]["signal"], "SIGTERM")
        self.assertEqual(events["ended"]["code"], 0)

    def test_any_bytes_in_a_name(self):
        run, app = self.start_watching(JSON)
        names = [b"a b", b"new\nline", b"quote\"", b"back\\slash", b"\\xff", b"\\\\x41", b"\x1b[31mred", b"\xff\xfe",
                 "ü日😀".encode(), b"\xed\xa0\x80", b"half \xe2\x82", bytes(set(range(1, 256)) - {ord("/")})[:200],
                 bytes(set(range(1, 256)) - {ord("/")})[-60:]]
        for number, name in enumerate(names):
            path = os.path.join(os.fsencode(self.root), name)
            with open(path, "wb"):
                pass
            app = self.event("start")
            reloads = [line for line in self.lines(run) if line["event"] == "reload"]
            self.assertEqual(len(reloads), number + 1)
            self.assertEqual(path_of(reloads[-1]["changed"]), path)
            self.assertEqual(reloads[-1]["cause"], "file")
            for key in ("settled_ms", "stopped_ms", "running_ms"):
                self.assertGreaterEqual(reloads[-1][key], 0)
        self.assertNotIn("\x1b", run.stderr)
        self.finish(run, app)

    def test_errors_of_the_command_line_are_lines_too(self):
        run = self.start(JSON, "--stop-timeout=x", "--watch=/nowhere", "--", "true")
        run.end(2)
        self.assertEqual([(line["level"], line["event"]) for line in self.lines(run)], [("error", "message")] * 2)

    def test_from_the_environment(self):
        run = self.start("--", "/nowhere", env={"REINIT_LOG_FORMAT": "json"})
        run.end(127)
        self.assertIn("/nowhere", self.lines(run)[0]["msg"])

    def test_under_the_name_of_another_init_there_is_none(self):
        tini = os.path.join(self.folder(), "tini")
        os.link(harness.REINIT, tini)
        ended = subprocess.run([tini, "-s", "--", "/nowhere"], env={"REINIT_LOG_FORMAT": "json"}, capture_output=True,
                               text=True, check=False)
        self.assertEqual(ended.returncode, 127)
        self.assertIn("exec /nowhere failed", ended.stderr)
        self.assertNotIn("{", ended.stderr)


if __name__ == "__main__":
    xml_runner.main()
