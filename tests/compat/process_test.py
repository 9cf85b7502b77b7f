"""What the child inherits, what the init keeps for itself, whom it reaps, and how it comes to its end."""

import os
import signal
import time

import compat
import harness
import namespace
import xml_runner
from compat import ALL, CATATONIT, DUMB_INIT, ORIGINALS, TINI, row

PR_SET_CHILD_SUBREAPER = 36
IGNORED = (signal.SIGINT, signal.SIGSEGV, signal.SIGTTOU)
BLOCKED = (signal.SIGILL, signal.SIGTERM, signal.SIGTTIN)
NO_ZOMBIES = "zombie reaping won't work"


def mask(numbers):
    return sum(1 << (number - 1) for number in numbers)


@compat.table
class InheritTest(compat.CompatTest):
    def is_given(self, setup):
        """The child has what the init got: what a program without an init has."""
        def from_nothing():
            for number in set(range(1, 65)) - {signal.SIGKILL, signal.SIGSTOP, 32, 33}:
                signal.signal(number, signal.SIG_DFL)
            namespace.set_signal_mask(0)
            setup()

        def status(init):
            # A sanitizer build would take SEGV over before reinit's first instruction.
            run = self.start(*init[1:], "/bin/cat", "/proc/self/status", setup=from_nothing, init=init[:1],
                             env={"ASAN_OPTIONS": "handle_segv=0"})
            run.end(0)
            fields = harness.status_fields(run.stdout)
            return {name: fields[name] for name in ("SigBlk", "SigIgn")}
        self.assertEqual(status([*self.init, "--"]), status(["/usr/bin/env"]))

    @row(*ALL, defect_of=[CATATONIT])
    def nothing(self):
        self.is_given(lambda: None)

    @row(*ALL, defect_of=(DUMB_INIT, CATATONIT))
    def blocked_signals(self):
        self.is_given(lambda: namespace.set_signal_mask(mask(BLOCKED)))

    @row(*ALL, defect_of=(DUMB_INIT, CATATONIT))
    def ignored_signals(self):
        """As nohup leaves them."""
        self.is_given(lambda: [signal.signal(number, signal.SIG_IGN) for number in IGNORED])

    @row(*ALL, defect_of=(TINI, CATATONIT))
    def sigchld_ignored_does_not_hang_it(self):
        self.start("--", "/bin/sh", "-c", "exit 4", setup=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)).end(4)

    @row(*ALL, defect_of=[TINI])
    def stdin_closed(self):
        self.start("--", "/bin/sh", "-c", "exit 4", setup=lambda: os.close(0)).end(4)

    @row(*ALL)
    def the_childs_working_folder(self):
        run, app = self.start_app(setup=lambda: os.chdir("/tmp"))
        self.assertEqual(app["cwd"], "/tmp")
        self.lives(app, run)

    @row(*ALL, defect_of=(TINI, CATATONIT))
    def the_inits_working_folder(self):
        """The root: else it keeps a file system mounted."""
        run, app = self.start_app(setup=lambda: os.chdir("/tmp"))
        self.eventually(lambda: os.readlink(f"/proc/{run.host}/cwd") == "/", lambda: "it stays where it was")
        self.lives(app, run)

    def test_the_inits_working_folder_is_the_root_before_the_child_runs(self):
        """Of reinit under each name: what the child's very first command sees. Relative names are the child's."""
        look = "#!/bin/sh\nreadlink /proc/$PPID/cwd; pwd\n"
        for program in compat.PROGRAMS:
            if program.original:
                continue
            with self.subTest(program.label):
                self.be(program)
                folder = self.folder()
                self.write(os.path.join(folder, "look"), look, 0o755)
                for pid1 in (True, False):
                    run = self.start("--", "./look", setup=lambda: os.chdir(folder), pid1=pid1)
                    run.end(0)
                    self.assertEqual(run.stdout, f"/\n{folder}\n")

    @row(*ALL)
    def the_childs_descriptors(self):
        run, app = self.start_app(setup=self.open_nine)
        self.assertEqual(app["fds"].get("9"), "/dev/null")
        self.lives(app, run)

    @row(*ALL, defect_of=(TINI, DUMB_INIT))
    def no_descriptor_is_kept_by_the_init(self):
        """Else nobody reading the other end of a pipe sees its end."""
        run, app = self.start_app(setup=self.open_nine)
        self.eventually(lambda: "9" not in run.fds(), lambda: str(run.fds()))
        self.lives(app, run)

    @staticmethod
    def open_nine():
        os.dup2(os.open("/dev/null", os.O_RDWR), 9)

    @row(*ORIGINALS)
    def the_environment(self):
        run, app = self.start_app(env={"A": "b", "TINI_VERBOSITY": "1", "DUMB_INIT_DEBUG": "0"})
        self.assertEqual({app["env"].get(name) for name in ("A", "TINI_VERBOSITY", "DUMB_INIT_DEBUG")}, {"b", "1", "0"})
        self.lives(app, run)

    @row(*ALL)
    def group_and_session(self):
        for flags in ([], ["-c"]) if self.is_one_of(DUMB_INIT) else ([],):
            run, app = self.start_app(*flags)
            own_session = self.is_one_of(DUMB_INIT) and not flags
            # dumb-init -c leaves the child in its own group.
            self.assertEqual(app["group"], 1 if flags else app["pid"])
            self.assertEqual(app["session"], app["pid"] if own_session else 1)
            self.lives(app, run)

    @row(*ALL, defect_of=(TINI, DUMB_INIT))
    def listen_pid_is_made_the_childs(self):
        """The engine sets it for the process that it starts: the init."""
        for given, expected in (("1", None), ("77", "77"), ("x", "x")):
            run, app = self.start_app(env={"LISTEN_PID": given, "LISTEN_FDS": "1"})
            self.assertEqual(app["env"]["LISTEN_PID"], expected or str(app["pid"]))
            self.assertEqual(app["env"]["LISTEN_FDS"], "1")
            self.lives(app, run)


