"""Classes and folders stay small, and classes keep their parts to themselves.

shape.py has the rules and the numbers.
"""

import os
import tempfile
import unittest

import cpp_classes
import product_files
import shape
import xml_runner


class Shape(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seen = shape.read(product_files.Sources(product_files.root()))

    def test_it_sees_the_classes_and_their_methods(self):
        for name in (*shape.OWNERS, "EventLoop::Timer", "Instance", "Tree"):
            (one,) = [each for each in self.seen.classes if each.name == name and each.path.endswith(".h")]
            numbers = self.seen.numbers(one)
            self.assertGreater(min(numbers["methods"], numbers["members"], numbers["files"]), 0, name)
        # Each class whose methods a .cc file defines was found.
        known = {(one.name, one.path.endswith(".h") or one.path) for one in self.seen.classes}
        self.assertEqual([each for each in self.seen.definitions
                          if not {(each.owner, True), (each.owner, each.path)} & known], [])

    def test_the_rules(self):
        self.assertEqual(shape.findings(self.seen, shape.ALLOWED), [])

    def test_the_table(self):
        lines = shape.table(self.seen).splitlines()
        self.assertTrue(any(line.startswith("Supervisor ") for line in lines), lines)
        self.assertTrue(any(line.startswith("supervisor/run ") for line in lines), lines)


def tree(files):
    """The sources of a small tree: paths and their texts."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return product_files.Sources(root)


def lines(text, number):
    return "".join(text % at for at in range(number))


class Twin(unittest.TestCase):
    """A tree at a limit, where nothing is found, and one with a fault, where one line is."""

    def findings(self, files, allowed=None):
        return shape.findings(shape.read(tree(files)), allowed or {})

    def both(self, fine, wrong, words, allowed=None):
        self.assertEqual(self.findings(fine, allowed), [])
        found = self.findings(wrong, allowed)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_methods(self):
        def header(number):
            return {"supervisor/run/a.h": f"class A {{\n public:\n{lines('  void F%d();', number)}\n}};\n"}
        self.both(header(50), header(51), "51 methods, more than 50")

    def test_methods_of_a_class_in_a_source_file(self):
        def source(number):
            return {"supervisor/run/a.cc": f"namespace {{\nclass A {{\n{lines('  void F%d() {{}}', number)}\n}};\n}}\n"}
        self.both(source(50), source(51), "51 methods, more than 50")

    def test_members(self):
        def header(number):
            return {"cmd/a.h": f"class A {{\n{lines('  int m%d_ = 0;', number)}\n}};\n"}
        self.both(header(26), header(27), "27 members, more than 26")

    def test_members_with_those_of_nested_types(self):
        def header(number):
            inner = f"struct Inner {{ {lines('int m%d = 0;', number)} }};"
            return {"reaper/a.h": f"class A {{\n{inner}\n{lines('  int m%d_ = 0;', 16)}\n}};\n"}
        self.both(header(20), header(21), "37 all members, more than 36")

    def test_a_class_on_the_list(self):
        def header(number):
            return {"cmd/a.h": f"class A {{\n{lines('  void F%d();', number)}\n}};\n"}
        self.both(header(60), header(61), "61 methods, more than 60", {"A": {"methods": 60}})
        self.both(header(60), header(59), "lower the 60", {"A": {"methods": 60}})
        self.both(header(60), header(50), "take them out of ALLOWED", {"A": {"methods": 60}})
        self.both(header(60), {}, "no class any more", {"A": {"methods": 60}})

    def test_files_that_define_a_class(self):
        def files(number):
            header = {"cmd/a.h": "class A {\n  A();\n  int F();\n};\n"}
            return header | {f"cmd/a{at}.cc": "namespace x {\nint A::F() { return 1; }\n}\n" for at in range(number)}
        self.both(files(2), files(3), "3 files, more than 2")

    def test_pointers_to_members(self):
        self.both({"cmd/a.cc": "const auto f = &A::F; int x = A::b * 2;\n"},
                  {"cmd/a.cc": "using F = void (A::*)(int);\n"}, "pointer to a member")
        self.assertEqual(len(self.findings({"cmd/a.h": "struct B {\n  void (A::*then)() = nullptr;\n};\n"})), 1)

    def test_friends(self):
        inner = "class A {\n  class B {\n    friend class %s;\n  };\n};\n"
        self.both({"cmd/a.h": inner % "A"}, {"cmd/a.h": inner % "C"}, "declares a friend")
        for line in ("friend class C;", "friend C;", "friend bool operator==(const A&, const A&) { return true; }"):
            with self.subTest(line=line):
                self.assertEqual(len(self.findings({"cmd/a.h": f"class A {{\n  {line}\n}};\n"})), 1)

    def parts(self, body):
        """The parts of a class with this body that callers may change."""
        files = tree({
            "cmd/a.h": f"class A {{\n{body}\n private:\n  B b_;\n  B c_;\n  std::unique_ptr<B> d_;\n}};\n",
            "cmd/a.cc": "B& A::Later() { return c_; }\n",
        })
        seen = shape.read(files)
        return seen.parts(next(one for one in seen.classes if one.name == "A"))

    def test_parts(self):
        def header(accessors):
            return {"cmd/a.h": f"class A {{\n public:\n{accessors}\n private:\n  B b_;\n  B c_;\n  B d_;\n}};\n"}
        two = "B& b() { return b_; }\nconst B* c() const { return &c_; }\nB* Either() { return x ? &b_ : &c_; }\n"
        self.both(header(two), header(two + "auto d() -> B& { return d_; }"), "3 parts, more than 2 (Either, b, d)")

    def test_what_gives_a_part_away(self):
        for accessor, part in (
            ("B& F() { return b_; }", "F"),
            ("B* F() { if (x) return nullptr; return d_.get(); }", "F"),
            ("B& Later();", "Later"),
            ("B* F() const { return d_.get(); }", "F"),
            ("const B*& F() { return b_.p; }", "F"),
            ("B* const& F() { return b_.p; }", "F"),
            ("std::vector<const B*>& F() { return b_.all; }", "F"),
            ("B& operator*() { return *d_; }", "operator*"),
            ("virtual B* F() = 0;", "F"),
            ("B* F() { B* const one = &b_; return one; }", "F"),
            ("B open;", "open"),
        ):
            with self.subTest(accessor=accessor):
                self.assertEqual(self.parts(" public:\n  " + accessor), {part})

    def test_what_keeps_its_parts(self):
        for fine in (
            "public: const B& F() const { return b_; }",
            "public: const B* F() const { return &b_; }",
            "public: B const* F() const { return &b_; }",
            "public: B F() { return b_; }",
            "public: std::unique_ptr<B> F() { return std::move(d_); }",
            "public: const std::vector<B*>& F() { return b_.all; }",
            "public: A& operator=(A&& other) { return *this; }",
            "public: A& Add(int x) { return *this; }",
            "public: void F(B* b, B& c);",
            "public: std::function<B&()> F();",
            "public: const int kept = 3; static constexpr int kFour = 4;",
            "private: B& F() { return b_; }",
            "protected: B& F() { return b_; }",
            "B& F() { return b_; }",
        ):
            with self.subTest(fine=fine):
                self.assertEqual(self.parts(fine), set())

    def test_pointers_upwards(self):
        supervisor = {"supervisor/supervisor.h": "class Supervisor {\n};\n"}
        runner = {"supervisor/run/runner.h": "class Runner {\n};\nclass Parts {\n};\n"}
        for path, text, wrong in (
            ("supervisor/run/a.h", "void F(Supervisor* supervisor);", True),
            ("supervisor/run/a.h", "struct A {\n  Supervisor& up;\n};", True),
            ("supervisor/run/a.h", "void F(std::vector<Supervisor*> all);", True),
            ("supervisor/messages.h", "void F(Supervisor* supervisor);", True),
            ("supervisor/change/a.h", "void F(Runner* runner);", True),
            ("supervisor/change/a.h", "class Parts;", True),
            ("supervisor/change/a.cc", "// A Runner* is none, nor is this:\nconst char* a = \"Runner*\";", False),
            ("supervisor/run/a.h", "class Runner;\nvoid F(Runner* runner);", False),
            ("supervisor/ending/a.h", "void F(Runner* runner);", False),
            ("supervisor/supervisor_control.cc", "void F(Supervisor* supervisor, Runner* runner);", False),
            ("supervisor/control/a.h", "class Supervisor;\nvoid F(Supervisor* supervisor);", False),
            ("cmd/a.cc", "void F(Supervisor* supervisor);", False),
        ):
            with self.subTest(path=path, text=text):
                found = self.findings(supervisor | runner | {path: text + "\n"})
                self.assertEqual(len(found), 1 if wrong else 0, found)

    def test_folders(self):
        def folder(name, number):
            return {f"{name}/a{at}.h": "int x;\n" for at in range(number)}
        self.both(folder("supervisor/run", 28), folder("supervisor/run", 29), "29 product files, more than 28")
        self.both(folder("supervisor", 14), folder("supervisor", 15), "15 product files, more than 14")
        for_tests = "cc_test(name = 't', srcs = [%s])\n" % lines("'a%d.h', ", 20)
        self.assertEqual(self.findings(folder("supervisor", 20) | {"supervisor/BUILD.bazel": for_tests}), [])


def read(text):
    return cpp_classes.read(cpp_classes.grouped(cpp_classes.tokens(text)), "a.h")


class Reader(unittest.TestCase):
    def test_methods(self):
        for text, names in (
            ("A();", ["A"]),
            ("~A() override;", ["~A"]),
            ("virtual ~A() = default;", ["~A"]),
            ("explicit A(int a) : a_(a), b_{a}, c_{} {}", ["A"]),
            ("A(const A&) = delete; A& operator=(const A&) = delete;", ["A", "operator="]),
            ("bool operator()(int a) const;", ["operator()"]),
            ("bool operator<(const A& a) const { return x < a.x; } int F();", ["operator<", "F"]),
            ("explicit operator bool() const { return true; }", ["operatorbool"]),
            ("std::map<int, int> F(int a = 1, const B& b = {}) const noexcept(true);", ["F"]),
            ("template <typename T, int n> void F(T f) { f(); }", ["F"]),
            ("[[nodiscard]] virtual int F() const = 0;", ["F"]),
            ("auto F() const -> std::vector<int> { return {}; }", ["F"]),
            ("static int F(void (*callback)(int)); int G();", ["F", "G"]),
            ("absl::StatusOr<std::function<void(int)>> F(int (&a)[3]);", ["F"]),
            ("void F() { if (x) { y(); } struct B { int b; }; } void F(int);", ["F", "F"]),
        ):
            with self.subTest(text=text):
                ((one,), _) = read("class A : public B<int> {\n public:\n  " + text + "\n};")
                self.assertEqual((one.methods, one.members, one.nested), (names, [], []))

    def test_members(self):
        for text, names in (
            ("int a; int b_ = 1; int c{}; int d = {1, 2};", ["a", "b_", "c", "d"]),
            ("int a = 1, b, *c = nullptr;", ["a", "b", "c"]),
            ("absl::AnyInvocable<void(int, B)> a_; std::map<int, std::vector<int>> b_ = {{1, {}}};", ["a_", "b_"]),
            ("void (*a)(int) = nullptr; int (A::*b)(); std::array<int, 3> c;", ["a", "b", "c"]),
            ("char a[16] = {}; unsigned b : 3; struct stat c; struct stat d {};", ["a", "b", "c", "d"]),
            ("const Clock* const a_; mutable int b_; static int c_; A::B d_ = A::B::kC;", ["a_", "b_", "c_", "d_"]),
            ("std::function<void()> a_ = [] { return F(1); }; int b_ = F(1) < 2 ? G() : 3;", ["a_", "b_"]),
            ("static constexpr int kA = 1; using B = int; typedef int C; static_assert(true); enum D { kD };", []),
            ("enum class E : int; class F; struct G; using H = void(int); using B::B; using B::operator=;", []),
            ("// int a;\n/* int b; */ int c = '{'; const char* d = \"}; int e;\"; const char* f = R\"x(})x\";",
             ["c", "d", "f"]),
            ("#define A { \\\n  {\n  int a = 1'000; char b = '\\'';", ["a", "b"]),
        ):
            with self.subTest(text=text):
                ((one,), _) = read("struct A final {\n  " + text + "\n};")
                self.assertEqual((one.methods, one.members, one.nested), ([], names, []))

    def test_nested_types(self):
        ((one,), _) = read("namespace x {\nclass A {\n  struct B {\n    int b; struct C { int c; } d; void F();\n  };\n"
                           "  struct { int e; };\n  union { int f; int g; } h_;\n  enum class I { kA, kB };\n  B i_;\n"
                           "};\n}")
        self.assertEqual([each.name for each in one.with_nested()],
                         ["A", "A::B", "A::B::C", "A::(unnamed)", "A::(unnamed)"])
        self.assertEqual((one.methods, one.members, one.all_members()), ([], ["h_", "i_"], 2 + 2 + 1 + 3))

    def test_definitions(self):
        classes, definitions = read("""
            namespace x {
            namespace { void Free() { A::Call(1); } }
            A::A(int a) : a_(a) { F(); }
            A::~A() = default;
            std::map<int, B> A::F(int a) const { return {}; }
            A::B& A::B::operator=(B&& other) noexcept { return *this; }
            bool operator==(const A& a, const A& b) { return true; }
            extern "C" { int G() { return 1; } }
            constexpr int A::kTable[] = {1, 2};
            const int kX = A::F(1);
            }  // namespace x""")
        self.assertEqual(classes, [])
        self.assertEqual([(each.owner, each.name) for each in definitions],
                         [("A", "A"), ("A", "~A"), ("A", "F"), ("A::B", "operator=")])

    def test_brackets_that_do_not_match(self):
        for text in ("int a[3;", "}", "void F() { (} )"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                read(text)


if __name__ == "__main__":
    xml_runner.main()
