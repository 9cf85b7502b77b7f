"""What the flags make of a process, its signals and its end, in whatever surroundings an image offers."""

import os
import signal

import harness
import namespace
import xml_runner

TERM, USR1, USR2, HUP, WINCH = signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGWINCH
RTMIN = 34  # as the C library counts

UID, GID = 4711, 4712


class SignalTest(harness.Pid1Test):
    def forwarded_to(self, value):
        """Who of a process and its worker gets what is sent to reinit."""
        run, app = self.start_app(f"--forward-to={value}", config={"exit_on": {}})
        self.tell(app, "spawn", name="worker", exit_on={})
        worker = self.event("start", name="worker")
        self.assertEqual(worker["group"], app["pid"])
        run.kill(USR1)
        self.event("signal", name="main", signal=USR1)
        if value == "group":
            self.event("signal", name="worker", signal=USR1)
        self.tell(worker, "exit", code=0)
        run.only(app["host"])
        self.no_event("signal")
        self.tell(app, "exit", code=3)
        run.end(3)

    def test_forward_to(self):
        for value in ("process", "group"):
            with self.subTest(value):
                self.forwarded_to(value)

    def test_rewrite(self):
        rules = {"USR1:USR2": (USR1, USR2), "SIGHUP:RTMIN+3": (HUP, RTMIN + 3), "RTMIN+5:1": (RTMIN + 5, HUP), "12:10": (USR2, USR1)}
        run, app = self.start_app(*(f"--rewrite={rule}" for rule in rules), "--rewrite=WINCH:", config={"exit_on": {}})
        for sent, received in rules.values():
            run.kill(WINCH)
            run.kill(sent)
            self.event("signal", signal=received)
        self.no_event("signal")
        self.tell(app, "exit", code=0)
        run.end(0)

    def test_success_exit_status(self):
        # A number is a code that the process ends with by itself, as in systemd's list.
        for flags, code in ((["--success-exit-status=3,TERM"], 0), (["--success-exit-status=143"], 143), ([], 143)):
            with self.subTest(flags):
                run = self.start(*flags, "--", "/bin/sleep", "1000")
                run.has_blocked_signals()
                run.kill(TERM)
                run.end(code)
        self.start("--success-exit-status=143", "--", "/bin/sh", "-c", "exit 143").end(0)
        self.start("--success-exit-status=3,TERM", "--", "/bin/sh", "-c", "exit 3").end(0)
        self.start("--success-exit-status=4", "--", "/bin/sh", "-c", "exit 3").end(3)


class ParentTest(harness.Pid1Test):
    # PID 1, a parent that can be ended, and reinit as its child.
    ABOVE = """
import os, signal, sys
if os.fork() == 0:
    if os.fork() == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    signal.pause()
while True:
    try:
        os.wait()
    except ChildProcessError:
        sys.exit(7)
"""

    def lose_the_parent(self, *flags):
        run = self.start("--", *self.app(), init=[harness.PYTHON, "-SEc", self.ABOVE, harness.REINIT, *flags])
        app = self.event("start")
        reinit = next(process.parent for process in run.members() if process.host == app["host"])
        parent = next(process.parent for process in run.members() if process.host == reinit)
        os.kill(parent, signal.SIGKILL)
        return run, app

    def test_parent_death_signal(self):
        run, _ = self.lose_the_parent("--parent-death-signal=TERM")
        self.event("signal", signal=TERM)
        run.end(7)

    def test_twin_without_it_nobody_tells(self):
        self.deadline = harness.TWIN_DEADLINE
        run, app = self.lose_the_parent()
        with self.assertRaises(harness.Late):
            self.event("signal", signal=TERM)
        self.tell(app, "exit", code=0)
        run.end(7)


