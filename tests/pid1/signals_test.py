"""Signals: which reach the application, how many, in which order, with what; and what it inherits."""

import itertools
import os
import random
import signal

import harness
import namespace
import xml_runner

FORWARDED = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD)]
RT_MIN = 34


@harness.with_twins
class ForwardTest(harness.Pid1Test):
    def forward_all(self, numbers, pid1=True):
        run, app = self.start_app(config={"exit_on": {}}, pid1=pid1)
        for number in numbers:
            run.kill(number)
            self.event("signal", signal=number)
        self.no_event("signal")
        self.tell(app, "exit", code=3)
        run.end(3)
        self.assertEqual(run.stderr, "")

    @harness.twin(*harness.BAD_INIT)
    def test_every_signal_reaches_the_child_of_pid_1(self):
        self.forward_all(FORWARDED)

    def test_every_signal_reaches_the_child_when_not_pid_1(self):
        self.forward_all(FORWARDED, pid1=False)

    @harness.twin(harness.TINI or "/usr/bin/tini", needs=harness.TINI or "/usr/bin/tini")
    def test_those_that_a_program_sends_itself_when_it_crashes(self):
        self.forward_all([signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP,
                          signal.SIGSYS])

    def test_from_inside_too(self):
        run, app = self.start_app(config={"exit_on": {}})
        for number in FORWARDED:
            self.tell(app, "kill", pid=1, signal_number=number)
            self.event("signal", signal=number)
        self.tell(app, "exit", code=0)
        run.end(0)

    @harness.twin(harness.TINI or "/usr/bin/tini", needs=harness.TINI or "/usr/bin/tini")
    def test_real_time_signals_keep_count_order_and_payload(self):
        run, app = self.start_app(config={"exit_on": {}})
        values = [7, 0, 7, -1, 2**40 + 1, 3]
        for value in values:
            run.queue(RT_MIN + 3, value)
        got = [self.event("signal", signal=RT_MIN + 3) for _ in values]
        self.assertEqual([event["value"] for event in got], values)
        self.assertEqual({event["code"] for event in got}, {-1})  # SI_QUEUE
        self.tell(app, "exit", code=0)
        run.end(0)

    def test_a_hundred_of_each_kind_at_once(self):
        """A standard signal may be merged with itself; a real-time one never is."""
        run, app = self.start_app(config={"exit_on": {}})
        os.kill(run.host, signal.SIGSTOP)
        for value in range(100):
            run.queue(RT_MIN + value % 3, value)
            run.kill(signal.SIGUSR1)
        os.kill(run.host, signal.SIGCONT)
        got = {n: [] for n in range(RT_MIN, RT_MIN + 3)}
        while sum(map(len, got.values())) < 100:
            event = self.event("signal")
            if event["signal"] in got:
                got[event["signal"]].append(event["value"])
        for number, values in got.items():
            self.assertEqual(values, list(range(number - RT_MIN, 100, 3)))
        self.tell(app, "exit", code=0)
        run.end(0)

    def test_what_was_sent_to_the_group_of_an_init_that_is_not_pid_1(self):
        run, app = self.start_app(config={"exit_on": {}}, pid1=False)
        os.killpg(run.host, signal.SIGUSR2)
        self.event("signal", signal=signal.SIGUSR2)
        self.tell(app, "exit", code=0)
        run.end(0)
        self.no_event("signal")  # once is enough

    def test_its_own_group(self):
        run, app = self.start_app()
        self.assertEqual(app["group"], app["pid"])
        self.assertEqual(app["session"], 1)
        run.kill(signal.SIGTERM)
        run.end(0)

    def test_supervised_all_but_the_stopping_ones(self):
        run, app = self.start_app("--restart=always", config={"exit_on": {}})
        for number in FORWARDED:
            if number not in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
                run.kill(number)
                self.event("signal", signal=number)
        self.no_event("signal")
        self.tell(app, "exit", code=0)
        self.event("start")
        run.kill(signal.SIGTERM)
        self.event("signal", signal=signal.SIGTERM)

    def test_a_child_of_another_user_that_may_not_be_signalled(self):
        """EPERM ends tini; here the application must go on."""
        run = self.start("--", *self.app(), setup=self.without_kill_capability)
        app = self.event("start")
        run.kill(signal.SIGUSR1)
        self.event("signal", signal=signal.SIGUSR1)
        self.tell(app, "exit", code=8)
        run.end(8)

    @staticmethod
    def without_kill_capability():
        namespace.check(namespace.libc.prctl(24, 5, 0, 0, 0), "PR_CAPBSET_DROP")


