"""Which signals reach whom: the child or its group, as sent, rewritten or dropped, at any moment."""

import os
import signal
import time

import compat
import harness
import namespace
import xml_runner
from compat import ALL, CATATONIT, DUMB_INIT, NATIVE, ONE_EACH, ORIGINALS, TINI, row

# Sent by the kernel to a program that crashes; anybody may send them, too (docker kill -s ABRT).
CRASHES = [signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV, signal.SIGSYS]
STOPS = [signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU]
NOT_OURS = [signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, 32, 33]  # the last two are glibc's
COMMON = [number for number in range(1, 65) if number not in (*CRASHES, *STOPS, *NOT_OURS)]
IGNORES_TERM = {"exit_on": {}}


@compat.table
class ForwardTest(compat.CompatTest):
    def all_arrive(self, numbers, *flags, pid1=True):
        run, app = self.start_app(*flags, config=IGNORES_TERM, pid1=pid1)
        for number in numbers:
            run.kill(number)
            self.event("signal", signal=number)
        self.no_event("signal")
        self.lives(app, run)

    @row(*ALL)
    def what_all_forward(self):
        self.all_arrive(COMMON)

    @row(*ALL)
    def what_all_forward_when_not_pid_1(self):
        self.all_arrive(COMMON, pid1=False)

    @row(*ALL, defect_of=(TINI, CATATONIT))
    def those_of_a_crash(self):
        self.all_arrive(CRASHES)

    # Each of these alone: below.

    @row(*ALL, defect_of=(TINI, CATATONIT))
    def abort_when_not_pid_1(self):
        """It ends tini and catatonit, and their child lives on without them."""
        self.all_arrive([signal.SIGABRT], pid1=False)

    @row(DUMB_INIT, NATIVE)
    def those_of_a_crash_when_not_pid_1(self):
        self.all_arrive(CRASHES, pid1=False)

    @row(*ALL)
    def what_the_child_sends_to_its_init(self):
        run, app = self.start_app(config=IGNORES_TERM)
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGCONT, 40):
            self.tell(app, "kill", pid=1, signal_number=number)
            self.event("signal", signal=number)
        self.lives(app, run)

    @row(*ALL)
    def real_time_signals_are_not_merged(self):
        run, app = self.start_app(config=IGNORES_TERM)
        for _ in range(10):
            run.kill(35)
        for _ in range(10):
            self.event("signal", signal=35)
        self.no_event("signal")
        self.lives(app, run)

    @row(*ALL, defect_of=ORIGINALS)
    def real_time_signals_keep_their_payload(self):
        """To one process: the kernel has no call that takes one to a group."""
        run, app = self.start_app(*["-c"] * self.is_one_of(DUMB_INIT), config=IGNORES_TERM)
        for value in (7, 0, -1):
            run.queue(35, value)
        self.assertEqual([self.event("signal", signal=35)["value"] for _ in range(3)], [7, 0, -1])
        self.lives(app, run)

    @row(*ALL)
    def each_stop_signal_is_forwarded_and_none_becomes_kill(self):
        run, app = self.start_app(config=IGNORES_TERM)
        for number in (15, 15, 2, 2, 3, 15):
            run.kill(number)
            self.event("signal", signal=number)
        self.lives(app, run)

    @row(*ALL, defect_of=[TINI])
    def a_child_that_may_not_be_signalled(self):
        """Another user's, and no capability to: EPERM is no reason to leave it."""
        if os.getuid() != 0:
            self.skipTest("needs root")
        become = "import os, sys; os.setresgid(7, 7, 7); os.setresuid(7, 7, 7); os.execv(sys.argv[1], sys.argv[1:])"
        run = self.start("--", harness.PYTHON, "-SEc", become, *self.app(**IGNORES_TERM), setup=lambda: namespace.check(
            namespace.libc.prctl(24, 5, 0, 0, 0), "PR_CAPBSET_DROP"))
        app = self.event("start")
        run.kill(signal.SIGUSR1)
        self.lives(app, run)
        self.no_event("signal")

    # Whom: the child, or its group.

    def second(self, app):
        """One more of the child's own group."""
        self.tell(app, "spawn", name="second")
        return self.event("start", name="second")

    def goes_to(self, *flags, group, env=None):
        run, app = self.start_app(*flags, env=env, config=IGNORES_TERM)
        second = self.second(app)
        run.kill(signal.SIGUSR1)
        self.event("signal", signal=signal.SIGUSR1, name="main")
        if group:
            self.event("signal", signal=signal.SIGUSR1, name="second")
        self.tell(second, "kill", pid=app["pid"], signal_number=0)
        self.event("killed", name="second")
        self.no_event("signal")
        self.lives(app, run)

    @row(TINI, CATATONIT, NATIVE)
    def by_default_the_child_alone(self):
        self.goes_to(group=False)

    @row(DUMB_INIT)
    def by_default_the_group(self):
        self.goes_to(group=True)

    @row(DUMB_INIT)
    def with_c_the_child_alone(self):
        self.goes_to("-c", group=False)
        self.goes_to("--single-child", group=False)
        self.goes_to(group=False, env={"DUMB_INIT_SETSID": "0"})

    @row(TINI, CATATONIT)
    def with_g_the_group(self):
        self.goes_to("-g", group=True)

    @row(TINI)
    def with_the_variable_the_group(self):
        for value in ("1", "0", ""):
            self.goes_to(group=True, env={"TINI_KILL_PROCESS_GROUP": value})

    @row(NATIVE)
    def with_forward_to_the_group(self):
        self.goes_to("--forward-to=group", group=True)

    @row(TINI, CATATONIT, defect_of=(TINI, CATATONIT))
    def with_g_a_child_that_has_left_its_group(self):
        run = self.start("-g", "--", harness.PYTHON, "-SEc", "import os, sys; os.setpgid(0, os.getpgid(1)); "
                         "os.execv(sys.argv[1], sys.argv[1:])", *self.app(**IGNORES_TERM))
        app = self.event("start")
        run.kill(signal.SIGUSR1)
        self.event("signal", signal=signal.SIGUSR1)
        self.lives(app, run)

    # Rewriting.

    @row(DUMB_INIT)
    def rewritten(self):
        for flags in (["-r", "15:3", "-r", "1:0", "-r", "10:12"],
                      ["--rewrite", "15:3", "--rewrite=1:0", "-r10:12", "-c"]):
            run, app = self.start_app(*flags, config=IGNORES_TERM)
            for sent, got in ((15, 3), (1, None), (10, 12), (12, 12), (35, 35), (6, 6)):
                run.kill(sent)
                if got:
                    self.event("signal", signal=got)
            self.no_event("signal")
            self.lives(app, run)

    @row(DUMB_INIT)
    def the_last_rewrite_of_a_signal_counts(self):
        run, app = self.start_app("-r", "15:3", "-r", "15:10", config=IGNORES_TERM)
        run.kill(15)
        self.event("signal", signal=10)
        self.lives(app, run)

    @row(NATIVE)
    def rewritten_by_flags(self):
        run, app = self.start_app("--rewrite=TERM:QUIT", "--rewrite=HUP:", config=IGNORES_TERM)
        for sent, got in ((15, 3), (1, None), (10, 10)):
            run.kill(sent)
            if got:
                self.event("signal", signal=got)
        self.no_event("signal")
        self.lives(app, run)


