"""Reads the classes out of C++ sources: their methods, their data members, and in which files the methods are defined.

Needs no compiler, since the sources are formatted and no macro declares anything. It groups the tokens by brackets and
cuts each scope into statements. A statement is a type, a function, or variables.
"""

import dataclasses
import re

# What is no code: raw strings, comments, strings, characters, lines of the preprocessor.
_NO_CODE = re.compile(r"""
    (?P<text> R"(?P<mark>[^()\s]*)\(.*?\)(?P=mark)" | "(?:\\.|[^"\\\n])*" | (?<!\w)'(?:\\.|[^'\\\n])+' ) |
    //[^\n]* | /\*.*?\*/ | ^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*
    """, re.VERBOSE | re.DOTALL | re.MULTILINE)
_TOKEN = re.compile(r"\w+|::|->|\S")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_TYPES = ("class", "struct", "union", "enum")
_ACCESS = ("public", "protected", "private")


def tokens(text):
    """The tokens of a source; each string and each character is the token `0`."""
    return _TOKEN.findall(_NO_CODE.sub(lambda found: " 0 " if found["text"] else " ", text))


class Group(list):
    """What is between a pair of brackets."""

    def __init__(self, bracket):
        super().__init__()
        self.bracket = bracket


def grouped(flat):
    """The tokens as a tree: each pair of brackets is one Group."""
    stack = [Group("")]
    for token in flat:
        if token in _CLOSING:
            stack.append(Group(token))
        elif token in _CLOSING.values():
            group = stack.pop()
            if _CLOSING.get(group.bracket) != token:
                raise ValueError(f"'{token}' closes '{group.bracket}'")
            stack[-1].append(group)
        else:
            stack[-1].append(token)
    if len(stack) > 1:
        raise ValueError(f"'{stack[-1].bracket}' is not closed")
    return stack[0]


def _is_group(item, bracket):
    return isinstance(item, Group) and item.bracket == bracket


def _is_name(item):
    return isinstance(item, str) and (item[0].isalpha() or item[0] == "_")


def _without_template_arguments(items):
    """The items outside of `<...>`."""
    kept, depth = [], 0
    for at, item in enumerate(items):
        if item == "<" and at and _is_name(items[at - 1]) and items[at - 1] != "operator":
            depth += 1
        elif item == ">" and depth:
            depth -= 1
        elif not depth:
            kept.append(item)
    return kept


def _plain(head):
    """A declaration without template arguments, attributes and what says nothing about its type."""
    left_out = ("template", "virtual", "inline", "static", "explicit", "constexpr", "typename", "mutable")
    return [item for item in _without_template_arguments(head) if item not in left_out and not _is_group(item, "[")]


def _parameters(plain):
    """Where the parameter list of a function is in its plain declaration; None if it declares no function."""
    for at, item in enumerate(plain):
        if item == "operator":
            # operator() has two groups, of which the second is the parameters.
            calls = [place for place in range(at + 1, len(plain)) if _is_group(plain[place], "(")]
            return next(iter(calls[1:] if calls[:1] == [at + 1] else calls), None)
        if item == "=":
            return None
        if _is_group(item, "(") and at and _is_name(plain[at - 1]):
            # T (*name)(...) and T (X::*name)(...) are variables; noexcept(...) and the like have no name before them.
            is_pointer = any(part in ("*", "&") for part in item) and _is_group((plain + [""])[at + 1], "(")
            return None if is_pointer or plain[at - 1] in ("alignas", "decltype") else at
    return None


def _type_name(plain):
    """The name of the type that this head begins to define, `""` if it has none; None if it defines no type."""
    if not plain or plain[0] not in _TYPES:
        return None
    rest = [item for item in plain[1:] if item not in ("class", "struct", "final")]
    if not rest or rest[0] == ":":
        return ""
    path = 1
    while rest[path:path + 1] == ["::"]:
        path += 2
    return "".join(rest[:path]) if rest[path:path + 1] in ([], [":"]) else None


def _body_follows(head):
    """Whether `{` after this head begins a body, not the value of a variable."""
    plain = _plain(head)
    if plain[:1] == ["namespace"] or plain == ["extern", "0"] or _type_name(plain) is not None:
        return True
    at = _parameters(plain)
    if at is None or "=" in plain[at:]:
        return False
    # A constructor initialises members first: `: a_{1}, b_(2) {`.
    return ":" not in plain[at:] or isinstance(head[-1], Group)


@dataclasses.dataclass
class Statement:
    head: list
    body: Group = None


def statements(items):
    """The statements of a scope, with access labels among them."""
    head = []
    for item in items:
        if item == ";":
            if head:
                yield Statement(head)
            head = []
        elif item == ":" and len(head) == 1 and head[0] in _ACCESS:
            yield Statement(head)
            head = []
        elif _is_group(item, "{") and _body_follows(head):
            yield Statement(head, item)
            head = []
        else:
            head.append(item)


