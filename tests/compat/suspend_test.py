"""TSTP, TTIN and TTOU to dumb-init: it stops the group, and itself."""

import os
import signal

import compat
import harness
import xml_runner
from compat import CATATONIT, DUMB_INIT, NATIVE, TINI, row

STOPS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
CONT = signal.SIGCONT


@compat.table
class SuspendTest(compat.CompatTest):
    def state(self, host):
        return harness.Process(harness.proc(host, "stat")).state

    def becomes(self, host, *states):
        self.eventually(lambda: self.state(host) in states, lambda: f"{host} is {self.state(host)}, not {states}")

    def answers(self, app):
        self.tell(app, "kill", pid=app["pid"], signal_number=0)
        self.event("killed", name=app["name"])

    def with_second(self, *flags, pid1=False):
        run, app = self.start_app(*flags, config={"exit_on": {}}, pid1=pid1)
        self.tell(app, "spawn", name="second", exit_on={})
        return run, app, self.event("start", name="second")

    def both_end(self, run, app, second):
        self.tell(second, "exit", code=0)
        self.ended(second)
        self.lives(app, run)

    @row(DUMB_INIT)
    def the_group_and_itself(self):
        run, app, second = self.with_second()
        for number in STOPS:
            run.kill(number)
            for host in (app["host"], second["host"], run.host):
                self.becomes(host, "T")
            run.kill(CONT)
            for name in ("main", "second"):
                self.event("signal", signal=CONT, name=name)
            self.becomes(run.host, "S")
        self.no_event("signal", signal=signal.SIGTSTP)
        self.both_end(run, app, second)

    @row(DUMB_INIT)
    def with_c_the_child_gets_it_as_it_is(self):
        run, app, second = self.with_second("-c")
        for number in STOPS:
            run.kill(number)
            self.event("signal", signal=number, name="main")
            self.becomes(run.host, "T")
            run.kill(CONT)
            self.event("signal", signal=CONT, name="main")
            self.becomes(run.host, "S")
        self.answers(second)
        self.no_event("signal")
        self.both_end(run, app, second)

    @row(DUMB_INIT)
    def rewritten_it_stops_itself_all_the_same(self):
        run, app = self.start_app("-r", "20:10", "-r", "21:0", config={"exit_on": {}}, pid1=False)
        run.kill(signal.SIGTSTP)
        self.event("signal", signal=signal.SIGUSR1)
        self.becomes(run.host, "T")
        run.kill(CONT)
        self.event("signal", signal=CONT)
        run.kill(signal.SIGTTIN)
        self.becomes(run.host, "T")
        self.answers(app)
        run.kill(CONT)
        self.event("signal", signal=CONT)
        self.lives(app, run)

    @row(DUMB_INIT)
    def as_pid_1_only_the_group(self):
        """The kernel does not stop PID 1 by its own signal."""
        run, app, second = self.with_second(pid1=True)
        run.kill(signal.SIGTSTP)
        for host in (app["host"], second["host"]):
            self.becomes(host, "T")
        self.becomes(run.host, "S")
        run.kill(CONT)
        for name in ("main", "second"):
            self.event("signal", signal=CONT, name=name)
        self.lives(app, run)

    @row(DUMB_INIT)
    def ended_while_it_is_stopped(self):
        """KILL passes it by; it tells the code once it goes on."""
        run, app = self.start_app(config={"exit_on": {}}, pid1=False)
        run.kill(signal.SIGTSTP)
        self.becomes(app["host"], "T")
        self.becomes(run.host, "T")
        os.kill(app["host"], signal.SIGKILL)
        run.kill(CONT)
        run.end(137)

    @row(TINI, CATATONIT, NATIVE)
    def stop_and_cont_of_the_child_are_its_own_affair(self):
        run, app = self.start_app(config={"exit_on": {}})
        os.kill(app["host"], signal.SIGSTOP)
        self.becomes(app["host"], "T")
        self.becomes(run.host, "S")
        run.kill(CONT)
        self.event("signal", signal=CONT)
        self.lives(app, run)


if __name__ == "__main__":
    xml_runner.main()