class EnvironmentTest(harness.Pid1Test):
    def test_env_and_env_file(self):
        path = self.write(os.path.join(self.folder(), "file"), "# a comment\nONE=file\nTWO=file\n")
        run, app = self.start_app(f"--env-file={path}", "--env=TWO=flag", "--env=THREE=with = and  spaces",
                                  "--restart=always", "--restart-delay=0", env={"ONE": "given", "FOUR": "given"})
        got = {key: app["env"].get(key) for key in ("ONE", "TWO", "THREE", "FOUR")}
        self.assertEqual(got, {"ONE": "file", "TWO": "flag", "THREE": "with = and  spaces", "FOUR": "given"})
        self.write(path, "ONE=later\n")
        self.tell(app, "exit", code=1)
        app = self.event("start")
        self.assertEqual((app["env"]["ONE"], app["env"]["TWO"]), ("later", "flag"))
        run.kill(TERM)
        run.end(0)

    def test_an_env_file_with_many_lines(self):
        lines = "".join(f"NAME_{i}={i}\n" for i in range(60000))
        path = self.write(os.path.join(self.folder(), "file"), lines)
        run = self.start(f"--env-file={path}", "--", harness.PYTHON, "-SEc",
                         "import os, sys; sys.exit(int(os.environ['NAME_59999']) - 59990)")
        run.end(9)

    def test_an_env_file_for_a_shell(self):
        path = self.write(os.path.join(self.folder(), "file"), "export ONE=1\n  TWO=2\n")
        run, app = self.start_app(f"--env-file={path}")
        self.assertEqual((app["env"].get("ONE"), app["env"].get("TWO")), ("1", "2"))
        self.tell(app, "exit", code=0)
        run.end(0)
        self.write(path, "set ONE=1\n")
        run = self.start(f"--env-file={path}", "--", "/bin/true")
        run.end(2)
        self.assertIn("file:1: the name 'set...' has a blank", run.stderr)
        run = self.start("--env=export ONE=1", "--", "/bin/true")
        run.end(2)
        self.assertIn("the name 'export...' has a blank", run.stderr)

    def test_an_env_file_that_is_not_there(self):
        run = self.start("--env-file=/no/such/file", "--", "/bin/true")
        run.end(2)
        self.assertIn("/no/such/file", run.stderr)

    def test_listen_pid(self):
        """A runtime that passes sockets means PID 1 by it; the process is who takes them."""
        run, app = self.start_app(env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
        self.assertEqual(app["env"]["LISTEN_PID"], str(app["pid"]))
        self.tell(app, "exit", code=0)
        run.end(0)
        run, app = self.start_app(env={"LISTEN_PID": "77"})
        self.assertEqual(app["env"]["LISTEN_PID"], "77")
        self.tell(app, "exit", code=0)
        run.end(0)

    def test_chdir(self):
        folder = self.folder()
        run, app = self.start_app(f"--chdir={folder}")
        self.assertEqual(app["cwd"], folder)
        self.tell(app, "exit", code=0)
        run.end(0)
        run = self.start("--chdir=/no/such/folder", "--", "/bin/true")
        run.end(2)
        self.assertIn("/no/such/folder", run.stderr)


class InheritedTest(harness.Pid1Test):
    """A plain init holds nothing that it was given once its process has it: no mount is busy for it, no pipe stays open."""

    def start_with_things(self, *flags):
        folder = self.folder()

        def setup():
            os.chdir(folder)
            os.dup2(0, 9)
        run, app = self.start_app(*flags, setup=setup)
        self.assertEqual((app["cwd"], "9" in app["fds"]), (folder, True))
        return run, app, folder

    def holds(self, run):
        return os.readlink(f"/proc/{run.host}/cwd"), "9" in run.fds()

    def test_a_plain_init_lets_go(self):
        run, app, _ = self.start_with_things()
        self.eventually(lambda: self.holds(run) == ("/", False), lambda: self.holds(run))
        self.tell(app, "exit", code=0)
        run.end(0)

    def test_the_next_process_gets_them_too(self):
        run, app, folder = self.start_with_things("--restart=always", "--restart-delay=0")
        run.comes_to_rest()
        self.assertEqual(self.holds(run), (folder, True))
        self.tell(app, "exit", code=1)
        app = self.event("start")
        self.assertEqual((app["cwd"], "9" in app["fds"]), (folder, True))
        run.kill(TERM)
        run.end(0)


def empty_etc(**files):
    """A setup: an /etc that holds these files alone."""
    def setup():
        namespace.mount("none", "/etc", "tmpfs")
        for name, text in files.items():
            with open(f"/etc/{name}", "w") as file:
                file.write(text)
    return setup


class UserTest(harness.Pid1Test):
    """--user reads the image's files itself, and needs none for numbers."""

    WHO = ["/bin/sh", "-c", "id -u; id -g; id -G; echo $HOME"]
    FILES = {"passwd": f"root:x:0:0::/root:/bin/sh\napp:x:{UID}:{GID}::/home/app:/bin/sh\n",
             "group": f"app:x:{GID}:\nlog:x:4713:other,app\nweb:x:4714:\n"}

    def setUp(self):
        super().setUp()
        with open("/proc/self/uid_map") as file:
            if int(file.read().split()[2]) <= GID:
                self.skipTest("a user namespace with one user")

    def who(self, user, **files):
        run = self.start(f"--user={user}", "--", *self.WHO, setup=empty_etc(**files))
        run.end(0)
        return run.stdout.split("\n")[:4]

    def test_numbers_in_an_image_without_files(self):
        self.assertEqual(self.who(f"{UID}:{GID}"), [str(UID), str(GID), str(GID), "/"])
        self.assertEqual(self.who(str(UID))[0], str(UID))

    def test_names(self):
        self.assertEqual(self.who("app", **self.FILES), [str(UID), str(GID), f"{GID} 4713", "/home/app"])
        self.assertEqual(self.who("app:web", **self.FILES), [str(UID), "4714", "4714", "/home/app"])

    def test_it_can_open_its_output_by_name(self):
        """As under a container runtime: many images log to /dev/stdout (nginx, httpd)."""
        for flags in ([], ["--restart=on-failure"]):
            run = self.start(*flags, f"--user={UID}:{GID}", "--", "/bin/sh", "-c",
                             "echo out >/dev/stdout; echo err >/dev/stderr")
            run.end(0)
            self.assertEqual(run.stdout, "out\n")
            self.assertIn("err\n", run.stderr)

    def test_root_in_a_user_namespace_without_setgroups(self):
        run = self.start("--user=root", "--", "/usr/bin/id", "-u", setup=lambda: namespace.user_namespace(0))
        run.end(0)
        self.assertEqual(run.stdout, "0\n")

    def planted(self):
        """A folder of the user's, and a file of root's that it would like to change."""
        folder = self.folder()
        os.chown(folder, UID, GID)
        victim = self.write(os.path.join(self.folder(), "victim"), "precious", mode=0o600)
        return folder, victim

    def content(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_last_words_through_a_planted_link(self):
        for link in ("ln -s", "ln"):
            folder, victim = self.planted()
            words = os.path.join(folder, "words")
            run = self.start(f"--user={UID}:{GID}", f"--termination-log={words}", "--", "/bin/sh", "-c",
                             f"{link} {victim} {words}; exit 0")
            run.end(0)
            self.assertEqual(self.content(victim), "precious")
        folder, victim = self.planted()
        os.link(victim, os.path.join(folder, "words"))
        run = self.start(f"--user={UID}:{GID}", f"--termination-log={folder}/words", "--", "/bin/true")
        run.end(0)
        self.assertIn("a second name", run.stderr)
        self.assertEqual(self.content(victim), "precious")

    def test_last_words_into_a_file_that_is_mounted(self):
        """As the kubelet does it: a file of root's, which stays the same one."""
        folder = self.folder()
        outside = self.write(os.path.join(folder, "outside"), "what an earlier container has left there, longer", mode=0o666)
        words = self.write(os.path.join(folder, "words"))
        run = self.start(f"--user={UID}:{GID}", f"--termination-log={words}", "--", "/bin/sh", "-c", "exit 3",
                         setup=lambda: namespace.mount(outside, words, "none", namespace.MS_BIND))
        run.end(3)
        self.assertEqual(self.content(outside), "process ended: exit code 3\n")

    def test_the_ready_file_where_a_link_is_planted(self):
        folder, victim = self.planted()
        ready = os.path.join(folder, "ready")
        run = self.start(f"--user={UID}:{GID}", "--health=exec:/bin/sh -c 'test -L ready || ln -s {} ready'".format(victim),
                         f"--chdir={folder}", f"--ready-file={ready}", "--health-interval=20ms", "--", "/bin/sleep", "1000")
        self.eventually(lambda: os.path.isfile(ready) and not os.path.islink(ready), lambda: "no ready file")
        self.assertEqual(os.stat(ready).st_uid, 0)
        self.assertEqual(self.content(victim), "precious")
        run.kill(TERM)
        run.end(143)
        self.assertEqual(self.content(victim), "precious")

    def test_a_name_that_is_not_there(self):
        for files in ({}, self.FILES):
            run = self.start("--user=nobody-we-know", "--", "/bin/true", setup=empty_etc(**files))
            run.end(2)
            self.assertIn("nobody-we-know", run.stderr)
            self.assertIn("/etc/passwd", run.stderr)

    def test_without_the_right_to(self):
        run = self.start(f"--user={UID + 1}", "--", "/bin/echo", "never", setup=self.become_somebody)
        run.end(126)
        self.assertIn("Operation not permitted", run.stderr)
        self.assertEqual(run.stdout, "")

    def test_check_looks_with_its_rights(self):
        folder = self.folder()
        program = self.write(os.path.join(folder, "program"), "#!/bin/sh\n", 0o755)
        os.chmod(folder, 0o700)
        for user, code in ((UID, 126), (os.geteuid(), 0)):
            run = self.start("--check", f"--user={user}", "--", program)
            run.end(code)
        run = self.start("--check", f"--user={UID}", f"--chdir={folder}", "--", "/bin/true")
        run.end(126)
        self.assertIn("cannot enter folder", run.stderr)

    @staticmethod
    def become_somebody():
        os.setgroups([])
        os.setresgid(GID, GID, GID)
        os.setresuid(UID, UID, UID)

    def test_any_uid_without_capabilities(self):
        for flags in ([], ["--restart=always", "--restart-delay=0"]):
            with self.subTest(flags):
                run, app = self.start_app(*flags, config={"exit_on": {"15": 5}}, setup=self.become_somebody)
                status = harness.status_fields(harness.proc(run.host, "status"))
                self.assertEqual((status["Uid"].split()[0], int(status["CapEff"], 16)), (str(UID), 0))
                self.tell(app, "orphans", count=100)
                self.event("made")
                run.only(app["host"])
                run.kill(TERM)
                self.event("signal", signal=TERM)
                run.end(5)


class PrivilegesTest(harness.Pid1Test):
    def new_privileges(self, *flags):
        run = self.start(*flags, "--", "/bin/cat", "/proc/self/status")
        run.end(0)
        return harness.status_fields(run.stdout)["NoNewPrivs"]

    def test_no_new_privileges(self):
        self.assertEqual(self.new_privileges("--no-new-privileges"), "1")
        self.assertEqual(self.new_privileges(), "0")


if __name__ == "__main__":
    xml_runner.main()
