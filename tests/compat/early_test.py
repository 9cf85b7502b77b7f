"""Signals that come before the program runs: none is lost, whichever instant they meet. strace holds the instant."""

import os
import signal

import compat
import harness
import namespace
import xml_runner
from compat import ALL, CATATONIT, DUMB_INIT, NATIVE, ONE_EACH, TINI, row

STRACE = "/usr/bin/strace"
CALL_NUMBERS = dict(zip(("setpgid", "setsid", "execve"),
                        {"x86_64": (109, 112, 59), "aarch64": (154, 157, 221)}[os.uname().machine]))


@compat.table
class EarlyTest(compat.CompatTest):
    def held_in(self, call, *flags, when="delay_enter", until=None):
        """Each such call takes a second more. When the child is in it, the init gets TERM."""
        self.need(STRACE)
        # The leak checker of a sanitizer build does not work under ptrace; everything else of it does.
        run = self.start(*flags, "--", "/bin/sleep", "1000", pid1=False, env={"ASAN_OPTIONS": "detect_leaks=0"}, init=[
            STRACE, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{when}=1000000",
            *self.init])
        name = os.path.basename(self.init[0])[:15]  # of the init, and of its child before the exec

        def init_of_held_child():
            named = {process.host: process for process in run.members() if process.name == name}
            for process in named.values():
                if process.parent in named and (until or self.is_in)(process.host, call):
                    return process.parent
            return None
        init = self.wait_until(init_of_held_child, lambda: f"no child in {call}: {run.members()}")
        os.kill(init, signal.SIGTERM)
        self.wait_until(lambda: run.status is not None or any(process.name == "sleep" for process in run.members()),
                        lambda: f"neither the program nor the end: {run.members()}")
        run.wait_for(lambda: run.status is not None, "the end: the signal is lost")
        run.end(143)

    def wait_until(self, look, what):
        found = []
        # Not the deadline of a defect's twin: the defect comes after this.
        deadline, self.deadline = self.deadline, harness.DEADLINE
        self.eventually(lambda: found.append(look()) or found[-1], what)
        self.deadline = deadline
        return found[-1]

    @staticmethod
    def is_in(pid, call):
        try:
            return harness.proc(pid, "syscall").split()[0] == str(CALL_NUMBERS[call])
        except (OSError, IndexError):
            return False

    @staticmethod
    def takes_term(pid, _):
        try:
            return not int(harness.status_fields(harness.proc(pid, "status"))["SigBlk"], 16) >> 14 & 1
        except (OSError, KeyError):
            return False

    @row(TINI, CATATONIT, NATIVE, names=ONE_EACH)
    def before_it_has_its_group(self):
        self.held_in("setpgid")

    @row(TINI, CATATONIT, defect_of=(TINI, CATATONIT), names=ONE_EACH)
    def before_it_has_its_group_which_gets_them(self):
        self.held_in("setpgid", "-g")

    @row(NATIVE, names=ONE_EACH)
    def before_it_has_its_group_which_gets_them_by_flag(self):
        self.held_in("setpgid", "--forward-to=group")

    @row(DUMB_INIT, defect_of=[DUMB_INIT], names=ONE_EACH)
    def before_it_has_its_session(self):
        self.held_in("setsid")

    @row(*ALL, names=ONE_EACH)
    def before_it_is_the_program(self):
        self.held_in("execve")

    @row(*ALL, defect_of=[DUMB_INIT], names=ONE_EACH)
    def when_it_has_got_its_mask_back(self):
        """dumb-init's child has handlers then that do nothing."""
        self.held_in("rt_sigprocmask", when="delay_exit", until=self.takes_term)

    @row(DUMB_INIT, defect_of=[DUMB_INIT], names=ONE_EACH)
    def when_it_has_got_its_mask_back_and_is_single(self):
        self.held_in("rt_sigprocmask", "-c", when="delay_exit", until=self.takes_term)

    @row(TINI, CATATONIT, names=ONE_EACH)
    def before_it_is_the_program_of_a_group(self):
        self.held_in("execve", "-g")

    @row(TINI, CATATONIT, NATIVE, names=ONE_EACH)
    def sent_before_the_init_runs(self):
        """It waits, blocked, and the child inherits the mask."""
        def setup():
            namespace.set_signal_mask(1 << (signal.SIGTERM - 1))
            sender = os.fork()
            if sender == 0:
                os.kill(os.getppid(), signal.SIGTERM)
                os._exit(0)
            os.waitpid(sender, 0)
        self.start("--", *self.app(exit_on={"15": 21}), setup=setup, pid1=False).end(21)


if __name__ == "__main__":
    xml_runner.main()
