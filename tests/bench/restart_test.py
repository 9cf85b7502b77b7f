"""The benchmark works for the supervisors that are installed. No number is judged."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import restart
import xml_runner


class RestartTest(unittest.TestCase):
    def setUp(self):
        if os.getuid() != 0:
            self.skipTest("PID namespaces need root")

    def run_restart(self, *flags, **variables):
        run = subprocess.run([sys.executable, restart.__file__, "--quick", *flags], env={**os.environ, **variables},
                             capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def test_each_measure_gives_its_numbers(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "out.json")
            self.run_restart("--json", file)
            with open(file) as content:
                results = json.load(content)["results"]
        self.assertEqual(set(restart.COMMANDS) - set(restart.missing()), set(results))
        for subject, values in results.items():
            expected = {row[0] for row in restart.rows()} - ({"saved", "extra"} if subject == "supervisord" else set())
            self.assertEqual(expected, set(values), subject)
            for key, value in values.items():
                self.assertEqual(1, len(value), key)
                self.assertGreaterEqual(value[0], 0, key)

    def test_a_supervisor_that_is_not_installed_is_named(self):
        said = self.run_restart("--only=idle", HOME="/nonexistent")
        self.assertIn("pm2: not installed (npm install pm2)", said)
        self.assertNotIn("pm2", said.splitlines()[2])


class TableTest(unittest.TestCase):
    def test_a_99th_percentile_takes_300_values(self):
        few, enough = ({"reinit": {"crash": [0.001 * i for i in range(count)]}} for count in (299, 300))
        self.assertEqual([["", "reinit"], ["end of the process to its next start, median, ms", "149.0"]], restart.table(few))
        self.assertEqual(["end of the process to its next start, 99th percentile, ms", "297.0"], restart.table(enough)[2])


if __name__ == "__main__":
    xml_runner.main()
