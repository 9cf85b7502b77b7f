"""Each folder includes only from the folders below it, and what only helpers may parse with stays out of PID 1.

The order is the list in folder_order.py. Bazel's visibility keeps targets apart, but not headers that a target could
reach some other way.
"""

import os
import re
import tempfile
import unittest

import folder_order
import product_files
import xml_runner

# Which layers a layer may include from, its tests too.
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


def includes(text):
    return INCLUDE.findall(text.replace("\\\n", ""))


def wrong_includes(sources):
    """The includes that no file may have, of the product or of a test, one line each."""
    wrong = []
    for path, text in sorted(sources.texts.items()):
        layer = path.split("/")[0]
        for include in includes(text):
            first = include.split("/")[0]
            if first in (".", ".."):
                wrong.append(f"{path}: {include} is relative: it hides the layer")
            elif "/" in include and first in OURS and first not in ARROWS[layer]:
                wrong.append(f"{path}: {include}: {layer}/ must not include from {first}/")
            elif HELPERS_ONLY_LIBRARIES.match(include) and not path.startswith(HELPERS_ONLY_FOLDERS):
                wrong.append(f"{path}: {include} is for helpers only: PID 1 parses nothing from a network")
    return wrong


def against_the_order(sources):
    """The includes of product files that go up in ORDER, one line each.

    Since ORDER is one line of folders, no two of them can include each other without a finding here. Tests may include
    from all of their layer: the fixtures of one folder serve the tests of others.
    """
    wrong = []
    for path in sources.product:
        own = folder_order.place(path)
        if own is None:
            wrong.append(f"{path}: its folder has no place in tests/layers/folder_order.py")
            continue
        for include in includes(sources.texts[path]):
            if include in sources.tests:
                wrong.append(f"{path}: {include} is for tests only")
                continue
            other = folder_order.place(include)
            if other is not None and other < own:
                wrong.append(f"{path}: {include} is in {folder_order.ORDER[other]}, "
                             f"which is above {folder_order.ORDER[own]}")
    return wrong


def unused_places(sources):
    """Entries of ORDER without a product file."""
    used = {folder_order.place(path) for path in sources.product}
    return [entry for at, entry in enumerate(folder_order.ORDER) if at not in used]


MAP_LINE = re.compile(r"^    ((?:%s)[\w/*]*?)/? {2,}\S" % "|".join(ARROWS), re.MULTILINE)


def mapped(text):
    """The folders that CONTRIBUTING.md describes, in its order."""
    return MAP_LINE.findall(text)


TYPE = re.compile(r"^(?:class|struct|enum class) (\w+)[^;{]*\{", re.MULTILINE)


def doubled_types(sources):
    """Types that two headers define: all of ours are in one namespace, so the linker would quietly mix the two up."""
    where = {}
    for path, text in sorted(sources.texts.items()):
        if path.endswith(".h"):
            for name in TYPE.findall(text):
                where.setdefault(name, []).append(path)
    return [f"{name}: {', '.join(paths)}" for name, paths in where.items() if len(paths) > 1]


class Layers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sources = product_files.Sources(product_files.root())

    def test_it_sees_product_and_tests_of_each_layer(self):
        for layer in ARROWS:
            self.assertGreater(sum(path.startswith(layer + "/") for path in self.sources.product), 1, layer)
        self.assertIn("reaper/event_loop.h", self.sources.product)
        for path in ("reaper/event_loop_test.cc", "reaper/fake_clock.h", "reaper/spawn_test_program.cc"):
            self.assertIn(path, self.sources.tests)

    def test_every_include_points_down(self):
        self.assertEqual(wrong_includes(self.sources), [])
        self.assertEqual(against_the_order(self.sources), [])

    def test_every_place_of_the_order_is_used(self):
        self.assertEqual(unused_places(self.sources), [])

    def test_the_map_for_people_has_this_order(self):
        with open(os.path.join(product_files.root(), "CONTRIBUTING.md"), encoding="utf-8") as file:
            found = mapped(file.read())
        product, tests = ({os.path.dirname(path) for path in paths}
                          for paths in (self.sources.product, self.sources.tests))
        self.assertEqual(found, [*folder_order.ORDER, *sorted(tests - product)])

    def test_no_type_is_defined_twice(self):
        self.assertEqual(doubled_types(self.sources), [])


