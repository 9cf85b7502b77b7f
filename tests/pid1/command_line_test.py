"""Bad input: every error is said, exit 2, and nothing was started."""

import os
import resource

import harness
import xml_runner


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))


class BadInputTest(harness.Pid1Test):
    """Each row: flags (and command), and words that stderr must have, each on a line of its own."""

    def refuse(self, flags, *words, env=None, command=("/bin/sh", "-c")):
        marker = os.path.join(self.folder(), "started")
        with self.subTest(flags=flags, env=env):
            run = self.start(*flags, *(["--", *command, f"echo >{marker}"] if command else []), env=env)
            run.end(2)
            self.assertFalse(os.path.exists(marker), "something was started")
            self.assertEqual(run.stdout, "")
            lines = run.stderr.splitlines()
            self.assertEqual(len(lines), len(words), run.stderr)
            for word in words:
                self.assertTrue(any(word in line for line in lines), f"{word} in {run.stderr}")

    def test_missing_command(self):
        self.refuse([], "COMMAND", command=None)
        self.refuse(["--"], "COMMAND", command=None)
        self.refuse(["--restart=always"], "COMMAND", command=None)

    def test_unknown_flag_names_the_nearest(self):
        self.refuse(["--wotch=/"], "--watch")
        self.refuse(["--restart-dealy=1s"], "--restart-delay")

    def test_bad_values(self):
        for flag, word in (("--restart-delay=soon", "soon"), ("--stop-timeout=-1s", "-1s"), ("--reload-delay=1x", "1x"),
                           ("--stop-signal=NOSUCH", "NOSUCH"), ("--stop-signal=65", "65"), ("--restart=maybe", "maybe"),
                           ("--start-limit-burst=many", "many"), ("--log-level=loud", "loud"),
                           ("--health=nonsense", "nonsense"), ("--health=http://", "http://"),
                           ("--health=tcp://localhost", "tcp://localhost"), ("--after-exit=stay", "stay"),
                           ("--on-change=explode", "explode"), ("--watch-mode=guess", "guess")):
            self.refuse([flag], word)

    def test_workers(self):
        for flag in ("--workers=0", "--workers=-1", "--workers=1025", "--workers=two"):
            self.refuse([flag], flag)
        self.refuse(["--workers=2", "--workers-ready=3"], "--workers-ready=3: more than --workers=2")
        self.refuse(["--workers=2", "--watch=/", "--on-change=exec:true"], "needs a command", command=None)

    def test_watched_path_that_does_not_exist(self):
        self.refuse(["--watch=/no/such/path"], "/no/such/path")

    def test_all_errors_at_once(self):
        self.refuse(["--wotch=/", "--restart-delay=soon", "--watch=/no/such/path", "--health=nonsense",
                     "--stop-signal=NOSUCH"],
                    "wotch", "soon", "/no/such/path", "nonsense", "NOSUCH")

    def test_with_no_command_either(self):
        self.refuse(["--stop-signal=NOSUCH", "--restart-delay=soon"], "NOSUCH", "soon", "COMMAND", command=None)

    def test_bad_environment(self):
        self.refuse([], "soon", env={"REINIT_RESTART_DELAY": "soon"})

    def test_not_even_as_another_process_than_pid_1(self):
        run = self.start("--wotch", "--", "/bin/true", pid1=False)
        run.end(2)

    def test_closed_stderr(self):
        run = self.start("--wotch", "--", "/bin/true", setup=lambda: [os.close(fd) for fd in (0, 1, 2)])
        run.end(2)


