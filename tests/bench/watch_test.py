"""The benchmark itself works: each watcher that is here sees each edit. Nothing is said of the numbers."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import watch
import xml_runner

OURS = ("bare inotify", "bare inotify + 50 ms quiet", "bare sweep every 500 ms", "reinit", "reinit --watch-mode=poll")


class WatchTest(unittest.TestCase):
    def test_each_edit_is_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "out.json")
            run = subprocess.run([sys.executable, watch.__file__, "--quick", "--json", file, "--only", ",".join(OURS)],
                                 capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(file) as content:
                results = json.load(content)["values"]["100"]
        self.assertEqual(set(OURS), set(results))
        for name, result in results.items():
            self.assertEqual((2, 0), (len(result["times"]), result["missed"]), name)
            self.assertGreater(min(result["times"]), 0, name)
            self.assertGreaterEqual(result["idle"], 0, name)
        self.assertIn("saved to running", run.stdout)


if __name__ == "__main__":
    xml_runner.main()
