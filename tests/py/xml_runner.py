"""unittest's main for Bazel: one JUnit test case for each test method in $XML_OUTPUT_FILE, with reasons for skips.

Bazel by itself writes one case for a whole Python program. Honours --test_filter (TESTBRIDGE_TEST_ONLY): a substring
of Class.method, or several joined by "|".
"""

import os
import sys
import time
import unittest
import xml.etree.ElementTree as ElementTree


class _Result(unittest.TextTestResult):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = []  # (class, method, seconds, tag or None, text)
        self._started = time.monotonic()

    def startTest(self, test):
        self._started = time.monotonic()
        super().startTest(test)
        self._verdict = None

    def stopTest(self, test):
        super().stopTest(test)
        self._add(test, self._verdict or (None, ""))

    def _add(self, test, verdict):
        parts = test.id().split(".")
        seconds = time.monotonic() - self._started
        self.cases.append((parts[-2] if len(parts) > 1 else "", parts[-1], seconds, *verdict))
        if verdict[0] != "skipped":
            self.stream.writeln(f"    {seconds:.2f} s")

    def _note(self, test, tag, text):
        if isinstance(test, unittest.TestCase):
            self._verdict = (tag, text)
        else:  # setUpClass or setUpModule: there is no stopTest
            self._add(test, (tag, text))

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, "error", self._exc_info_to_string(err, test))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, "failure", self._exc_info_to_string(err, test))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self._note(test, "failure", f"{subtest}: {self._exc_info_to_string(err, test)}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note(test, "skipped", reason)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._note(test, "failure", "unexpected success")


def _write(path, name, cases):
    def count(tag):
        return str(sum(1 for case in cases if case[3] == tag))
    suite = ElementTree.Element("testsuite", name=name, tests=str(len(cases)), failures=count("failure"),
                                errors=count("error"), skipped=count("skipped"),
                                time=f"{sum(case[2] for case in cases):.3f}")
    for class_name, method, seconds, tag, text in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=class_name, name=method, time=f"{seconds:.3f}")
        if tag:
            text = "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)  # XML takes no control characters
            ElementTree.SubElement(case, tag, message=text.strip().splitlines()[-1] if text.strip() else "").text = text
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _selected(suite, wanted):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _selected(test, wanted)
        elif not wanted or any(part in ".".join(test.id().split(".")[-2:]) for part in wanted):
            yield test


def main():
    """Runs the tests of the calling program, all or those named by arguments, writes the XML, and exits."""
    wanted = sys.argv[1:] or [part for part in os.environ.get("TESTBRIDGE_TEST_ONLY", "").split("|") if part]
    module = sys.modules["__main__"]
    tests = unittest.TestSuite(_selected(unittest.defaultTestLoader.loadTestsFromModule(module), wanted))
    result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=_Result).run(tests)
    if os.environ.get("XML_OUTPUT_FILE"):
        _write(os.environ["XML_OUTPUT_FILE"], os.path.splitext(os.path.basename(module.__file__))[0], result.cases)
    sys.exit(0 if result.wasSuccessful() else 1)
