"""ConfigMap and Secret volumes: one action for each update, whatever the kubelet does to get there.

Each case names the public bug report that it comes from. The sidecar runs a command at each change, which tells what it
finds there; the end of each case is one more update, so that whatever was too much would have come before it.
"""

import os
import shutil
import signal
import unittest

import harness
import kubelet
import namespace
import xml_runner

TERM = signal.SIGTERM
NOBODY = 65534
TELL = "cat {}/* 2>/dev/null | tr '\\n' ' '; echo ' ['"
ANNOUNCED = ["--reload-delay=1h", "--watch-scan=0"]
SWEPT = ["--watch-mode=poll", "--reload-delay=10ms"]


class VolumeTest(harness.Pid1Test):
    ways = ANNOUNCED

    def setUp(self):
        super().setUp()
        self.mount = os.path.join(self.folder(), "config")

    def volume(self, **keys):
        self.kubelet = kubelet.Volume(self.mount, keys or {"a": "one"})
        return self.kubelet

    def sidecar(self, *flags, watch=None, tell=None, **how):
        command = tell or TELL.format(self.mount)
        run = self.start(f"--watch={watch or self.mount}", "--watch-settle=100ms", "--log-level=debug", "--control=off",
                         *self.ways, f'--on-change=exec:/bin/sh -c "{command}"', *flags, **how)
        run.says("first scan done")
        self.run_ = run
        return run

    def told(self):
        return self.run_.stdout.split(" [\n")[:-1]

    def expect(self, *said):
        """All that was told since the start, no more and no less."""
        self.wait_for(lambda: len(self.told()) >= len(said), lambda: f"{len(said)} actions, but {self.told()}")
        self.assertEqual([text.strip() for text in self.told()], list(said))

    def finish(self, *said):
        """One more update, then the end: what came was told, and nothing else."""
        self.kubelet.update({"last": "last"})
        self.expect(*said, "last")
        self.run_.kill(TERM)
        self.run_.end(0)


class UpdateTest(VolumeTest):
    def test_one_action_for_each_update(self):
        """Pluies/config-reloader-sidecar sends 5 to 6 signals for an update: no settling, every event counts."""
        volume = self.volume(a="one", b="same")
        self.sidecar()
        volume.update({"a": "two", "b": "same"})
        self.expect("twosame")
        volume.update({"a": "three", "b": "same"})
        self.expect("twosame", "threesame")
        self.finish("twosame", "threesame")

    def test_slow_steps_are_one_update(self):
        """prometheus-operator/prometheus-operator#7366 and others: what is between the steps is nothing to act on."""
        volume = self.volume(a="one")
        run = self.sidecar()
        before = run.wakeups()
        seen = []

        def between(step):
            # Each step gets to the watcher by itself; the rename (9) is the only one that changes anything.
            if step < 9:
                self.pump(0.05)
                seen.append(len(self.told()))
        volume.update({"a": "two"}, between)
        self.expect("two")
        self.assertEqual(set(seen), {0})
        self.assertGreaterEqual(run.wakeups(), before)
        self.finish("two")

    def test_the_second_update_of_a_watched_file(self):
        """prometheus-operator#7366: a watch on the file itself dies with the first update, and nobody notices."""
        volume = self.volume(a="one")
        self.sidecar(watch=os.path.join(self.mount, "a"))
        said = []
        for text in ("two", "three", "four"):
            volume.update({"a": text})
            said.append(text)
            self.expect(*said)
        self.run_.kill(TERM)
        self.run_.end(0)

    def test_rewritten_but_the_same(self):
        """The kubelet rewrites every file, with a new inode and time, when one has changed: by mtime all have."""
        volume = self.volume(a="one")
        self.sidecar()
        self.assertTrue(volume.update({"a": "one"}, force=True))
        self.assertFalse(volume.update({"a": "one"}))  # kubernetes/kubernetes#121472: nothing is written
        self.finish()

    def test_a_new_key_and_a_removed_one(self):
        """kiwigrid/k8s-sidecar#85 and its like go silent over these."""
        volume = self.volume(a="one")
        self.sidecar()
        volume.update({"a": "one", "b": "new"})
        self.expect("onenew")
        volume.update({"b": "new"})
        self.expect("onenew", "new")
        self.finish("onenew", "new")

    def test_links_before_the_swap(self):
        """kubernetes/kubernetes#93686: older kubelets show a new key before it leads anywhere."""
        volume = self.volume(a="one")
        self.sidecar()
        volume.update({"a": "one", "b": "new"}, lambda step: self.pump(0.05), links_first=True)
        self.expect("onenew")
        self.finish("onenew")

    def test_back_to_what_it_was(self):
        """thanos-io/thanos#5324: a rollback was taken for the content that was applied last, and not applied."""
        volume = self.volume(a="good")
        self.sidecar(tell=TELL.format(self.mount) + f"; grep -q good {self.mount}/*")
        volume.update({"a": "broken"})
        self.expect("broken")
        self.run_.says("reload failed")
        volume.update({"a": "good"})
        self.expect("broken", "good")
        self.run_.kill(TERM)
        self.run_.end(0)

    def test_a_failure_is_not_forgotten(self):
        """jimmidyson/configmap-reload: one attempt, then the change is lost until the next one."""
        volume = self.volume(a="one")
        gate = os.path.join(self.folder(), "gate")
        self.sidecar("--reload-retry-delay=20ms", tell=TELL.format(self.mount) + f"; test -e {gate}")
        volume.update({"a": "two"})
        self.wait_for(lambda: len(self.told()) >= 3, "a second retry")
        self.write(gate)
        self.run_.says("reload: ")
        count = len(self.told())
        self.finish(*["two"] * count)

    def test_many_updates_with_recycled_inodes(self):
        """On ext4 the versions' inode numbers alternate: two updates at once look like none by inode alone."""
        volume = self.volume(a="0")
        self.sidecar()
        for number in range(1, 20):
            volume.update({"a": f"{number}"})
        self.wait_for(lambda: self.told() and self.told()[-1].strip() == "19", "the last content")
        said = [text.strip() for text in self.told()]
        self.assertEqual(said, sorted(said, key=int))
        self.finish(*said)

    def test_gone_and_back(self):
        """A volume that is unmounted and mounted again while somebody watches it (kiwigrid/k8s-sidecar#338)."""
        volume = self.volume(a="one")
        run = self.sidecar()
        os.rename(self.mount, self.mount + ".away")
        run.says("has disappeared")
        kubelet.Volume(self.mount, {"a": "two"})
        run.says("is back")
        self.wait_for(lambda: self.told() and self.told()[-1].strip() == "two", "the new content")
        self.kubelet.path = self.mount
        count = len(self.told())
        volume.update({"a": "three"})
        self.wait_for(lambda: self.told()[count:] and self.told()[-1].strip() == "three", "the next content")
        run.kill(TERM)
        run.end(0)
        shutil.rmtree(self.mount + ".away")

    @unittest.skipUnless(os.getuid() == 0 and os.path.exists("/usr/bin/setpriv"), "takes root, and setpriv")
    def test_unreadable_for_a_moment(self):
        """kubernetes/kubernetes#114464: with fsGroup the permissions came after the swap, and readers met EACCES."""
        volume = self.volume(a="one")
        # What cannot be read cannot be watched either: that folder is looked at again and again.
        run = self.sidecar("--reload-delay=10ms", init=[
            "/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", harness.REINIT])

        def between(step):
            if step == 8:
                self.new = os.readlink(volume.at("..data_tmp"))
                os.chmod(volume.at(self.new), 0o700)
            elif step == 9:
                run.says("cannot read", "Permission denied")
                os.chmod(volume.at(self.new), 0o755)
        volume.update({"a": "two"}, between)
        self.wait_for(lambda: self.told() and self.told()[-1].strip() == "two", "the new content")
        run.kill(TERM)
        run.end(0)

    def test_a_killed_helper_in_between(self):
        volume = self.volume(a="one")
        run = self.sidecar()
        helper = run.helpers()["watch"]
        harness.hang(helper)
        volume.update({"a": "two"})
        os.kill(helper, signal.SIGKILL)
        self.finish_after_restart(helper)

    def finish_after_restart(self, helper):
        self.expect("two")
        self.eventually(lambda: self.run_.helpers().get("watch", helper) != helper, lambda: "no new helper")
        self.finish("two")


