"""How it stops: which signals, in which order, and with which exit code, at any moment."""

import os
import signal

import harness
import xml_runner

TERM, INT, QUIT, CONT = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGCONT
SUPERVISE = "--restart=always"


class PlainTest(harness.Pid1Test):
    def test_forwards_and_nothing_else(self):
        """No CONT, no KILL, and what the application does with a signal is its own affair."""
        for pid1 in (True, False):
            run, app = self.start_app(config={"exit_on": {}}, pid1=pid1)
            for number in (TERM, TERM, INT, INT, QUIT):
                run.kill(number)
                self.event("signal", signal=number)
            run.kill(signal.SIGUSR1)
            self.event("signal", signal=signal.SIGUSR1)
            self.no_event("signal")
            self.tell(app, "exit", code=11)
            run.end(11)
            self.assertEqual(run.stderr, "")

    def test_a_stopped_child_stays_stopped(self):
        run, app = self.start_app()
        os.kill(app["host"], signal.SIGSTOP)
        run.kill(TERM)
        run.kill(CONT)
        self.event("signal", signal=TERM)
        run.end(0)

    def test_stops_with_the_child_and_goes_on(self):
        """Stopped itself (docker pause does worse), it loses nothing."""
        run, app = self.start_app(config={"exit_on": {"15": 4}})
        os.kill(run.host, signal.SIGSTOP)
        run.kill(TERM)
        os.kill(run.host, CONT)
        self.event("signal", signal=TERM)
        run.end(4)

    def test_ends_at_once_with_its_child(self):
        for code in (0, 143):
            run, app = self.start_app(config={"exit_on": {"15": code}})
            run.kill(TERM)
            run.end(code)


