"""Many changes at once, changes without end, and links that lead nowhere: none of them loses or multiplies a reload."""

import os
import threading

import xml_runner
from reload_test import TERM, ReloadTest

BURST = 10_000
MODES = ("auto", "poll")


class BurstsTest(ReloadTest):
    def test_ten_thousand_changes_are_one_reload(self):
        for mode in MODES:
            with self.subTest(mode):
                root = self.folder()
                paths = [os.path.join(root, f"d{number % 100}", f"f{number}.py") for number in range(BURST)]
                for path in paths:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with open(path, "w", encoding="utf-8"):
                        pass
                run, app = self.start_watching(f"--watch-mode={mode}", "--watch-settle=1s", watch=root)
                for path in paths:
                    os.utime(path)
                app = self.event("start")
                self.assertEqual(app["env"]["REINIT_GENERATION"], "2")
                self.assertIn(f" and {BURST - 1} more", app["env"]["REINIT_REASON"])
                self.finish(run, app)

    def test_a_writer_that_never_rests_cannot_starve_the_reload(self):
        for mode in MODES:
            with self.subTest(mode):
                # No pause of the writer is that long: only the bound of the whole ends the wait.
                run, app = self.start_watching(f"--watch-mode={mode}", "--watch-settle=5s")
                over = threading.Event()

                def write():
                    number = 0
                    while not over.wait(0.005):
                        number += 1
                        with open(self.file, "w", encoding="utf-8") as file:
                            file.write(str(number))
                writer = threading.Thread(target=write)
                writer.start()
                try:
                    self.reloaded(self.file)
                finally:
                    over.set()
                    writer.join()
                run.kill(TERM)
                run.end(0)
                self.events.clear()

    def test_links_in_a_circle(self):
        """They count as what they are, and nobody walks in circles; the watcher goes on."""
        deep = os.path.join(self.root, "deep")
        os.mkdir(deep)
        for name, target in (("self", "self"), ("one", "two"), ("two", "one"), ("here", "."), ("deep/up", ".."),
                             ("deep/root", self.root)):
            os.symlink(target, os.path.join(self.root, name))
        for mode in MODES:
            with self.subTest(mode):
                run, app = self.start_watching(f"--watch-mode={mode}")
                inner = self.write(os.path.join(deep, "inner.py"), mode)
                app = self.one(2, inner)
                new = os.path.join(deep, f"new-{mode}")
                os.symlink(f"new-{mode}", new)
                app = self.one(3, new)
                self.write(self.file, mode)
                app = self.one(4, self.file)
                self.assertNotIn("symbolic links", run.stderr)
                self.finish(run, app)

    def one(self, generation, changed):
        app = self.reloaded(changed)
        self.assertEqual(app["env"]["REINIT_GENERATION"], str(generation))
        self.assertNotIn("more", app["env"]["REINIT_REASON"])
        return app


if __name__ == "__main__":
    xml_runner.main()
