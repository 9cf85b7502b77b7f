"""Tells the files of the product from those of its tests, by what the BUILD files say.

A file belongs to the tests if only targets that Bazel keeps out of the product name it: cc_test, or testonly = True.
A file that no target names counts as the product's, so that forgetting a file loosens no rule.
"""

import ast
import os

LAYERS = ("cmd", "reaper", "supervisor")
SUFFIXES = (".h", ".hh", ".hpp", ".inc", ".c", ".cc", ".cpp")


def root():
    """The source tree. Bazel's runfiles are links into it."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def _named(path):
    """For each target of one BUILD file: whether it is for tests only, and the files that it names."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        for_tests = call.func.id == "cc_test" or ("testonly" in given and ast.literal_eval(given["testonly"]))
        for attribute in ("srcs", "hdrs", "textual_hdrs"):
            if attribute not in given:
                continue
            try:
                yield for_tests, ast.literal_eval(given[attribute])
            except ValueError as error:
                raise ValueError(f"{path}:{call.lineno}: {attribute} is no plain list: name each file") from error


class Sources:
    """The C++ files below the layers of the tree `at`, as paths from there.

    `product` and `tests` are sorted and have no file in common. `texts` has the content of each file.
    """

    def __init__(self, at):
        product, tests, self.texts = set(), set(), {}
        for layer in LAYERS:
            for folder, _, names in os.walk(os.path.join(at, layer)):
                here = os.path.relpath(folder, at)
                if "BUILD.bazel" in names:
                    for for_tests, files in _named(os.path.join(folder, "BUILD.bazel")):
                        (tests if for_tests else product).update(os.path.join(here, name) for name in files)
                for name in names:
                    if name.endswith(SUFFIXES):
                        with open(os.path.join(folder, name), encoding="utf-8") as file:
                            self.texts[os.path.join(here, name)] = file.read()
        self.tests = sorted((tests - product) & set(self.texts))
        self.product = sorted(set(self.texts) - set(self.tests))
