"""The shape of the product: how large classes and folders are, and what classes give away of themselves.

`tools/bazel run //tests/shape:table` prints today's numbers; shape_test.py has the test.
"""

import collections
import dataclasses
import os

import cpp_classes
import folder_order
import product_files

# The most that a class may have. `members` are its own, `all members` those of the types nested in it too, `files` the
# .cc files that define its methods. `parts` is what hands out parts of it: see parts().
LIMITS = {"methods": 50, "members": 26, "all members": 36, "files": 2, "parts": 2}

# What is beyond a limit, with its number of today. A number may only fall: change it here when the class has shrunk.
ALLOWED = {
    # One data structure with one owner; most of its members are used in one or two of its files.
    "Tree": {"methods": 71, "members": 31, "all members": 96, "files": 4},
    # A plain value: all that is shown of reinit.
    "Status": {"members": 33, "all members": 51},
}

# The most product files in a folder.
FOLDER_LIMIT = 28
FOLDER_LIMITS = {"supervisor": 14}

# No file below theirs in the order of folders names these classes at all, not even in a template.
OWNERS = ("Supervisor", "Runner")


@dataclasses.dataclass
class Shape:
    """What is known of the product's files."""

    tokens: dict  # path -> its tokens
    classes: list  # Class, nested ones too
    definitions: list  # Definition

    def of(self, one):
        """The definitions of the methods of a class, in it or in a .cc file."""
        outside = [each for each in self.definitions if each.owner == one.name
                   and (one.path.endswith(".h") or each.path == one.path)]
        return one.inline + outside

    def numbers(self, one):
        return {
            "methods": len(one.methods),
            "members": len(one.members),
            "all members": one.all_members(),
            "files": len({each.path for each in self.of(one) if not each.path.endswith(".h")}),
            "parts": len(self.parts(one)),
        }

    def parts(self, one):
        """What hands a part of a class to its callers, for them to change.

        Those are the public data members of a `class`, and the public methods that return a reference or a pointer to
        what is not const. A method counts by the type that it declares, whatever it does. Not counted: a reference to
        the object itself.
        """
        return {*one.bare, *one.accessors}


def read(sources):
    shape = Shape({}, [], [])
    for path in sources.product:
        flat = cpp_classes.tokens(sources.texts[path])
        shape.tokens[path] = flat
        try:
            classes, definitions = cpp_classes.read(cpp_classes.grouped(flat), path)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        shape.classes += [each for one in classes for each in one.with_nested()]
        shape.definitions += definitions
    return shape


def large_classes(shape, allowed):
    wrong = []
    for one in shape.classes:
        for what, number in shape.numbers(one).items():
            limit = LIMITS[what]
            listed = allowed.get(one.name, {}).get(what)
            named = f" ({', '.join(sorted(shape.parts(one)))})" if what == "parts" else ""
            if number > (listed or limit):
                wrong.append(f"{one.path}: {one.name} has {number} {what}, more than {listed or limit}{named}")
            elif listed and number <= limit:
                wrong.append(f"{one.path}: {one.name} has only {number} {what}: take them out of ALLOWED in shape.py")
            elif listed and number < listed:
                wrong.append(f"{one.path}: {one.name} has only {number} {what}: lower the {listed} in ALLOWED in "
                             "shape.py")
    known = {one.name for one in shape.classes}
    return wrong + [f"{name} is no class any more: take it out of ALLOWED in shape.py" for name in allowed
                    if name not in known]


def large_folders(shape):
    wrong = []
    for folder, number in collections.Counter(map(os.path.dirname, shape.tokens)).items():
        limit = FOLDER_LIMITS.get(folder, FOLDER_LIMIT)
        if number > limit:
            wrong.append(f"{folder}/ has {number} product files, more than {limit}")
    return wrong


def member_pointers(shape):
    return [f"{path}: {flat[at - 1]}::* is a pointer to a member: take a callback at construction instead"
            for path, flat in shape.tokens.items() for at in range(1, len(flat) - 1) if flat[at:at + 2] == ["::", "*"]]


def friends(shape):
    """A nested class may have the class around it for a friend: the two are one. Nothing else may have one."""
    wrong = []
    for path, flat in shape.tokens.items():
        fine = sum(one.friends_around for one in shape.classes if one.path == path)
        if flat.count("friend") > fine:
            wrong.append(f"{path}: declares a friend; only a nested class may, for the class around it")
    return wrong


def upward(shape):
    """Files that name one of OWNERS, or declare any other class, from a folder below the folder of that class."""
    wrong = []
    places = {one.name: folder_order.place(one.path) for one in shape.classes if one.path.endswith(".h")}
    for path, flat in shape.tokens.items():
        own = folder_order.place(path)

        def above(name):
            return own is not None and places.get(name) is not None and places[name] < own

        named = {name for name in OWNERS if name in flat}
        named |= {flat[at] for at in range(1, len(flat) - 1)
                  if flat[at - 1] in ("class", "struct") and flat[at + 1] == ";"}
        wrong += [f"{path}: names {name}, which is above it: nothing holds a pointer upwards"
                  for name in sorted(named) if above(name)]
    return wrong


def findings(shape, allowed):
    """All that is wrong, one line each."""
    return (large_classes(shape, allowed) + large_folders(shape) + member_pointers(shape) + friends(shape) +
            upward(shape))


def table(shape, rows=16):
    """The largest classes, and the folders, for people."""
    numbers = [(one, shape.numbers(one)) for one in shape.classes]
    numbers.sort(key=lambda row: -(row[1]["methods"] + row[1]["all members"]))
    lines = [f"{'class':24} {'file':44}" + "".join(f"{what:>13}" for what in LIMITS),
             f"{'limit':69}" + "".join(f"{limit:13}" for limit in LIMITS.values())]
    for one, of in numbers[:rows]:
        lines.append(f"{one.name:24} {one.path:44}" + "".join(f"{number:13}" for number in of.values()))
    lines.append(f"\n{'folder':38} {'product files':>13} {'limit':>6}")
    for folder, number in collections.Counter(map(os.path.dirname, shape.tokens)).most_common():
        lines.append(f"{folder:38} {number:13} {FOLDER_LIMITS.get(folder, FOLDER_LIMIT):6}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(read(product_files.Sources(product_files.root()))))
