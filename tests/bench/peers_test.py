"""The benchmark itself works: each measure gives a number for each init that is here. Nothing is said of the numbers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import meters
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
        counted = ("start calls", "signal calls", "orphan calls") if meters.can_count_calls() else ()
        for key in ("start", "start faults", "private", "orphan cpu 200", "signal cpu", *counted):
            self.assertIn(key, result["median"]["reinit"])
        for name in here:
            self.assertEqual(set(result["median"]["reinit"]), set(result["median"][name]), name)
            for key, value in result["median"][name].items():
                self.assertGreaterEqual(value, 0, f"{name}: {key}")
        self.assertIn("reinit to the best", run.stdout)

    def test_a_call_that_does_not_return_counts_and_one_that_is_interrupted_counts_once(self):
        trace = ("7 execve(\"a\", [\"a\"], 0x7) = 0\n7 wait4(-1,  <unfinished ...>\n"
                 "8 exit_group(0)  = ?\n8 +++ exited with 0 +++\n"
                 "7 <... wait4 resumed>NULL, 0, NULL) = 8\n7 --- SIGCHLD {si_signo=SIGCHLD} ---\n")
        self.assertEqual(3, meters.count_calls(trace))
        self.assertEqual(1, meters.count_calls("read(0, \"\", 1) = 0\n"))


if __name__ == "__main__":
    xml_runner.main()
