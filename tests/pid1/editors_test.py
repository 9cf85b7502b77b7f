"""Each save of an editor, and each tool that brings new files, is one reload; what they leave beside it is none."""

import mmap
import os
import re
import shutil
import subprocess
import time

import engine
import xml_runner
from reload_test import LONG_AGO, ReloadTest

TOOLS = {"vim": "vim", "git": "git", "rsync": "rsync"}  # program: package of Debian
CHECKED_OUT = 5000


def run(*command, cwd=None):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def vim(path, *settings):
    commands = [word for setting in settings for word in ("-c", f"set {setting}")]
    run("vim", "-es", "-N", "-u", "NONE", "-i", "NONE", *commands, "-c", "normal oline", "-c", "wq", path)


def in_place(path, mode="r+"):
    with open(path, mode, encoding="utf-8") as file:
        file.write("in place")


def jetbrains(path):
    """IntelliJ, PyCharm and their like, with safe write."""
    new, old = path + "___jb_tmp___", path + "___jb_old___"
    in_place(new, "w")
    os.rename(path, old)
    os.rename(new, path)
    os.unlink(old)


def emacs(path):
    folder, name = os.path.split(path)
    lock = os.path.join(folder, ".#" + name)
    os.symlink("user@host.1234", lock)
    in_place(os.path.join(folder, f"#{name}#"), "w")
    os.rename(path, path + "~")
    in_place(path, "w")
    os.unlink(os.path.join(folder, f"#{name}#"))
    os.unlink(lock)


def unlink_and_create(path):
    """As `docker compose watch` syncs."""
    os.unlink(path)
    in_place(path, "w")


def mapped(path):
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[0:1] = b"M"
        memory.flush()


class Elsewhere:
    """A file outside of the watched folder, to be brought into it."""

    def __init__(self, path):
        self.path = path
        self.number = 0

    def __call__(self):
        self.number += 1
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("elsewhere" * self.number)
        return self.path


def saves(elsewhere):
    """Name and what is done to a path."""
    def older(path):
        os.utime(elsewhere(), LONG_AGO)
        run("cp", "-p", elsewhere.path, path)
    return (
        ("written in place", in_place),
        ("truncated and written", lambda path: in_place(path, "w")),
        ("vim, by rename", lambda path: vim(path, "swapfile", "writebackup", "backupcopy=no")),
        ("vim, in place", lambda path: vim(path, "swapfile", "backup", "backupcopy=yes")),
        ("JetBrains", jetbrains),
        ("Emacs", emacs),
        ("sed -i", lambda path: run("sed", "-i", "$ s/$/x/", path)),
        ("unlinked and created", unlink_and_create),
        ("cp", lambda path: run("cp", elsewhere(), path)),
        ("cp -p of an older one", older),
        ("mv", lambda path: run("mv", elsewhere(), path)),
        ("install", lambda path: run("install", "-m", "644", elsewhere(), path)),
        ("rsync", lambda path: run("rsync", "-a", elsewhere(), path)),
        ("rsync --inplace", lambda path: run("rsync", "-a", "--inplace", elsewhere(), path)),
        ("through a mapping", mapped),
        ("touch", lambda path: run("touch", path)),
        ("chmod +x", lambda path: run("chmod", "+x", path)),
        ("rm", os.unlink),
    )


class EditorsTest(ReloadTest):
    MODES = ("auto", "poll")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            engine.ensure_packages(TOOLS)
        except engine.Unavailable as error:
            print(f"[editors] {error}", flush=True)

    def setUp(self):
        super().setUp()
        for tool in TOOLS:
            if shutil.which(tool):
                continue
            if os.environ.get("REINIT_REQUIRE_CONTAINERS") == "1":
                self.fail(f"{tool} is not installed")
            self.skipTest(f"{tool} is not installed")

    def one_reload(self, generation, name, changed):
        app = self.reloaded(changed)
        self.assertEqual(app["env"]["REINIT_GENERATION"], str(generation), name)
        self.assertNotIn("more", app["env"]["REINIT_REASON"], name)
        return app

    def test_each_save_is_one_reload(self):
        for mode in self.MODES:
            with self.subTest(mode):
                elsewhere = Elsewhere(os.path.join(self.folder(), "elsewhere"))
                # A file of its own for each: one that changes after each reload would be held back.
                kinds = [(name, save, self.write(os.path.join(self.root, f"{mode}{number}.py"), "one"))
                         for number, (name, save) in enumerate(saves(elsewhere))]
                run_, app = self.start_watching(f"--watch-mode={mode}", "--watch-settle=200ms")
                for generation, (name, save, path) in enumerate(kinds, 2):
                    save(path)
                    app = self.one_reload(generation, f"{mode}: {name}", path)
                self.finish(run_, app)

    def test_what_editors_leave_beside_it_is_none(self):
        for mode in self.MODES:
            with self.subTest(mode):
                run_, app = self.start_watching(f"--watch-mode={mode}")
                for name in ("4913", ".#app.py", "#app.py#", "app.py~", ".app.py.swp", ".app.py.swx", "app.py___jb_tmp___"):
                    self.write(os.path.join(self.root, name), "x")
                    os.unlink(os.path.join(self.root, name))
                self.write(self.file, mode)
                app = self.one_reload(2, mode, self.file)
                self.finish(run_, app)

    def test_a_checkout_of_many_files_is_one(self):
        for mode in self.MODES:
            with self.subTest(mode):
                root = os.path.join(self.folder(), "work")
                os.mkdir(root)
                git = lambda *words: run("git", "-c", "user.name=x", "-c", "user.email=x@example.com", *words, cwd=root)
                git("init", "-q", "-b", "main")
                for text in ("main", "other"):
                    for number in range(CHECKED_OUT):
                        folder = os.path.join(root, f"d{number % 50}")
                        os.makedirs(folder, exist_ok=True)
                        in_place(os.path.join(folder, f"f{number}.py"), "w")
                        with open(os.path.join(folder, f"f{number}.py"), "w", encoding="utf-8") as file:
                            file.write(text)
                    git("add", ".")
                    git("commit", "-q", "-m", text)
                    git("branch", "-q", f"at-{text}")
                run_, app = self.start_watching(f"--watch-mode={mode}", "--watch-settle=1s", watch=root)
                began = time.monotonic()
                git("checkout", "-q", "at-main")
                # No burst is waited for longer than five seconds, which a busy machine may take.
                allowed = 1 + int((time.monotonic() - began) / 3)
                seen = reloads = 0
                while seen < CHECKED_OUT:
                    app = self.reloaded()
                    seen += 1 + int(re.search(r" and (\d+) more", app["env"]["REINIT_REASON"])[1])
                    reloads += 1
                # What is being written when a burst is cut off is in the next one, too.
                self.assertLess(seen, CHECKED_OUT + reloads)
                self.assertLessEqual(reloads, allowed)
                self.finish(run_, app)

    def test_by_content_only_another_content_counts(self):
        for flags in (["--watch-compare=hash"], ["--watch-mode=hash"]):
            with self.subTest(flags):
                self.write(self.file, "one")
                run_, app = self.start_watching(*flags)
                for same in (os.utime, lambda path: os.chmod(path, 0o755), lambda path: self.write(path, "one"),
                             lambda path: os.utime(path, LONG_AGO)):
                    same(self.file)
                other = self.write(os.path.join(self.root, "other" + flags[0]), "new")
                app = self.one_reload(2, "a new file", other)
                self.write(self.file, "two")
                app = self.one_reload(3, "another content", self.file)
                self.finish(run_, app)


if __name__ == "__main__":
    xml_runner.main()
