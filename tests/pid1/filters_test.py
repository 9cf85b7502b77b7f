"""What is left out of watched folders, and what is not."""

import os
import shutil

import xml_runner
from reload_test import QUICK, ReloadTest


class FilterTest(ReloadTest):
    def put(self, name, text="x"):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return self.write(path, text)

    def only_these_reload(self, app, left_out, counted):
        """The names left out are written first: had one counted, it would be in what follows."""
        for name in counted:
            for other in left_out:
                self.put(other, f"beside {name}")
            app = self.reloaded(self.put(name, "new"))
            self.assertNotIn("more", app["env"]["REINIT_REASON"])
        return app

    def test_excluded_and_included(self):
        for name in ("build/a.py", "src/a.log", "src/a.py"):
            self.put(name)
        for mode in ("inotify", "poll"):
            with self.subTest(mode):
                run, app = self.start_watching("--watch-exclude=/build", "--watch-exclude=*.{log,tmp}",
                                               f"--watch-mode={mode}")
                app = self.only_these_reload(app, ["build/a.py", "build/deep/b.py", "src/a.log", "a.tmp"],
                                             ["src/a.py", "src/build/a.py"])
                self.finish(run, app)
                self.events.clear()
                run.destroy()

    def test_the_twin_without_flags(self):
        self.put("build/a.py")
        run, app = self.start_watching()
        self.finish(run, self.only_these_reload(app, [], ["build/a.py", "a.log"]))

    def test_only_what_is_included(self):
        for name in ("src/.git/index", "node_modules/x/a.js", "src/a.py"):
            self.put(name)
        run, app = self.start_watching("--watch-include=src", "--watch-include=.env", "--watch-ext=html",
                                       "--watch-exclude=secret*")
        app = self.only_these_reload(
            app,
            ["notes.txt", "src/.git/index", "src/.a.py.swp", "src/secret.py", "node_modules/x/a.html", "src/a.py~"],
            ["src/a.py", "src/deep/a.txt", ".env", "page.html"])
        self.finish(run, app)

    def start_dev(self, *flags):
        run, app = self.start_app("--dev", *flags, *QUICK, setup=lambda: os.chdir(self.root))
        run.says("watching", "scan")
        return run, app

    def reloaded_below(self, name):
        app = self.event("start", name="main")
        self.assertEqual(app["env"].get("REINIT_CHANGED"), name)
        self.assertNotIn("more", app["env"]["REINIT_REASON"])
        return app

    def test_dev_honours_gitignore(self):
        for name in ("out/a.py", "src/a.log", "src/keep.log", ".env"):
            self.put(name)
        self.put(".gitignore", "*.log\nout/\n.env\n")
        self.put("src/.gitignore", "!keep.log\n")
        run, _ = self.start_dev()
        for name in ("out/a.py", "src/a.log", ".env"):
            self.put(name, "new")
        self.put("src/keep.log", "new")
        self.reloaded_below("src/keep.log")
        # By then it hides other files, which is no change; its own is one.
        self.put(".gitignore", "*.py\n")
        self.reloaded_below(".gitignore")
        self.put("app.py", "new")
        self.put(".env", "newer")
        self.finish(run, self.reloaded_below(".env"))

    def test_dev_without_gitignore(self):
        self.put("a.log")
        self.put(".gitignore", "*.log\n")
        run, _ = self.start_dev("--no-watch-ignore-files")
        self.put("a.log", "new")
        self.finish(run, self.reloaded_below("a.log"))

    def test_dev_with_a_file_more(self):
        self.put(".gitignore", ".env\n")
        self.put(".env")
        run, _ = self.start_dev("--watch=.env")
        self.put(".env", "new")
        self.reloaded_below(".env")
        self.put("app.py", "new")
        self.finish(run, self.reloaded_below("app.py"))

    def test_a_folder_that_is_made_again(self):
        """git checkout removes and makes folders: the watch and the process find the new one by its path."""
        run, app = self.start_dev()
        shutil.rmtree(self.root)
        os.mkdir(self.root)
        self.put("b.py")
        app = self.event("start", name="main")
        self.assertEqual(app["cwd"], self.root)
        self.finish(run, app)

    def test_a_changed_environment_file(self):
        env = self.write(os.path.join(self.folder(), "vars"), "A=1")
        run, app = self.start_watching(f"--env-file={env}")
        self.assertEqual(app["env"]["A"], "1")
        self.write(env, "A=2")
        app = self.reloaded(env)
        self.assertEqual(app["env"]["A"], "2")
        self.finish(run, app)

    def test_check_counts(self):
        for name in ("src/a.py", "src/b.py", "build/c.py", ".git/x.py"):
            self.put(name)
        run = self.start("--check", f"--watch={self.root}", "--watch-exclude=build", "--", "/bin/true")
        run.end(0)
        self.assertIn(f"{self.root}: 3 files in 2 folders, most in {self.root}/src (2)", run.stdout)

    def test_bad_patterns(self):
        for flag in ("--watch-include=[a", "--watch-exclude={a", "--watch-exclude=a\\", "--watch-exclude=",
                     "--watch-include=!a", "--watch-exclude=*.py,*.js", "--watch-include=../a", "--watch-ext=py js"):
            run = self.start(f"--watch={self.root}", flag, "--", "/bin/true")
            run.end(2)
            self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
            self.assertIn(flag.split("=", maxsplit=1)[0], run.stderr)


if __name__ == "__main__":
    xml_runner.main()