@harness.with_twins
class SupervisedTest(harness.Pid1Test):
    def start_supervised(self, *flags, pid1=True, **config):
        return self.start_app(SUPERVISE, *flags, pid1=pid1, config=config)

    def test_each_signal_then_cont(self):
        for sent, flags, received in ((TERM, [], TERM), (INT, [], INT), (QUIT, [], QUIT),
                                      (TERM, ["--stop-signal=USR1"], signal.SIGUSR1),
                                      (TERM, ["--stop-signal=RTMIN+3"], signal.SIGRTMIN + 3),
                                      (INT, ["--stop-signal=USR1"], INT)):
            for pid1 in (True, False):
                with self.subTest(sent=sent, flags=flags, pid1=pid1):
                    run, app = self.start_supervised(*flags, pid1=pid1, exit_on={"10": 12})
                    run.kill(sent)
                    self.event("signal", signal=received)
                    if received != signal.SIGUSR1:
                        self.event("signal", signal=CONT)
                        self.tell(app, "exit", code=12)
                    run.end(12)
                    self.events.clear()

    def test_the_stop_signal_is_an_order_to_stop(self):
        """A runtime stops a container by the image's STOPSIGNAL: WINCH of httpd, USR1 of haproxy."""
        for sent, flag, received in ((signal.SIGWINCH, "--stop-signal=WINCH", signal.SIGWINCH),
                                     (signal.SIGUSR1, "--stop-signal=USR1", signal.SIGUSR1),
                                     (signal.SIGWINCH, "--rewrite=WINCH:TERM", TERM)):
            with self.subTest(flag):
                run, app = self.start_supervised("--restart=always", flag, exit_on={str(int(received)): 0})
                run.kill(sent)
                self.event("signal", signal=received)
                run.end(0)
                self.events.clear()

    def test_code_of_one_that_the_signal_ends(self):
        for number in (TERM, INT, QUIT):
            with self.subTest(signal=number):
                run, app = self.start_supervised(default_on=[number])
                run.kill(number)
                run.end(128 + number)

    def test_a_stopped_child_ends(self):
        for number in (TERM, INT, QUIT):
            with self.subTest(signal=number):
                run, app = self.start_supervised(exit_on={str(int(number)): 5})
                os.kill(app["host"], signal.SIGSTOP)
                run.kill(number)
                self.event("signal", signal=number)
                run.end(5)

    def test_two_interrupts_kill(self):
        run, app = self.start_supervised(exit_on={})
        run.kill(INT)
        self.event("signal", signal=INT)
        run.kill(INT)
        run.end(128 + signal.SIGKILL)

    def test_two_interrupts_kill_leftovers(self):
        run, app = self.start_supervised("--leftover-timeout=1h", exit_on={"2": 7})
        self.tell(app, "spawn", name="leftover", session=True, exit_on={})
        self.event("start", name="leftover")
        run.kill(INT)
        self.event("signal", name="leftover", signal=TERM)
        run.kill(INT)
        run.end(7)

    def test_two_interrupts_kill_the_process_and_its_leftovers(self):
        run, app = self.start_supervised("--leftover-timeout=1h", exit_on={})
        self.tell(app, "spawn", name="leftover", session=True, exit_on={})
        self.event("start", name="leftover")
        run.kill(INT)
        self.event("signal", signal=INT)
        run.kill(INT)
        run.end(128 + signal.SIGKILL)

    def test_repeated_term_is_forwarded_and_never_kills(self):
        run, app = self.start_supervised(exit_on={"3": 9})
        for _ in range(3):
            run.kill(TERM)
            self.event("signal", signal=TERM)
        run.kill(INT)
        self.event("signal", signal=INT)
        run.kill(TERM)
        self.event("signal", signal=TERM)
        run.kill(QUIT)
        run.end(9)

    def test_the_stop_timeout_is_not_for_the_end(self):
        """The runtime has a clock of its own: its grace may be longer than ours."""
        run, app = self.start_supervised("--stop-timeout=1ms", exit_on={"15": 3}, delay=0.3)
        run.kill(TERM)
        self.event("done")
        run.end(3)

    def test_no_restart_of_what_ends_while_stopping(self):
        run, app = self.start_supervised("--restart-delay=0", exit_on={"15": 1})
        run.kill(TERM)
        run.end(1)
        self.no_event("start")

    def test_group_of_the_init(self):
        """A signal to the group of an init that is no PID 1, as a shell or a supervisor sends it."""
        run, app = self.start_supervised(pid1=False, exit_on={"15": 3})
        os.killpg(run.host, TERM)
        run.end(3)


class NothingRunsTest(harness.Pid1Test):
    """TERM while there is no process: ends at once, with 128 + the signal."""

    CODES = ((TERM, 143), (INT, 130), (QUIT, 131))

    def down_between(self, *flags, code=1):
        for (number, expected), pid1 in ((pair, pid1) for pair in self.CODES for pid1 in (True, False)):
            with self.subTest(signal=number, pid1=pid1):
                run, app = self.start_app(*flags, pid1=pid1)
                self.tell(app, "exit", code=code)
                run.only()
                run.kill(number)
                run.end(expected)
                self.no_event("start")

    def test_in_backoff(self):
        self.down_between("--restart=always", "--restart-delay=1h", "--restart-delay-max=1h")

    def test_waiting_for_a_change(self):
        self.down_between("--after-exit=wait", f"--watch={self.folder()}")

    def test_random_moments_between_restarts(self):
        """Ends in time, with the code of TERM or of the process, whatever it was just doing."""
        for turn in range(60):
            run = self.start("--restart=always", "--restart-delay=1ms", "--restart-delay-max=1ms",
                             "--start-limit-burst=0", "--log-level=error", "--", "/bin/sh", "-c", "exit 7",
                             pid1=turn % 2 == 0)
            run.has_blocked_signals()
            before = run.wakeups()
            while run.wakeups() < before + turn:
                pass
            run.kill(TERM)
            self.assertIn(run.end(), (143, 7))
            run.destroy()


if __name__ == "__main__":
    xml_runner.main()