def _is_mutable(result):
    """Whether a result type lets the caller change what it refers to: one of its levels is not const."""
    levels = [[]]
    for item in result:
        if item in ("*", "&"):
            levels.append([])
        else:
            levels[-1].append(item)
    return any("const" not in level for level in levels[:-1])


@dataclasses.dataclass
class Class:
    """A class as its definition declares it. What is defined elsewhere is a Definition."""

    name: str  # with those around it: EventLoop::Timer
    path: str  # the file
    methods: list = dataclasses.field(default_factory=list)  # names; constructors and operators too
    members: list = dataclasses.field(default_factory=list)  # names; constants are none
    nested: list = dataclasses.field(default_factory=list)  # Class
    # Names of public methods by which a caller may change what the result refers to.
    accessors: set = dataclasses.field(default_factory=set)
    bare: set = dataclasses.field(default_factory=set)  # public data members of what is called a class
    inline: list = dataclasses.field(default_factory=list)  # Definition
    friends_around: int = 0  # friend declarations for the class around this one

    def all_members(self):
        return len(self.members) + sum(each.all_members() for each in self.nested)

    def with_nested(self):
        yield self
        for each in self.nested:
            yield from each.with_nested()


@dataclasses.dataclass
class Definition:
    """Where a method's body is."""

    owner: str  # name of the Class
    name: str
    path: str


def _variables(plain):
    """The names of the variables of one declaration."""
    names, name, in_value = [], "(unnamed)", False
    for item in [*plain, ","]:
        if item == ",":
            names.append(name)
            name, in_value = "(unnamed)", False
        elif item in ("=", ":") or _is_group(item, "{"):
            in_value = True
        elif not in_value and _is_group(item, "(") and "*" in item:
            name, in_value = item[-1], True  # T (*name)(...)
        elif not in_value and _is_name(item):
            name = item
    return names


def _function_name(plain, at):
    """(name, where it begins) of the function whose parameters are at `at`."""
    if "operator" in plain[:at]:
        begin = plain.index("operator")
        return "".join(item if isinstance(item, str) else "()" for item in plain[begin:at]), begin
    begin = at - 2 if plain[at - 2:at - 1] == ["~"] else at - 1
    return "".join(plain[begin:at]), begin


def _add_declaration(owner, statement, bare, is_public):
    """Adds a statement that defines no type. `bare`: its public variables are open to all."""
    head, plain = statement.head, _plain(statement.head)
    if head[0] == "friend":
        owner.friends_around += len(head) == 3 and head[2] in owner.name.split("::")[:-1]
        return
    if head[0] in ("using", "typedef", "static_assert") or (plain[0] in _TYPES and _type_name(plain) is not None):
        return
    at = _parameters(plain)
    if at is None:
        if "constexpr" not in head:
            names = _variables(plain)
            owner.members += names
            owner.bare.update(names if bare and is_public and "const" not in plain else ())
        return
    name, begin = _function_name(plain, at)
    owner.methods.append(name)
    if statement.body is not None:
        owner.inline.append(Definition(owner.name, name, owner.path))
    result = plain[plain.index("->", at) + 1:] if "->" in plain[at:] else plain[:begin]
    # A class that returns itself lets calls be chained.
    if is_public and _is_mutable(result) and result != [owner.name.split("::")[-1], "&"]:
        owner.accessors.add(name)


def _read_class(name, plain, body, path):
    made = Class(name, path)
    access = "private" if plain[0] == "class" else "public"
    for statement in statements(body):
        inner = _type_name(_plain(statement.head)) if statement.body is not None else None
        if statement.body is None and statement.head[0] in _ACCESS and len(statement.head) == 1:
            access = statement.head[0]
        elif inner is None:
            _add_declaration(made, statement, plain[0] == "class", access == "public")
        elif "enum" not in statement.head:
            made.nested.append(_read_class(f"{name}::{inner or '(unnamed)'}", _plain(statement.head), statement.body,
                                           path))
    return made


def _owner(plain, begin):
    """The class before the name of a method that is defined outside of it: `A::B` of `A::B::Name`."""
    path = []
    while begin >= 2 and plain[begin - 1] == "::" and _is_name(plain[begin - 2]):
        begin -= 2
        path.insert(0, plain[begin])
    return "::".join(path)


def read(scope, path):
    """What a file, given as `grouped(tokens(text))`, has at namespace scope: (classes, Definitions of methods)."""
    classes, definitions = [], []
    for statement in statements(scope):
        plain = _plain(statement.head)
        name, at = _type_name(plain), _parameters(plain)
        if statement.body is not None and plain and (plain[0] == "namespace" or plain == ["extern", "0"]):
            inner_classes, inner_definitions = read(statement.body, path)
            classes += inner_classes
            definitions += inner_definitions
        elif statement.body is not None and name is not None:
            if plain[0] != "enum":
                classes.append(_read_class(name, plain, statement.body, path))
        elif at is not None:
            name, begin = _function_name(plain, at)
            if owner := _owner(plain, begin):
                definitions.append(Definition(owner, name, path))
    return classes, definitions
