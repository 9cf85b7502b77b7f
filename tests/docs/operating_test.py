"""docs/operating.md: what it tells to type exists, and works."""

import os
import re
import subprocess
import tempfile
import unittest

import xml_runner

REINIT = os.environ.get("REINIT", "cmd/reinit")
with open("docs/operating.md", encoding="utf-8") as guide:
    TEXT = guide.read()


def reinit(*words):
    # The default place of the control socket may be another's: of a test that runs at the same time.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a short path, as for every socket
        environment = dict(os.environ, REINIT_CONTROL=f"{folder}/control")
        return subprocess.run([REINIT, *words], capture_output=True, text=True, check=False, env=environment)


class OperatingTest(unittest.TestCase):
    def test_each_flag_exists(self):
        known = set(re.findall(r"^  (--[a-z-]+)", reinit("--help=all").stdout, re.MULTILINE))
        # `reinit ctl` has flags of its own, which it tells of when it is given another.
        text = re.sub(r"`[^`]*reinit ctl[^`]*`", "", TEXT)
        named = set(re.findall(r"(?<![\w-])--[a-z-]+[a-z]", text)) - {"--json"}
        self.assertGreater(len(named), 15)
        self.assertEqual(set(), {flag for flag in named if flag.replace("--no-watch", "--watch") not in known})

    def test_its_commands(self):
        for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL):
            for line in block.splitlines():
                result = reinit(*line.split()[1:])
                self.assertEqual((0, ""), (result.returncode, result.stderr), line)
        result = reinit("probe", "http://127.0.0.1:9/healthz")
        self.assertEqual(1, result.returncode)
        self.assertIn("http://127.0.0.1:9/healthz: ", result.stdout)


if __name__ == "__main__":
    xml_runner.main()
