"""A server that replaces itself, as unicorn and gunicorn do on USR2: the new master becomes the main process."""

import signal

import harness
import xml_runner

LISTEN = ["--listen=web=tcp://127.0.0.1:0", "--ready=exec"]


class SuccessorTest(harness.Pid1Test):
    def swap(self, code=0, successors=("next",), prepare=lambda app: None, flags=LISTEN, session=False):
        """The main process leaves these behind, each with the socket, and ends."""
        run, main = self.start_app(*flags)
        apps = []
        for name in successors:
            self.tell(main, "spawn", name=name, exit_on={"15": 7}, session=session)
            apps.append(self.event("start", name=name))
            prepare(apps[-1])
        self.tell(main, "exit", code=code)
        return run, apps

    def refused(self, run, apps, code=0):
        """It ends as any other would: what it left behind is ended, and its own code counts."""
        for app in apps:
            self.event("signal", signal=signal.SIGTERM, name=app["name"])
        run.end(code)
        self.assertNotIn("is the main process now", run.stderr)

    def test_the_one_that_holds_the_socket_is_adopted(self):
        run, apps = self.swap()
        run.says("is the main process now")
        run.kill(signal.SIGUSR1)
        self.event("signal", signal=signal.SIGUSR1, name="next")
        run.kill(signal.SIGTERM)
        run.end(7)
        self.assertEqual(len(apps), 1)

    def test_one_in_a_session_of_its_own_is_adopted(self):
        """Its environment says whose it is, which a child of reinit reads."""
        run, _ = self.swap(session=True)
        run.says("is the main process now")
        run.kill(signal.SIGTERM)
        run.end(7)

    def test_its_workers_are_not_asked(self):
        def with_worker(app):
            self.tell(app, "spawn", name="worker")
            self.event("start", name="worker")
        run, _ = self.swap(prepare=with_worker)
        run.says("is the main process now")
        run.kill(signal.SIGTERM)
        run.end(7)

    def test_not_after_a_failure(self):
        run, apps = self.swap(code=3)
        self.refused(run, apps, code=3)

    def test_not_one_of_two(self):
        run, apps = self.swap(successors=("one", "two"))
        self.refused(run, apps)

    def test_not_one_without_the_socket(self):
        def without_socket(app):
            self.tell(app, "close", fd=3)
            self.event("closed")
        run, apps = self.swap(prepare=without_socket)
        self.refused(run, apps)

    def test_not_without_held_sockets(self):
        run, apps = self.swap(flags=["--restart=on-failure"])
        self.refused(run, apps)


if __name__ == "__main__":
    xml_runner.main()
