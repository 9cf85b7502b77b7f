"""The replay of a corpus fails where it should, and keeps the input."""

import os
import subprocess
import tempfile
import unittest

import xml_runner

REPLAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "planted_replay")


class Planted(unittest.TestCase):
    def replay(self, **files):
        """The exit status, the output and the last input of a corpus."""
        with tempfile.TemporaryDirectory() as corpus, tempfile.TemporaryDirectory() as outputs:
            for name, content in files.items():
                with open(os.path.join(corpus, name), "w", encoding="utf-8") as file:
                    file.write(content)
            ran = subprocess.run([REPLAY, corpus], capture_output=True, text=True, timeout=60, check=False,
                                 env={"TEST_UNDECLARED_OUTPUTS_DIR": outputs})
            last = os.path.join(outputs, "last-input")
            content = ""
            if os.path.exists(last):
                with open(last, encoding="utf-8", errors="replace") as file:
                    content = file.read()
            return ran.returncode, ran.stdout + ran.stderr, content

    def test_the_bug_is_found_and_its_input_kept(self):
        status, output, last = self.replay(harmless="hello", the_bug="BUG! and more")
        self.assertNotEqual(status, 0)
        self.assertIn("Corpus.the_bug", output)
        self.assertIn("an input is not the bug", output)
        self.assertEqual(last, "BUG! and more")

    def test_a_change_finds_it_too(self):
        status, _, last = self.replay(nearly="BUG", longer="BUG and", other="!!!!", more="!")
        self.assertNotEqual(status, 0)
        self.assertTrue(last.startswith("BUG!"), last)

    def test_what_is_right_passes(self):
        status, output, _ = self.replay(harmless="hello")
        self.assertEqual(status, 0, output)

    def test_no_corpus_is_no_success(self):
        self.assertNotEqual(self.replay()[0], 0)


if __name__ == "__main__":
    xml_runner.main()
