"""docs/reinit.1 is a manual page that mandoc has nothing to say about, and that shows each flag."""

import os
import re
import subprocess
import tempfile
import unittest

import xml_runner
from tools import need

PAGE = "docs/reinit.1"
REINIT = os.environ.get("REINIT", "cmd/reinit")


class ManPageTest(unittest.TestCase):
    def setUp(self):
        self.mandoc = need(self, "mandoc", "mandoc")

    def lint(self, text):
        result = subprocess.run([self.mandoc, "-Tlint", "-Wstyle"], input=text, capture_output=True, text=True, check=False)
        return result.stdout + result.stderr

    def page(self):
        with open(PAGE, encoding="utf-8") as file:
            return file.read()

    def test_lint(self):
        self.assertEqual("", self.lint(self.page()))

    def test_lint_twin(self):
        self.assertIn("unknown", self.lint(self.page().replace(".Sh OPTIONS", ".Shh OPTIONS")))

    def test_shows_each_flag_of_help(self):
        text = subprocess.run([self.mandoc, "-Tascii", "-O", "width=200", PAGE], capture_output=True, text=True, check=True).stdout
        text = re.sub(".\b", "", text)  # overstruck
        shown = subprocess.run([REINIT, "--help=all"], capture_output=True, text=True, check=True).stdout
        flags = re.findall(r"^  (--\S+)", shown, re.MULTILINE)
        self.assertGreater(len(flags), 50)
        for flag in flags:
            self.assertIn(f"     {flag}", text)

    def test_its_examples_are_accepted(self):
        examples = [line[len(".Dl "):].replace("\\-", "-") for line in self.page().splitlines() if line.startswith(".Dl ")]
        self.assertGreaterEqual(len(examples), 4)
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            # The default place of the control socket may be another's: of a test that runs at the same time.
            environment = {"PATH": folder, "REINIT_CONTROL": f"{folder}/control"}
            # What the examples name.
            os.mkdir(os.path.join(folder, "src"))
            for program in ("server", "python3"):
                path = os.path.join(folder, program)
                with open(path, "w", encoding="ascii") as file:
                    file.write("#!/bin/sh\n")
                os.chmod(path, 0o755)
            for example in examples:
                checked = subprocess.run([os.path.abspath(REINIT), "--check", *example.split()[1:]], cwd=folder,
                                         env=environment, capture_output=True, text=True, check=False)
                self.assertEqual((0, ""), (checked.returncode, checked.stderr), example)


if __name__ == "__main__":
    xml_runner.main()