@compat.table
class ReapTest(compat.CompatTest):
    @row(*ALL)
    def all_orphans(self):
        run, app = self.start_app()
        self.tell(app, "orphans", count=2000)
        self.event("made")
        run.only(app["host"])
        self.lives(app, run)

    @row(*ALL)
    def one_below_the_other(self):
        run = self.start("--", *self.init, "--", "/bin/sh", "-c", "exit 3")
        run.end(3)

    def orphans_go_to(self, *flags, others, setup=None, env=None):
        """As a child of another: 1 if the orphan went to the next one up, 0 if to the init."""
        run, app = self.start_app(*flags, pid1=False, setup=setup, env=env)
        self.tell(app, "spawn", name="orphan", orphan=True, exit=0)
        orphan = self.event("start", name="orphan")
        self.eventually(lambda: not os.path.exists(f"/proc/{orphan['host']}"), lambda: "nobody reaps it")
        self.lives(app, run)
        self.assertEqual(run.adopted, others)
        return run

    @row(TINI)
    def not_pid_1_it_warns_and_reaps_nobody(self):
        self.assertIn(NO_ZOMBIES, self.orphans_go_to(others=1).stderr)

    @row(TINI)
    def not_pid_1_with_s_it_reaps(self):
        for flags, env in (["-s"], {}), ([], {"TINI_SUBREAPER": ""}), ([], {"TINI_SUBREAPER": "0"}):
            self.assertEqual(self.orphans_go_to(*flags, env=env, others=0).stderr, "")

    @row(TINI)
    def not_pid_1_what_it_was_given_counts(self):
        """It has been made a subreaper before its exec."""
        run = self.orphans_go_to(setup=lambda: namespace.libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), others=0)
        self.assertEqual(run.stderr, "")

    @row(DUMB_INIT)
    def not_pid_1_it_silently_reaps_nobody(self):
        for flags in ([], ["-c"]):
            self.assertEqual(self.orphans_go_to(*flags, others=1).stderr, "")

    @row(*ALL, kept=(TINI, DUMB_INIT))
    def not_pid_1_it_silently_reaps(self):
        self.assertEqual(self.orphans_go_to(others=0).stderr, "")

    @row(*ALL, defect_of=[TINI], names=compat.ONE_EACH)
    def idle_it_sleeps(self):
        """tini wakes up once a second."""
        run, app = self.start_app()
        run.kill(signal.SIGUSR1)
        self.event("signal", signal=signal.SIGUSR1)
        run.comes_to_rest()
        self.lives(app, run)

    @row(TINI)
    def the_parent_death_signal_is_passed_on(self):
        """tini's parent ends, tini gets the signal and forwards it."""
        reader, writer = os.pipe()
        run = self.start("-c", '("$@" & read -r line); exec /bin/sleep 1000', "sh", *self.init, "-s", "-p", "SIGUSR1",
                         "--", *self.app(exit_on={}), init=["/bin/sh"], stdio=(reader, "pipe", "pipe"))
        os.close(reader)
        app = self.event("start")
        self.no_event("signal")
        os.close(writer)
        self.event("signal", signal=signal.SIGUSR1)
        self.tell(app, "exit", code=0)
        self.ended(app)
        self.assertEqual(run.status, None)


@compat.table
class PauseTest(compat.CompatTest):
    """catatonit -P: what Podman's pods and its rootless mode keep their namespaces open with."""

    def paused(self, *more, pid1=True):
        run = self.start("-P", *more, pid1=pid1, env={"CATATONIT_DEBUG": "1"})
        self.waits(run)
        return run

    def waits(self, run):
        self.eventually(lambda: harness.Process(harness.proc(run.host, "stat")).state == "S" and self.blocks_term(run),
                        lambda: "it does not wait")

    @staticmethod
    def blocks_term(run):
        blocked = int(harness.status_fields(harness.proc(run.host, "status"))["SigBlk"], 16)
        # In rt_sigtimedwait the kernel shows no signal as blocked.
        return blocked >> 14 & 1 or "sigtimedwait" in harness.proc(run.host, "wchan")

    @row(CATATONIT)
    def term_and_int_end_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            for pid1 in (True, False):
                run = self.paused(pid1=pid1)
                run.kill(number)
                run.end(0)
                self.assertEqual((run.stdout, run.stderr), ("", ""))

    @row(CATATONIT)
    def others_do_not(self):
        run = self.paused()
        for number in (1, 3, 10, 12, 13, 14, 20, 35, 64):
            run.kill(number)
        self.waits(run)
        self.assertIsNone(run.status)
        run.kill(signal.SIGTERM)
        run.end(0)

    @row(CATATONIT)
    def a_program_is_not_run(self):
        run = self.paused("/bin/false")
        self.assertEqual([process.host for process in run.members()], [run.host])
        run.kill(signal.SIGTERM)
        run.end(0)

    @row(CATATONIT)
    def it_reaps(self):
        run = self.paused()
        run.enter(["/bin/sh", "-c", "(/bin/sleep 0.01 &) ; exec /bin/sleep 1000"])
        self.eventually(lambda: [p.name for p in run.members() if p.host != run.host] == ["sleep"],
                        lambda: f"zombies: {run.members()}")


if __name__ == "__main__":
    xml_runner.main()