@harness.with_twins
class EarlyTest(harness.Pid1Test):
    def test_term_at_random_moments_of_the_start(self):
        """Before the child exists, between fork and exec, before its handlers: 143 each time, never a hang."""
        spin = random.Random(7)
        for turn in range(200):
            run = self.start("--", "/bin/sleep", "1000", pid1=turn % 4 != 0)
            run.has_blocked_signals()
            for _ in range(spin.randrange(0, 10_000)):
                pass
            run.kill(signal.SIGTERM)
            run.end(143)
            run.destroy()

    def test_pending_before_the_init_runs(self):
        """Blocked and already sent when reinit is executed: it is the child's all the same."""
        def setup():
            namespace.set_signal_mask(namespace.ALL_SIGNALS)
            sender = os.fork()
            if sender == 0:
                os.kill(1, signal.SIGTERM)
                os.kill(1, signal.SIGUSR1)
                os._exit(0)
            os.waitpid(sender, 0)
        run = self.start("--", *self.app(exit_on={"15": 21}), setup=setup)
        run.end(21)

    def test_supervised_term_at_random_moments_of_the_start(self):
        spin = random.Random(8)
        for turn in range(100):
            run = self.start("--restart=always", "--", "/bin/sleep", "1000", pid1=turn % 4 != 0)
            run.has_blocked_signals()
            for _ in range(spin.randrange(0, 10_000)):
                pass
            run.kill(signal.SIGTERM)
            run.end(143)
            run.destroy()


@harness.with_twins
class InheritTest(harness.Pid1Test):
    FIELDS = ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
              "NoNewPrivs", "Seccomp", "Umask", "Uid", "Gid", "Groups")

    def status(self, flags, setup, pid1=True, init=None):
        run = self.start(*flags, "/bin/cat", "/proc/self/status", setup=setup, pid1=pid1, init=init)
        run.end(0)
        fields = harness.status_fields(run.stdout)
        return {key: fields.get(key) for key in self.FIELDS}

    def test_the_child_sees_what_reinit_was_given(self):
        def block(mask):
            return lambda: namespace.set_signal_mask(mask)

        def ignore(*numbers):
            return lambda: [signal.signal(number, signal.SIG_IGN) for number in numbers]

        def both():
            ignore(signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE, 40)()
            block(1 << 9 | 1 << 16 | 1 << 31)()
        setups = {"nothing": lambda: None, "all blocked": block(namespace.ALL_SIGNALS),
                  "TERM blocked": block(1 << 14), "CHLD blocked": block(1 << 16), "glibc's own": block(3 << 31),
                  "nohup": ignore(signal.SIGHUP), "CHLD ignored": ignore(signal.SIGCHLD),
                  "terminal stops": ignore(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
                  "PIPE ignored": ignore(signal.SIGPIPE), "both": both, "umask": lambda: os.umask(0o27),
                  "less capable": lambda: namespace.libc.prctl(24, 12, 0, 0, 0),
                  "no new privileges": lambda: namespace.libc.prctl(38, 1, 0, 0, 0)}
        for (name, setup), pid1, flags in itertools.product(
                setups.items(), (True, False), (["--"], ["--restart=on-failure", "--log-level=error", "--"])):
            with self.subTest(name, pid1=pid1, flags=flags):
                bare = self.status([], setup, pid1, init=["/usr/bin/env"])
                self.assertEqual(self.status(flags, setup, pid1), bare)

    @harness.twin(harness.TINI or "/usr/bin/tini", needs=harness.TINI or "/usr/bin/tini")
    def test_child_signal_ignored_does_not_hang(self):
        run = self.start("--", "/bin/sh", "-c", "exit 4", setup=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        run.end(4)

    def test_nohup(self):
        run = self.start("--", "/bin/sleep", "1000", setup=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        run.has_blocked_signals()
        run.kill(signal.SIGHUP)
        run.kill(signal.SIGTERM)
        run.end(143)

    def test_restarted_process_gets_the_same_again(self):
        run = self.start("--restart=always", "--start-limit-burst=2", "--restart-delay=0", "--", "/bin/cat",
                         "/proc/self/status", setup=lambda: namespace.set_signal_mask(1 << 11))
        run.end(1)
        seen = [harness.status_fields(text) for text in run.stdout.split("Name:")[1:]]
        self.assertEqual(len(seen), 3)
        self.assertEqual(seen[0]["SigBlk"], f"{1 << 11:016x}")
        for key in self.FIELDS:
            self.assertEqual(len({fields.get(key) for fields in seen}), 1, key)


if __name__ == "__main__":
    xml_runner.main()
