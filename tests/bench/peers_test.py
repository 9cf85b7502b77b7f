"""The benchmark itself works: each measure gives a number for each init that is here. Nothing is said of the numbers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import peers
import xml_runner


class PeersTest(unittest.TestCase):
    def test_each_measure_gives_a_number(self):
        if os.getuid() != 0:
            self.skipTest("PID namespaces need root")
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "out.json")
            run = subprocess.run([sys.executable, peers.__file__, "--quick", "--json", file], capture_output=True, text=True,
                                 check=False)
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(file) as content:
                result = json.load(content)
        here = {"reinit", *(name for name in peers.PEERS if shutil.which(name, path=peers.PATH))}
        self.assertEqual(here, set(result["median"]) - {"no init"})
        for name in here:
            self.assertEqual(9, len(result["median"][name]), name)
            for key, value in result["median"][name].items():
                self.assertGreaterEqual(value, 0, f"{name}: {key}")
        self.assertIn("reinit to the best", run.stdout)


if __name__ == "__main__":
    xml_runner.main()
