"""The table's own frame: a mark that is not true fails, and so does a missing original where it must be there."""

import os
import unittest
from unittest import mock

import compat
import xml_runner
from compat import NATIVE, TINI, row

HERE = compat.Program("there", "there", TINI, "/bin/true", True)
GONE = compat.Program("gone", "gone", TINI, "/nonexistent/tini", True)
OURS = compat.Program("ours", "ours", TINI, "/bin/true", False)


class FrameTest(unittest.TestCase):
    def outcome(self, program, method, *families, **marks):
        """Makes a table of one row for one program; what its test says."""
        with mock.patch.object(compat, "PROGRAMS", [program]):
            @compat.table
            class Table(compat.CompatTest):
                a_row = row(*families, **marks)(method)
        result = unittest.TestResult()
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(Table):
            Table.setUpClass = classmethod(lambda cls: None)
            test.run(result)
        return (result.testsRun, len(result.failures), len(result.errors), len(result.skipped))

    @staticmethod
    def passes(_):
        pass

    @staticmethod
    def fails(self):
        self.fail("wrong")

    @staticmethod
    def breaks(_):
        raise ValueError("the test is wrong")

    def test_a_row_without_a_mark(self):
        self.assertEqual(self.outcome(HERE, self.passes, TINI), (1, 0, 0, 0))
        self.assertEqual(self.outcome(HERE, self.fails, TINI), (1, 1, 0, 0))

    def test_a_row_of_others(self):
        self.assertEqual(self.outcome(HERE, self.fails, NATIVE), (0, 0, 0, 0))

    def test_a_defect_must_show_in_the_original(self):
        self.assertEqual(self.outcome(HERE, self.fails, TINI, defect_of=[TINI]), (1, 0, 0, 0))
        self.assertEqual(self.outcome(HERE, self.passes, TINI, defect_of=[TINI]), (1, 1, 0, 0))
        self.assertEqual(self.outcome(HERE, self.breaks, TINI, defect_of=[TINI]), (1, 0, 1, 0))

    def test_a_defect_must_not_show_in_ours(self):
        self.assertEqual(self.outcome(OURS, self.fails, TINI, defect_of=[TINI]), (1, 1, 0, 0))
        self.assertEqual(self.outcome(OURS, self.passes, TINI, defect_of=[TINI]), (1, 0, 0, 0))

    def test_what_is_kept_must_show_in_both(self):
        for program in (HERE, OURS):
            self.assertEqual(self.outcome(program, self.fails, TINI, kept=[TINI]), (1, 0, 0, 0))
            self.assertEqual(self.outcome(program, self.passes, TINI, kept=[TINI]), (1, 1, 0, 0))

    def test_an_original_that_is_missing(self):
        with mock.patch.dict(os.environ, REINIT_REQUIRE_CONTAINERS="0"):
            self.assertEqual(self.outcome(GONE, self.fails, TINI, defect_of=[TINI]), (1, 0, 0, 1))
        with mock.patch.dict(os.environ, REINIT_REQUIRE_CONTAINERS="1"):
            self.assertEqual(self.outcome(GONE, self.passes, TINI), (1, 0, 1, 0))

    def test_lines_are_compared_to_the_last_byte(self):
        wanted = compat.pattern("[x (<pid>)] <path> a.b\n", HERE)
        self.assertTrue(compat.re.fullmatch(wanted, "[x (17)] /bin/true a.b\n"))
        for other in ("[x (17)] /bin/true a.b", "[x (17)] /bin/true acb\n", "[x ()] /bin/true a.b\n",
                      "> [x (1)] /bin/true a.b\n"):
            self.assertFalse(compat.re.fullmatch(wanted, other))


if __name__ == "__main__":
    xml_runner.main()
