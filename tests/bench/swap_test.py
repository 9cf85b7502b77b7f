"""The benchmark itself works, on what needs no installing. Nothing is said of the numbers."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import exchange
import swap
import xml_runner


class SwapTest(unittest.TestCase):
    def test_each_way_gets_numbers(self):
        if os.getuid() != 0:
            self.skipTest("PID namespaces need root")
        with tempfile.TemporaryDirectory() as folder:
            numbers, drawing = os.path.join(folder, "out.json"), os.path.join(folder, "out.svg")
            run = subprocess.run([sys.executable, swap.__file__, "--quick", "--only=python http", "--json", numbers, "--svg",
                                  drawing, "--svg-of=python http.server"], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(numbers) as content:
                results = json.load(content)["results"]["python http.server"]
            root = ElementTree.parse(drawing).getroot()
        ways = [way for way in exchange.WAYS if not exchange.missing([], [way])]
        self.assertEqual(set(results), set(ways), run.stderr)
        for way, found in results.items():
            self.assertGreater(found["requests"], 0, way)
            self.assertEqual(found["exchanges"], 2, way)
        words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        for way in ways:
            self.assertIn(swap.TITLES[way], words)


if __name__ == "__main__":
    xml_runner.main()
