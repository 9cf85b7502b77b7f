"""Orphans, zombies and what a process leaves behind."""

import shlex
import signal

import harness
import xml_runner

TERM = signal.SIGTERM
TINI = harness.TINI or "/usr/bin/tini"


@harness.with_twins
class OrphanTest(harness.Pid1Test):
    def reap(self, count, *flags, pid1=True):
        run, app = self.start_app(*flags, pid1=pid1)
        self.tell(app, "orphans", count=count)
        self.event("made")
        run.only(app["host"])
        run.kill(TERM)
        run.end(0)
        self.assertEqual(run.adopted, 0)  # none went past a subreaper

    @harness.twin(*harness.BAD_INIT)
    def test_a_thousand_orphans(self):
        self.reap(1000)

    def test_ten_thousand_orphans(self):
        self.reap(10_000)

    @harness.twin(TINI, needs=TINI)
    def test_a_thousand_orphans_when_not_pid_1(self):
        self.reap(1000, pid1=False)

    def test_a_thousand_orphans_of_a_supervised_process(self):
        self.reap(1000, "--restart=always")

    def test_those_of_others_than_the_process(self):
        """What comes in from outside leaves orphans to PID 1, too."""
        run, app = self.start_app()
        run.enter(self.app("outsider"))
        outsider = self.event("start", name="outsider")
        self.tell(outsider, "orphans", count=100)
        self.event("made", name="outsider")
        run.only(app["host"], outsider["host"])
        run.kill(TERM)
        run.end(0)

    def test_signals_and_orphans_at_once(self):
        run, app = self.start_app(config={"exit_on": {"15": 0}})
        self.tell(app, "orphans", count=2000)
        for value in range(200):
            run.queue(40, value)
        self.event("made")
        self.assertEqual([self.event("signal", signal=40)["value"] for _ in range(200)], list(range(200)))
        run.only(app["host"])
        run.kill(TERM)
        run.end(0)


@harness.with_twins
class ZombieReportTest(harness.Pid1Test):
    """Zombies whose parent lives and does not wait: no init can reap them, but it can say whose they are."""

    @harness.twin(TINI, needs=TINI)
    def test_the_parent_is_named(self):
        careless = "sleep 0.01 & exec sleep 1000"  # sleep(1) waits for nobody
        run = self.start("--", "/bin/sh", "-c", careless, env={"REINIT_LOG_LEVEL": "debug"})
        run.says("process [2] 'sleep' does not wait for its children: 1 zombie, [3] 'sleep'")
        run.kill(TERM)
        run.end(143)


class IdleTest(harness.Pid1Test):
    """No wake-up at idle: two seconds in which nothing happens leave PID 1 asleep."""

    def idle(self, *flags):
        run, app = self.start_app(*flags)
        run.kill(signal.SIGUSR1)
        self.event("signal", signal=signal.SIGUSR1)
        run.comes_to_rest()
        run.kill(TERM)
        run.end(0)

    def test_plain(self):
        self.idle()

    def test_supervising(self):
        self.idle("--restart=always")


