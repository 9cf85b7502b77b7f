"""The benchmark works: each measure gives each of its numbers. No number is judged."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import scale
import xml_runner


class ScaleTest(unittest.TestCase):
    def run_scale(self, *flags):
        return subprocess.run([sys.executable, scale.__file__, *flags], capture_output=True, text=True, check=False)

    def test_each_measure_gives_its_numbers(self):
        if os.getuid() != 0:
            self.skipTest("PID namespaces need root")
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "out.json")
            run = self.run_scale("--quick", "--json", file)
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(file) as content:
                results = json.load(content)["results"]
        self.assertEqual([row[0] for row in scale.MEASURES], list(results))
        for name, _, grows, _, sizes, rows in scale.MEASURES:
            self.assertIn(grows, run.stdout)
            self.assertEqual([str(size) for size in sizes], list(results[name]))
            for size, values in results[name].items():
                self.assertEqual({row[0] for row in rows}, set(values), name)
                for key, value in values.items():
                    self.assertGreater(value[0], 0, f"{name} {size}: {key}")

    def test_only_refuses_an_unknown_name(self):
        if os.getuid() != 0:
            self.skipTest("PID namespaces need root")
        run = self.run_scale("--quick", "--only=others,nothing")
        self.assertEqual(run.returncode, 1)
        self.assertIn("no measure is called nothing", run.stderr)


if __name__ == "__main__":
    xml_runner.main()