def add_signal(number, families, defect_of):
    name = signal.Signals(number).name.lower()
    for pid1 in (True, False):
        compat.add_row(ForwardTest, name + ("" if pid1 else "_when_not_pid_1"),
                       lambda self, pid1=pid1: self.all_arrive([number], pid1=pid1),
                       compat.Row(families, defect_of, (), ONE_EACH))


for crash in CRASHES:
    add_signal(crash, ALL, (TINI, CATATONIT))
# dumb-init makes more of these: suspend_test.py.
for stop in STOPS:
    add_signal(stop, (TINI, CATATONIT, NATIVE), [CATATONIT] if stop == signal.SIGTSTP else (TINI, CATATONIT))


@compat.table
class EndTest(compat.CompatTest):
    """What the others get when the child has ended."""

    def beside(self, *flags):
        """The init below a shell that outlives it, and one more application in the child's group."""
        run = self.start("-c", '"$@"; exec /bin/sleep 1000', "sh", *self.init, *flags, "--", *self.app(**IGNORES_TERM),
                         init=["/bin/sh"])
        app = self.event("start")
        self.tell(app, "spawn", name="second", exit_on={})
        second = self.event("start", name="second")
        self.tell(app, "exit", code=0)
        self.ended(app)
        return run, second

    @row(DUMB_INIT)
    def the_group_gets_term(self):
        self.beside()
        self.event("signal", signal=signal.SIGTERM, name="second")

    @row(DUMB_INIT)
    def the_group_gets_what_term_is_rewritten_to(self):
        self.beside("-r", "15:10")
        self.event("signal", signal=signal.SIGUSR1, name="second")
        self.no_event("signal")

    def undisturbed(self, *flags):
        run, second = self.beside(*flags)
        self.eventually(lambda: any(process.name == "sleep" for process in run.members()), lambda: "the init lives")
        self.tell(second, "kill", pid=second["pid"], signal_number=0)
        self.event("killed", name="second")
        self.no_event("signal")

    @row(DUMB_INIT)
    def with_c_nobody_gets_anything(self):
        self.undisturbed("-c")

    @row(TINI, CATATONIT)
    def nobody_gets_anything(self):
        for flags in ([], ["-g"], ["-s"] if self.is_one_of(TINI) else []):
            self.undisturbed(*flags)

    def leave_one(self, **config):
        run, app = self.start_app(config={"exit_on": {}})
        self.tell(app, "spawn", name="left", session=True, **config)
        left = self.event("start", name="left")
        began = time.monotonic()
        self.tell(app, "exit", code=4)
        run.end(4)
        self.ended(left)
        return time.monotonic() - began

    @row(*ORIGINALS)
    def pid_1_ends_at_once(self):
        """Though somebody is left who would not end by TERM."""
        self.assertLess(self.leave_one(exit_on={}), 1.8)

    @row(*ALL, kept=ORIGINALS)
    def the_others_get_term_and_time(self):
        self.leave_one(exit_on={"15": 0}, delay=0.3)
        self.event("done", name="left")


if __name__ == "__main__":
    xml_runner.main()