@harness.with_twins
class LeftoverTest(harness.Pid1Test):
    def leave(self, *flags, pid1=True, **leftover):
        """A process and what it will leave behind, once both live. By default it has all the time it needs."""
        run, app = self.start_app(*flags, pid1=pid1, env={"REINIT_LEFTOVER_TIMEOUT": "1h"})
        self.tell(app, "spawn", name="leftover", **leftover)
        return run, app, self.event("start", name="leftover")

    KINDS = {"a child": {}, "an orphan": {"orphan": True}, "a session": {"session": True},
             "a daemon": {"session": True, "orphan": True}, "one without environment": {"orphan": True, "bare": True}}

    @harness.twin(TINI, needs=TINI)
    def test_all_kinds_get_term_and_their_time(self):
        for (name, kind), pid1 in ((item, pid1) for item in self.KINDS.items() for pid1 in (True, False)):
            with self.subTest(name, pid1=pid1):
                run, app, _ = self.leave(pid1=pid1, exit_on={"15": 0}, delay=0.3, **kind)
                self.tell(app, "exit", code=21)
                self.event("signal", name="leftover", signal=TERM)
                self.event("done", name="leftover")
                run.end(21)

    def test_one_that_ignores_term_is_killed(self):
        for pid1 in (True, False):
            with self.subTest(pid1=pid1):
                run, app, leftover = self.leave("--leftover-timeout=100ms", pid1=pid1, exit_on={}, session=True)
                self.tell(app, "exit", code=5)
                self.event("signal", name="leftover", signal=TERM)
                run.end(5)
                self.assertFalse(self.alive(leftover))

    def test_one_that_is_handed_to_somebody_else(self):
        run, app, leftover = self.leave("--subreaper=no", "--leftover-timeout=300ms", pid1=False, exit_on={"15": 0})
        self.tell(app, "exit", code=5)
        self.event("signal", name="leftover", signal=TERM)
        # It may have ended already, and the PID 1 of this namespace has not reaped it yet.
        run.end(5, may_be_left=[leftover["pid"]])
        self.ended(leftover)

    def test_a_stopped_one_ends_too(self):
        run, app, leftover = self.leave(session=True, orphan=True)
        self.tell(app, "kill", pid=leftover["pid"], signal_number=signal.SIGSTOP)
        self.event("killed")
        self.tell(app, "exit", code=6)
        self.event("signal", name="leftover", signal=TERM)
        run.end(6)

    def test_one_that_leaves_a_copy_each_time(self):
        for pid1 in (True, False):
            with self.subTest(pid1=pid1):
                run, app, _ = self.leave("--leftover-timeout=200ms", pid1=pid1, respawn=True, orphan=True)
                self.tell(app, "exit", code=9)
                self.event("signal", name="leftover", signal=TERM)
                run.end(9)

    def test_ten_deep_and_ten_wide(self):
        run, app = self.start_app(pid1=False)
        chain = app
        for level in range(10):
            self.tell(chain, "spawn", name=f"level{level}", session=level % 2 == 1)
            chain = self.event("start", name=f"level{level}")
            self.tell(chain, "spawn", name=f"side{level}", orphan=True)
            self.event("start", name=f"side{level}")
        self.tell(app, "exit", code=1)
        run.end(1)
        for level in range(10):
            self.event("signal", name=f"level{level}", signal=TERM)
            self.event("signal", name=f"side{level}", signal=TERM)

    def test_gone_before_the_next_one_starts(self):
        run, app, leftover = self.leave("--restart=always", "--restart-delay=0", session=True, orphan=True, delay=0.3)
        self.tell(app, "exit", code=0)
        self.event("done", name="leftover")
        app = self.event("start", name="main")
        self.assertEqual(app["env"]["REINIT_GENERATION"], "2")
        self.assertFalse(self.alive(leftover))
        run.only(app["host"])
        run.kill(TERM)
        run.end(0)

    def test_a_deaf_one_is_killed_before_the_next_one_starts(self):
        run, app, leftover = self.leave("--restart=always", "--restart-delay=0", "--leftover-timeout=100ms",
                                        session=True, orphan=True, exit_on={})
        self.tell(app, "exit", code=0)
        app = self.event("start", name="main")
        self.assertFalse(self.alive(leftover))
        run.only(app["host"])
        run.kill(TERM)
        run.end(0)

    def test_outsiders_are_left_alone_at_a_restart_and_get_no_term_at_the_end(self):
        for pid1 in (True, False):
            with self.subTest(pid1=pid1):
                run, app = self.start_app("--restart=always", "--restart-delay=0", pid1=pid1)
                run.enter(self.app("outsider", exit_on={}))
                outsider = self.event("start", name="outsider")
                self.assertEqual(outsider["ppid"], 0)
                self.tell(app, "exit", code=1)
                app = self.event("start", name="main")
                run.only(app["host"], outsider["host"])
                run.kill(TERM)
                self.event("signal", name="main")
                run.end(0, may_be_left=[outsider["pid"]])
                self.no_event("signal", name="outsider")
                if not pid1:
                    self.assertEqual(len(run.left), 1)  # it lives on
                run.destroy()

    def test_orphans_of_outsiders_are_left_alone_at_a_restart(self):
        """`docker exec -d`'s children get parent 1, as the leftovers of the instance do."""
        run, app = self.start_app("--restart=always", "--restart-delay=0")
        run.enter(self.app("outsider"))
        outsider = self.event("start", name="outsider")
        self.tell(outsider, "spawn", name="stranger", orphan=True, session=True)
        stranger = self.event("start", name="stranger")
        self.tell(app, "exit", code=1)
        app = self.event("start", name="main")
        run.only(app["host"], outsider["host"], stranger["host"])
        self.no_event("signal")
        run.kill(TERM)
        self.event("signal", name="main")
        self.event("signal", name="stranger", signal=TERM)  # the very end is everybody's
        run.end(0)
        self.no_event("signal", name="outsider")

    def test_a_server_behind_a_shell_has_the_time_of_the_stop(self):
        """The shell ends at TERM; what it runs is the server, which drains."""
        shell = ["/bin/sh", "-c", shlex.join(self.app(delay=0.3)) + " & wait"]
        for flags in (["--restart=always"], []):
            with self.subTest(flags=flags):
                run = self.start(*flags, "--stop-timeout=1h", "--leftover-timeout=0", "--", *shell)
                self.event("start")
                run.kill(TERM)
                self.event("signal", signal=TERM)
                self.event("done")
                run.end(143)

    def test_the_flag_that_gives_a_leftover_more_time_is_named(self):
        run, app, leftover = self.leave("--restart=always", "--leftover-timeout=100ms", exit_on={})
        self.tell(app, "exit", code=1)
        run.says("leftover process", "SIGKILL, as --leftover-timeout=100ms is over")
        self.event("start", name="main")
        run.kill(TERM)
        run.end(0)

    def test_at_the_end_of_a_supervised_process(self):
        run, app, _ = self.leave("--restart=always", session=True, orphan=True, delay=0.3)
        run.kill(TERM)
        self.event("signal", name="main", signal=TERM)
        self.event("done", name="leftover")
        run.end(0)

    def test_term_while_leftovers_are_awaited(self):
        """The process has ended by itself: its answer stands, and nobody is waited for any longer."""
        run, app, leftover = self.leave(session=True, exit_on={})
        self.tell(app, "exit", code=33)
        self.event("signal", name="leftover", signal=TERM)
        run.kill(TERM)
        run.end(33)


if __name__ == "__main__":
    xml_runner.main()
