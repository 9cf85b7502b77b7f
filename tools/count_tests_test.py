#!/usr/bin/env python3
"""Tests count_tests.py."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))

GTEST = """<testsuites><testsuite>
  <testcase name="A" status="run" result="completed"/>
  <testcase name="B" status="run" result="completed"><failure message="x">in line 1</failure></testcase>
  <testcase name="C" status="run" result="skipped"><skipped/></testcase>
  <testcase name="DISABLED_D" status="notrun" result="suppressed"/>
</testsuite></testsuites>"""
ONE_PASSED = '<testsuites><testsuite><testcase name="s" status="run"/></testsuite></testsuites>'
NO_CASES = "<testsuites/>"


def result(label, xml, status="PASSED", attempt=1):
    return {"label": label, "xml": xml, "status": status, "attempt": attempt}


class CountTests(unittest.TestCase):

    def count(self, *tests):
        with tempfile.TemporaryDirectory() as directory:
            events = os.path.join(directory, "events.json")
            with open(events, "w", encoding="utf-8") as out:
                out.write(json.dumps({"id": {"started": {}}}) + "\n")
                for i, test in enumerate(tests):
                    outputs = []
                    if test["xml"] is not None:
                        path = os.path.join(directory, f"{i}.xml")
                        with open(path, "w", encoding="utf-8") as xml:
                            xml.write(test["xml"])
                        outputs = [{"name": "test.log", "uri": "file:///none"}, {"name": "test.xml", "uri": f"file://{path}"}]
                    key = {"label": test["label"], "run": 1, "shard": 1, "attempt": test["attempt"]}
                    out.write(json.dumps({"id": {"testResult": key},
                                          "testResult": {"status": test["status"], "testActionOutput": outputs}}) + "\n")
            copies = os.path.join(directory, "copies")
            answer = subprocess.run([sys.executable, os.path.join(HERE, "count_tests.py"), events, copies],
                                    check=True, capture_output=True, text=True).stdout
            with open(os.path.join(copies, "failures.txt"), encoding="utf-8") as failures:
                self.failures = failures.read()
            return tuple(map(int, answer.split()))

    def test_counts_test_cases(self):
        self.assertEqual(self.count(result("//a:a", GTEST, "FAILED"), result("//b:b", ONE_PASSED)), (2, 1, 2))
        self.assertEqual(self.failures, "FAILED //a:a .B\n    in line 1\n")

    def test_a_test_without_cases_is_one(self):
        self.assertEqual(self.count(result("//a:a", NO_CASES), result("//b:b", None), result("//c:c", "<broken")), (3, 0, 0))

    def test_a_failure_outside_of_a_case_is_one(self):
        self.assertEqual(self.count(result("//a:a", ONE_PASSED, "FAILED"), result("//b:b", None, "TIMEOUT")), (1, 2, 0))
        self.assertIn("FAILED //b:b outside of a case, TIMEOUT\n", self.failures)

    def test_the_last_attempt_counts(self):
        self.assertEqual(self.count(result("//a:a", GTEST, "FAILED", 1), result("//a:a", ONE_PASSED, "PASSED", 2)), (1, 0, 0))

    def test_nothing_was_run(self):
        self.assertEqual(self.count(), (0, 0, 0))


if __name__ == "__main__":
    unittest.main()