def tree(files):
    """The sources of a small tree: paths and their texts."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return product_files.Sources(root)


class Twin(unittest.TestCase):
    """A tree with one fault: this test fails where it should."""

    def test_doubled_types(self):
        text = "class Same : public Base {\n};\nclass Forward;\n"
        self.assertEqual(len(doubled_types(tree({"cmd/a.h": text, "supervisor/a.h": text}))), 1)

    def wrong(self, path, line):
        return wrong_includes(tree({path: f"// A file.\n#include <string>\n{line}\nint x;\n"}))

    def test_arrows(self):
        layers = ["reaper", "supervisor", "cmd"]
        for at, layer in enumerate(layers):
            for to, other in enumerate(layers):
                with self.subTest(layer=layer, includes=other):
                    found = self.wrong(f"{layer}/deep/er/a.cc", f'#include "{other}/b.h"')
                    self.assertEqual(len(found), 1 if to > at else 0, found)

    def test_order(self):
        paths = [entry.replace("*", ".cc") if "*" in entry else entry + "/a.cc" for entry in folder_order.ORDER]
        headers = [path.replace(".cc", ".h") for path in paths]
        for at, path in enumerate(paths):
            sources = tree({path: "".join(f'#include "{header}"\n' for header in headers)})
            found = against_the_order(sources)
            self.assertEqual([line.split()[1] for line in found], headers[:at], path)

    def test_the_two_places_of_supervisor(self):
        for user, used, wrong in (
            ("supervisor/run/runner.h", "supervisor/supervisor.h", True),
            ("supervisor/run/runner.h", "supervisor/options.h", False),
            ("supervisor/status.h", "supervisor/strategy/strategy.h", True),
            ("supervisor/supervisor.h", "supervisor/strategy/strategy.h", False),
            ("supervisor/supervisor_control.cc", "supervisor/run/runner.h", False),
            ("supervisor/messages.cc", "supervisor/supervisor.h", True),
            ("supervisor/supervisor.h", "supervisor/options.h", False),
        ):
            with self.subTest(user=user, used=used):
                found = against_the_order(tree({user: f'#include "{used}"\n'}))
                self.assertEqual(len(found), 1 if wrong else 0, found)

    def test_map(self):
        text = "    reaper/    the kernel\n\n    cmd/a*  some files\n    tests/  tests\n  cmd/ text\n    cmd/a\n"
        self.assertEqual(mapped(text), ["reaper", "cmd/a*"])

    def test_folder_without_a_place(self):
        self.assertEqual(len(against_the_order(tree({"supervisor/fresh/a.h": "int x;\n"}))), 1)

    def test_place_without_a_file(self):
        sources = tree({"reaper/a.h": "int x;\n"})
        self.assertEqual(len(unused_places(sources)), len(folder_order.ORDER) - 1)

    def test_what_is_for_tests_only(self):
        for target in ('cc_test(name = "b", srcs = ["b.h"])\n',
                       'cc_library(name = "b", testonly = True, hdrs = ["b.h"])\n',
                       'cc_binary(\n    name = "b",\n    testonly = True,\n    srcs = ["b.h"],\n)\n'):
            for user, wrong in (("a.h", True), ("a_test.cc", False)):
                with self.subTest(target=target, user=user):
                    sources = tree({
                        "reaper/BUILD.bazel": target + 'cc_test(name = "a_test", srcs = ["a_test.cc"])\n',
                        "reaper/b.h": '#include "reaper/self/c.h"\n',
                        "reaper/self/a.h": "int x;\n",
                        "reaper/" + user: '#include "reaper/b.h"\n',
                    })
                    found = against_the_order(sources)
                    self.assertEqual(len(found), 1 if wrong else 0, found)

    def test_what_the_product_uses_too_is_the_products(self):
        build = 'cc_test(name = "t", srcs = ["a.cc"])\ncc_library(name = "a", testonly = False, srcs = ["a.cc"])\n'
        sources = tree({"reaper/BUILD.bazel": build, "reaper/a.cc": "int x;\n"})
        self.assertEqual((sources.product, sources.tests), (["reaper/a.cc"], []))

    def test_files_that_a_target_does_not_name(self):
        with self.assertRaisesRegex(ValueError, "name each file"):
            tree({"reaper/BUILD.bazel": 'cc_library(name = "a", srcs = glob(["*.cc"]))\n'})

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
