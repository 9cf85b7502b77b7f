"""docker/ci.Dockerfile: the job's exit status, its background services ended in good order, nothing left behind.

By hand: `tests/py/run.sh tests/container/ci_image_test.py [Class.method]`, with REINIT_BINARY naming the binary.
"""

import os
import shutil
import signal
import sys

import apps
import container_test
import engine as engines
import xml_runner

# A daemon with a session of its own and no parent, as databases are: at TERM it takes a second to flush.
SERVICE = """
import os, signal, sys, time
name = sys.argv[1]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
open(f"/work/{name}.running", "w").close()
signal.sigwait([signal.SIGTERM])
time.sleep(1)
os.unlink(f"/work/{name}.running")
open(f"/work/{name}.flushed", "w").close()
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('/work/deaf', 'w').close(); time.sleep(1000)"
STARTED = "while [ ! -e /work/db.running ]; do sleep 0.01; done; "


class CiImageTest(container_test.ContainerTest):
    def setUp(self):
        super().setUp()
        context = os.path.join(self.folder, "context")
        os.mkdir(context)
        shutil.copyfile("docker/ci.Dockerfile", os.path.join(context, "Dockerfile"))
        self.engine.build("ci", context, "--build-arg", f"BASE={engines.BASE_IMAGE}")
        self.work = os.path.join(self.folder, "work")
        os.mkdir(self.work)
        for name, text in (("service.py", SERVICE), ("deaf.py", DEAF), ("zombies.py", apps.ZOMBIES)):
            with open(os.path.join(self.work, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.flags = ("-v", f"{self.work}:/work")

    def job(self, script, *flags, image="ci"):
        """Runs a job to its end: (exit status, stdout, stderr)."""
        return self.engine.once(image, "bash", "-c", script, flags=(*self.flags, *flags))

    def there(self, name):
        return os.path.exists(os.path.join(self.work, name))

    def test_the_exit_status_is_the_jobs(self):
        for code, script in ((0, "true"), (7, "exit 7"), (143, "kill -TERM $$"), (137, "kill -KILL $$"), (127, "no-such")):
            with self.subTest(script):
                self.assertEqual(code, self.job(script)[0])

    def test_services_are_stopped_cleanly_and_the_exit_status_is_kept(self):
        for name, how in (("db", "setsid python3 service.py db & "), ("cache", "python3 service.py cache & ")):
            with self.subTest(name):
                before = set(os.listdir(self.work))
                started = STARTED.replace("db", name)
                self.assertEqual((7, "tests ran\n", ""), self.job(how + started + "echo tests ran; exit 7"))
                # What it was told to tidy up is gone, and nothing else is left behind.
                self.assertEqual({f"{name}.flushed"}, set(os.listdir(self.work)) - before)

    def test_twin_without_reinit_they_are_cut_off(self):
        code, _, err = self.job("setsid python3 service.py db & " + STARTED + "exit 7", "--entrypoint", "", image="ci")
        self.assertEqual(7, code, err)
        self.assertTrue(self.there("db.running"))
        self.assertFalse(self.there("db.flushed"))

    def test_a_deaf_service_does_not_hold_the_job_for_ever(self):
        script = "setsid python3 deaf.py & while [ ! -e deaf ]; do sleep 0.01; done; exit 3"
        self.assertEqual(3, self.job(script, "-e", "REINIT_LEFTOVER_TIMEOUT=200ms")[0])

    def test_orphans_are_reaped_while_the_job_runs(self):
        self.assertEqual((0, "zombies 0\n", ""), self.job("python3 zombies.py"))

    def test_a_cancelled_job(self):
        """Its shell waits for a command that would never end; that gets the signal too, and the service its time."""
        # The command says it, since bash may lose a signal that comes while it is about to start one.
        job = "sh -c 'echo up; exec sleep 1000'"
        script = "trap 'echo tidied up' EXIT; setsid python3 service.py db & " + STARTED + job
        with self.engine.container("ci", "bash", "-c", script, flags=self.flags) as container:
            container.lines.wait("up")
            code, _ = container.stop(20)
            self.assertEqual(143, code)
            container.lines.wait("tidied up")
            self.assertTrue(self.there("db.flushed"))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Bazel's timeout: remove the engine's data, too
    with container_test.stack:
        xml_runner.main()