class SweptUpdateTest(UpdateTest):
    """gVisor: the kubelet's events never arrive inside, so looking is all there is."""

    ways = SWEPT


class StaleMountTest(VolumeTest):
    """nginx/docker-nginx#355 and every subPath mount: the file that is mounted is never the new one."""

    ways = ["--watch-mode=poll", "--reload-delay=20ms"]

    def mounted(self, *flags, watch_folder=False):
        volume = self.volume(a="one", b="one")
        self.seen = os.path.join(self.folder(), "etc", "app.conf")
        os.makedirs(os.path.dirname(self.seen))
        self.write(self.seen)
        source = os.path.realpath(volume.at("a"))
        run = self.sidecar(*flags, watch=os.path.dirname(self.seen) if watch_folder else self.seen,
                           setup=lambda: namespace.mount(source, self.seen, "none", namespace.MS_BIND))
        run.says(self.seen, "is mounted by itself (subPath")
        return volume, run

    def test_is_said(self):
        for folder in (False, True):
            with self.subTest(folder=folder):
                self.mount += "x"
                volume, run = self.mounted(watch_folder=folder)
                self.assertNotIn("was replaced", run.stderr)
                volume.update({"a": "two", "b": "one"})
                run.says(self.seen, "was replaced outside", "until the container is started again")
                run.kill(TERM)
                run.end(0)
                self.assertEqual(run.stderr.count("was replaced outside"), 1)
                # It would have been with the old content.
                self.assertNotIn("reload 1", run.stderr)

    def test_can_be_the_end(self):
        volume, run = self.mounted("--on-stale-mount=exit")
        volume.update({"a": "two", "b": "one"})
        run.end(1)
        self.assertIn("was replaced outside", run.stderr)

    def test_ends_the_process_in_good_order(self):
        volume = self.volume(a="one")
        seen = self.write(os.path.join(self.folder(), "app.conf"))
        source = os.path.realpath(volume.at("a"))
        run, _ = self.start_app(f"--watch={seen}", *self.ways, "--on-stale-mount=exit", "--log-level=debug",
                                config={"exit_on": {"15": 0}},
                                setup=lambda: namespace.mount(source, seen, "none", namespace.MS_BIND))
        run.says("first scan done")
        volume.update({"a": "two"})
        self.event("signal", signal=TERM)
        run.end(1)


if __name__ == "__main__":
    xml_runner.main()
