"""cmd -> supervisor -> reaper, never back; and what only helpers may parse with stays out of PID 1.

Bazel's visibility keeps targets apart, but not headers that a target could reach some other way.
"""

import os
import re
import tempfile
import unittest

import xml_runner

# Which folders a folder may include from.
ARROWS = {
    "reaper": {"reaper"},
    "supervisor": {"reaper", "supervisor"},
    "cmd": {"reaper", "supervisor", "cmd"},
}
OURS = {*ARROWS, "tests", "docker", "tools", "third_party", "docs"}
# Libraries that read what comes from a network, and where the helpers' code is that may use them.
HELPERS_ONLY_LIBRARIES = re.compile(r"^(nlohmann/|httplib\.h|.*/httplib\.h|nghttp2/)")
HELPERS_ONLY_FOLDERS = ("supervisor/probe/grpc_health.",)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*(?:include|include_next|import)[ \t]*["<]([^">]+)[">]', re.MULTILINE)


def sources(root):
    for layer in ARROWS:
        for folder, _, files in os.walk(os.path.join(root, layer)):
            for name in sorted(files):
                if name.endswith((".h", ".hh", ".hpp", ".inc", ".c", ".cc", ".cpp")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def wrong_includes(root):
    """What is wrong with the sources under `root`, one line each."""
    wrong = []
    for path in sources(root):
        layer = path.split("/")[0]
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read().replace("\\\n", "")
        for include in INCLUDE.findall(text):
            first = include.split("/")[0]
            if first in (".", ".."):
                wrong.append(f"{path}: {include} is relative: it hides the layer")
            elif "/" in include and first in OURS and first not in ARROWS[layer]:
                wrong.append(f"{path}: {include}: {layer}/ must not include from {first}/")
            elif HELPERS_ONLY_LIBRARIES.match(include) and not path.startswith(HELPERS_ONLY_FOLDERS):
                wrong.append(f"{path}: {include} is for helpers only: PID 1 parses nothing from a network")
    return wrong


TYPE = re.compile(r"^(?:class|struct|enum class) (\w+)[^;{]*\{", re.MULTILINE)


def doubled_types(root):
    """Types that two headers define: all of ours are in one namespace, so the linker would quietly mix the two up."""
    where = {}
    for path in sources(root):
        if path.endswith(".h"):
            with open(os.path.join(root, path), encoding="utf-8") as file:
                for name in TYPE.findall(file.read()):
                    where.setdefault(name, []).append(path)
    return [f"{name}: {', '.join(paths)}" for name, paths in where.items() if len(paths) > 1]


class Layers(unittest.TestCase):
    def test_every_include_points_down(self):
        root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
        found = list(sources(root))
        # That it looked at all, and in each layer.
        self.assertIn("reaper/event_loop.h", found)
        for layer in ARROWS:
            self.assertGreater(sum(path.startswith(layer + "/") for path in found), 1, layer)
        self.assertEqual(wrong_includes(root), [])

    def test_no_type_is_defined_twice(self):
        self.assertEqual(doubled_types(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), [])


class Twin(unittest.TestCase):
    """A tree with one fault: this test fails where it should."""

    def test_doubled_types(self):
        with tempfile.TemporaryDirectory() as root:
            for layer in ("cmd", "supervisor"):
                os.makedirs(os.path.join(root, layer))
                with open(os.path.join(root, layer, "a.h"), "w", encoding="utf-8") as file:
                    file.write("class Same : public Base {\n};\nclass Forward;\n")
            self.assertEqual(len(doubled_types(root)), 1)

    def wrong(self, path, line):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.dirname(os.path.join(root, path)))
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(f"// A file.\n#include <string>\n{line}\nint x;\n")
            return wrong_includes(root)

    def test_arrows(self):
        layers = ["reaper", "supervisor", "cmd"]
        for at, layer in enumerate(layers):
            for to, other in enumerate(layers):
                with self.subTest(layer=layer, includes=other):
                    found = self.wrong(f"{layer}/deep/er/a.cc", f'#include "{other}/b.h"')
                    self.assertEqual(len(found), 1 if to > at else 0, found)

    def test_tests_are_above_all(self):
        for layer in ARROWS:
            self.assertTrue(self.wrong(f"{layer}/a_test.cc", '#include "tests/pid1/harness.h"'))

    def test_spellings(self):
        for line in (
            '#include "supervisor/b.h"',
            "#include <supervisor/b.h>",
            '  #  include\t"supervisor/b.h" // why',
            '#\\\ninclude "supervisor/b.h"',
            '#include "../supervisor/b.h"',
            '#include "./b.h"',
        ):
            for name in ("a.cc", "a.h", "a.inc"):
                with self.subTest(line=line, name=name):
                    self.assertTrue(self.wrong(f"reaper/{name}", line))

    def test_libraries_for_helpers(self):
        for include in ("<nlohmann/json.hpp>", '"nlohmann/json_fwd.hpp"', "<httplib.h>", '"cpp-httplib/httplib.h"',
                        "<nghttp2/nghttp2.h>"):
            for layer in ARROWS:
                with self.subTest(include=include, layer=layer):
                    self.assertTrue(self.wrong(f"{layer}/a.cc", f"#include {include}"))

    def test_all_else_is_fine(self):
        for line in ('#include "absl/status/status.h"', "#include <sys/wait.h>", '// #include "cmd/b.h" would be wrong',
                     '#include "gtest/gtest.h"', "#include <vector>"):
            self.assertEqual(self.wrong("reaper/a.cc", line), [])


if __name__ == "__main__":
    xml_runner.main()