class GoodInputTest(harness.Pid1Test):
    def test_flags_of_the_command_are_its_own(self):
        for words in (["/bin/echo", "-n", "--restart=x"], ["--", "/bin/echo", "-n", "--restart=x"]):
            run = self.start(*words)
            run.end(0)
            self.assertEqual((run.stdout, run.stderr), ("--restart=x", ""))

    def test_subcommand_words_after_the_dashes_are_programs(self):
        folder = self.folder()
        self.write(os.path.join(folder, "probe"), "#!/bin/sh\nexit 41\n", 0o755)
        run = self.start("--", "probe", "http://localhost", env={"PATH": folder})
        run.end(41)

    def test_the_command_line_wins(self):
        run = self.start("--restart=no", "--", *self.app(exit=3), env={"REINIT_RESTART": "always"})
        run.end(3)

    def test_a_worker_of_another_reinit_is_told_by_that(self):
        run = self.start("/bin/sh", "-c", "echo $REINIT_WORKER/$REINIT_WORKERS",
                         env={"REINIT_WORKER": "2", "REINIT_WORKERS": "4"})
        run.end(0)
        self.assertEqual((run.stdout, run.stderr), ("2/4\n", ""))

    def test_one_worker_has_its_number(self):
        run = self.start("--workers=1", "/bin/sh", "-c", "echo {worker} $REINIT_WORKER/$REINIT_WORKERS")
        run.end(0)
        self.assertEqual((run.stdout, run.stderr), ("1 1/1\n", ""))

    def test_check_runs_nothing(self):
        marker = os.path.join(self.folder(), "started")
        run = self.start("--check", "--restart=always", "--", "/bin/sh", "-c", f"echo >{marker}")
        run.end(0)
        self.assertFalse(os.path.exists(marker))
        self.assertIn("program           /bin/sh\n", run.stdout)

    def test_check_with_errors_is_nothing_but_these(self):
        run = self.start("--check", "--stop-timeout=x", "--", "/bin/true")
        run.end(2)
        self.assertEqual(run.stdout, "")
        self.assertIn("--stop-timeout=x", run.stderr)

    def test_check_finds_what_a_start_would_not(self):
        """The same line and status as of the start."""
        folder = self.folder()
        text = self.write(os.path.join(folder, "text"), "echo\n", 0o644)
        script = self.write(os.path.join(folder, "script"), "#!/no/such/interpreter\n", 0o755)
        for line, code in ((("--", "no-such-program"), 127), (("--", text), 126), (("--", script), 127), (("--", folder), 126),
                           (("--chdir=/", "--", "./no/such"), 127)):
            with self.subTest(line):
                stderr = set()
                for check in ([], ["--check"]):
                    run = self.start(*check, *line)
                    run.end(code)
                    self.assertEqual(run.stdout, "")
                    stderr.add(run.stderr)
                self.assertEqual(len(stderr), 1, stderr)

    def refuse_alike(self, flags, code, word):
        """--check and the start end with the same status and the same last line."""
        for check in ([], ["--check"]):
            run = self.start(*check, *flags, "--", "/bin/true", setup=few_descriptors)
            run.end(code)
            self.assertEqual(run.stdout, "")
            self.assertIn(word, run.stderr)

    def test_check_has_no_more_descriptors_than_a_start(self):
        folder = self.folder()
        listen = [f"--listen=unix:{folder}/{i}" for i in range(1, 130)]
        self.refuse_alike(listen[:100], 1, "cannot start a process (fcntl(F_DUPFD): Too many open files)")
        self.refuse_alike(["--ready=fd:200"], 1, "cannot start a process (fcntl(F_DUPFD): Invalid argument)")
        # A start takes two descriptors for each socket, and some more: both borders are the same, to the last one.
        ends = {}
        for count in (*range(54, 64), *range(119, 128)):
            both = []
            for check in ([], ["--check"]):
                run = self.start(*check, "--control=off", *listen[:count], "--", "/bin/true", setup=few_descriptors)
                code = run.end()
                if harness.SANITIZED and ("runtime error:" in run.stderr or "Sanitizer" in run.stderr):
                    # A sanitizer needs descriptors too. Without one it reports an error that is none.
                    both = [(1, "no descriptor for the sanitizer")] * 2
                    break
                # A start tries a few times more, since a limit may have been met for a moment.
                both.append((code, run.stderr.splitlines()[-1] if code != 0 else ""))
            ends[count] = both
        self.assertEqual([(count, *both) for count, both in ends.items() if both[0] != both[1]], [])
        self.assertEqual({both[0][0] for both in ends.values()}, {0, 1} if harness.SANITIZED else {0, 1, 2})

    def test_check_looks_for_the_pre_start(self):
        for flags, code, word in ((["--pre-start=/no/such"], 127, "--pre-start: cannot run '/no/such'"),
                                  (["--pre-start=/"], 126, "--pre-start: cannot run '/'")):
            self.refuse_alike(flags, code, word)

    def test_check_and_a_pre_start_that_the_next_save_may_cure(self):
        run = self.start("--check", "--dev", "--pre-start=/no/such", "--", "/bin/true", setup=lambda: os.chdir(self.folder()))
        run.end(0)
        self.assertIn("--pre-start: cannot run '/no/such'", run.stderr)

    def test_a_variable_that_is_too_large(self):
        path = self.write(os.path.join(self.folder(), "env"), f"A=1\nBIG={'x' * 200000}\n")
        for check in ([], ["--check"]):
            run = self.start(*check, f"--env-file={path}", "--", "/bin/true")
            run.end(126)
            self.assertIn("Argument list too long", run.stderr)
            self.assertIn("BIG (200004)", run.stderr)

    def test_check_looks_where_the_command_would_be_found(self):
        folder = self.folder()
        self.write(os.path.join(folder, "program"), "#!/bin/sh\n", 0o755)
        for flag, program in ((f"--env=PATH={folder}", "program"), (f"--chdir={folder}", "./program")):
            run = self.start("--check", flag, "--", program)
            run.end(0)
            self.assertRegex(run.stdout, r"program +\S*/program\n")

    def test_help_and_version(self):
        for flag in ("--help", "--help=all", "--version"):
            run = self.start(flag)
            run.end(0)
            self.assertIn("reinit", run.stdout)
            self.assertEqual(run.stderr, "")


if __name__ == "__main__":
    xml_runner.main()
