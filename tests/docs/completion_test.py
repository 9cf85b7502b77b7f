"""docs/completion in the real shells: what they offer, and what stands on the line after a Tab."""

import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import time
import unittest

import xml_runner
from tools import need

FILES = os.path.abspath("docs/completion")
DEADLINE = 20

# What is typed, and what must be offered. Words of one line; the last is the one that is completed.
OFFERED = (
    ("reinit --log-fo", {"--log-format="}),
    ("reinit --log-format=", {"text", "json"}),
    ("reinit --log-format ", {"text", "json"}),
    ("reinit --log_format ", {"text", "json"}),
    ("reinit --watch-mode=", {"auto", "inotify", "poll", "mtime", "hash"}),
    ("reinit --watch-mode=p", {"poll"}),
    ("reinit --watch=. --restart=on-", {"on-failure", "on-abnormal", "on-failure:"}),
    ("reinit --stop-signal=U", {"USR1", "USR2"}),
    ("reinit --on-change=signal:U", {"USR1", "USR2"}),
    ("reinit --health=http:", {"//"}),
    ("reinit --no-watch-d", {"--no-watch-defaults"}),
    ("reinit --dev --watch-ig", {"--watch-ignore-files"}),
    ("reinit --help=", {"all"}),
    ("reinit --stop-timeout=", set()),
    ("reinit --user=roo", {"root"}),
    ("reinit --watch=sub/", {"sub/file with blanks", "sub/other"}),
    ("reinit --watch sub/", {"sub/file with blanks", "sub/other"}),
    ("reinit --chdir=", {"sub"}),
    ("reinit self-install ", {"sub"}),
    ("reinit self-inst", {"self-install"}),
    ("reinit probe tc", {"tcp://"}),
    ("reinit ctl s", {"status", "stop", "signal", "scale"}),
    ("reinit ctl restart --w", {"--wait", "--worker"}),
    ("reinit ctl scale ", set()),
    ("reinit ctl signal US", {"USR1", "USR2"}),
    ("reinit probe --h", {"--health-timeout=", "--health-expect=", "--help"}),
    ("reinit --pre-start=reinit-exam", {"reinit-example"}),
    ("reinit reinit-exam", {"reinit-example"}),
    ("reinit -- reinit-exam", {"reinit-example"}),
    ("reinit -- --log-fo", set()),
    ("reinit ls --log-fo", set()),
    ("reinit --dev ls --log-fo", set()),
)

# What is typed before the Tab, and the words that the program then gets.
TYPED = (
    ("reinit --log-fo\tj\t", ["--log-format=json"]),
    ("reinit --log-format=j\t", ["--log-format=json"]),
    ("reinit --log-format j\t", ["--log-format", "json"]),
    ("reinit --on-change=sig\tHUP", ["--on-change=signal:HUP"]),
    ("reinit --health=tcp\tlocalhost:1", ["--health=tcp://localhost:1"]),
    ("reinit --watch=sub/fi\t", ["--watch=sub/file with blanks"]),
    ("reinit --dev self-i\tsub", ["--dev", "self-install", "sub"]),
    ("reinit --dev -- reinit-ex\t", ["--dev", "--", "reinit-example"]),
)

PROMPT = r"ready> (\x1b\[[?0-9;]*[a-zA-Z])*$"
BREAKS = re.compile(r"[=:]+|[^\s=:]+")


class Folder(unittest.TestCase):
    """Base: a folder with files, and a command that nothing else has."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(os.path.join(self.folder, "sub"))
        for name in ("sub/file with blanks", "sub/other", "reinit-example"):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8"):
                pass
        os.chmod(os.path.join(self.folder, "reinit-example"), 0o755)
        self.environment = {"PATH": f"{self.folder}:/usr/bin:/bin", "HOME": self.folder, "TERM": "dumb", "PS1": "ready> "}

    def type_in(self, shell, lines):
        """Types each of `lines` into an interactive shell in which `reinit` shows its arguments; gives what they were."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execve(shell[0], shell, self.environment)
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        text = ""

        def until(pattern):
            nonlocal text
            limit = time.monotonic() + DEADLINE
            while not (found := re.search(pattern, text)):
                if not select.select([terminal], [], [], max(0, limit - time.monotonic()))[0]:
                    self.fail(f"no {pattern} in {text!r}")
                text += os.read(terminal, 4096).decode()
            text = text[found.end():]
            return found
        for line in self.setup:
            until(PROMPT)
            os.write(terminal, line.encode() + b"\n")
        got = []
        for line in lines:
            until(PROMPT)
            # One piece after the other, each Tab done before the next, as by hand.
            os.write(terminal, line.encode() + b"\n")
            got.append(until(r"GOT<(.*?)>TOG")[1].split("|")[:-1])
        return got


class BashTest(Folder):
    def setUp(self):
        super().setUp()
        self.bash = need(self, "bash", "bash")
        self.setup = (f"source {FILES}/reinit.bash", "reinit() { printf 'GOT<'; printf '%s|' \"$@\"; echo '>T''OG'; }")

    def offered(self, line):
        # As bash splits it.
        words = [word for part in line.split() for word in BREAKS.findall(part)]
        if line.endswith(" "):
            words.append("")
        script = ("source \"$1\"; shift; COMP_LINE=$1 COMP_POINT=${#1}; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); "
                  "_reinit; ((${#COMPREPLY[@]} == 0)) || printf '%s\\0' \"${COMPREPLY[@]}\"")
        result = subprocess.run([self.bash, "--norc", "-c", script, "bash", f"{FILES}/reinit.bash", line, *words],
                                cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        self.assertEqual("", result.stderr)
        return set(result.stdout.split("\0")[:-1])

    def test_what_is_offered(self):
        for line, expected in OFFERED:
            with self.subTest(line):
                self.assertEqual(expected, self.offered(line))

    def test_a_command_that_is_not_there_is_not_offered(self):
        self.assertEqual(set(), self.offered("reinit reinit-nowhere"))

    def test_what_stands_on_the_line(self):
        got = self.type_in([self.bash, "--norc", "--noprofile", "-i"], [line for line, _ in TYPED])
        self.assertEqual([expected for _, expected in TYPED], got)


class ZshTest(Folder):
    def setUp(self):
        super().setUp()
        self.zsh = need(self, "zsh", "zsh")
        self.setup = (f"PS1='ready> '; unsetopt prompt_sp; fpath=({FILES} $fpath); autoload -U compinit; compinit -u -D",
                      "reinit() { printf 'GOT<'; printf '%s|' \"$@\"; echo '>T''OG'; }")

    def test_what_stands_on_the_line(self):
        got = self.type_in([self.zsh, "-f", "-i"], [line for line, _ in TYPED])
        self.assertEqual([expected for _, expected in TYPED], got)


if __name__ == "__main__":
    xml_runner.main()
