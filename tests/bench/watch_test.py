"""The benchmark itself works: each tool that is here gets numbers. Nothing is said of the numbers."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import watch
import xml_runner


class WatchTest(unittest.TestCase):
    def test_each_tool_gets_numbers(self):
        if os.getuid() != 0:
            self.skipTest("PID namespaces need root")
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "out.json")
            run = subprocess.run([sys.executable, watch.__file__, "--quick", "--json", file], capture_output=True, text=True,
                                 check=False)
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(file) as content:
                results = json.load(content)["results"]
            here, _ = watch.commands(watch.Tree(folder, 2))
        self.assertEqual(set(here), set(results))
        for name, measured in results.items():
            self.assertEqual(3, len(measured["200"]["latency"]) + measured["200"]["missed"], f"{name}: {run.stderr}")
            self.assertGreaterEqual(measured["200"]["cpu"], 0, name)
        self.assertIn("settle time apart", run.stdout)


if __name__ == "__main__":
    xml_runner.main()
