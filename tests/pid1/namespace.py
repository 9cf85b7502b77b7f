"""Starts a program as PID 1 of a new PID namespace, or as a child of one that is ours. Only forks and system calls.

    test process -> launcher (waits, reports) -> PID 1: the program
                                              -> PID 1: keeper (waits, lists what is left) -> the program

The launcher and PID 1 die with the test process, and the kernel ends whatever lives in the namespace with its PID 1,
so nothing a test starts outlives it.
"""

import ctypes
import json
import os
import signal
import struct
import sys
import traceback

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x10000000, 0x20000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
SECCOMP_MODE_FILTER = 2
INOTIFY_INIT1 = {"x86_64": 294, "aarch64": 26}[os.uname().machine]
EXECVEAT = {"x86_64": 322, "aarch64": 281}[os.uname().machine]
SYS_RT_SIGPROCMASK = {"x86_64": 14, "aarch64": 135}[os.uname().machine]
ALL_SIGNALS = (1 << 64) - 1
# The capabilities that a container has by default: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP,
# NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP.
DOCKER = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}


def check(result, what):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def unshare(flags):
    check(libc.unshare(flags), "unshare")


def mount(source, target, kind, flags=0, options=None):
    check(libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options and options.encode()),
          f"mount {target}")


def unmount(target):
    """What lies below it is seen again."""
    detach = 2
    check(libc.umount2(target.encode(), detach), f"unmount {target}")


def only(capabilities):
    """A setup that takes all other capabilities from the program that is about to be executed as root."""
    def drop():
        for number in range(64):
            if number not in capabilities:
                libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    return drop


def refuse(number, error):
    """From here on this system call fails with `error`, in whatever is started too."""
    load_number, is_number = (0x20, 0, 0, 0), (0x15, 0, 1, number)
    errno_of, allow = (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7fff0000)
    code = b"".join(struct.pack("HBBI", *line) for line in (load_number, is_number, errno_of, allow))
    program = ctypes.create_string_buffer(code)
    filter_ = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(program))
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))), "no_new_privs")
    check(libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), filter_), "seccomp")


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def set_signal_mask(mask):
    """All 64 of them: glibc's own functions leave out 32 and 33."""
    value = ctypes.c_uint64(mask)
    check(libc.syscall(SYS_RT_SIGPROCMASK, signal.SIG_SETMASK, ctypes.byref(value), None, 8), "rt_sigprocmask")


def join_namespaces(pid):
    """Enters the PID and mount namespaces of a process; children of the caller are then inside."""
    kinds = [kind for kind in ("user", "pid", "mnt")
             if os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")]
    fds = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in kinds]
    for fd in fds:
        check(libc.setns(fd, 0), "setns")
        os.close(fd)


def _close_all_but(*kept):
    """What the test has open is none of their business: a listener that it closes must be closed."""
    low = 3
    for fd in sorted(fd for fd in kept if fd >= low):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 1024)


def _default_signals():
    # Python ignores PIPE and XFSZ and handles INT; a container's PID 1 is given none of that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _map_user(as_uid, uid, gid):
    for name, text in (("setgroups", "deny"), ("uid_map", f"{as_uid} {uid} 1"), ("gid_map", f"{as_uid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def user_namespace(as_uid):
    """What the caller is called in a new user namespace: an id that no passwd knows, where setuid is not to be had."""
    uid, gid = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER)
    _map_user(as_uid, uid, gid)


def _execute(spec, exec_pipe):
    """Becomes the program when the test lets it; what goes wrong before is told to the test."""
    try:
        os.close(spec["go"][1])
        os.setsid()  # as container runtimes do
        for number, fd in enumerate(spec["stdio"]):
            os.dup2(fd, number)
        _close_all_but(exec_pipe, spec["go"][0])
        _default_signals()
        os.read(spec["go"][0], 1)
        if spec["setup"]:
            spec["setup"]()
        if spec["pid1"]:
            die_with_parent()  # again: another uid takes it away
        os.execve(spec["argv"][0], spec["argv"], spec["env"])
    except BaseException:
        os.write(exec_pipe, traceback.format_exc().encode())
    os._exit(255)


def _others():
    result = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1":
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:
                result.append(stat.read(200).decode(errors="replace"))
        except OSError:
            pass  # ended just now
    return result


def _keep(spec, report, exec_pipe):
    """PID 1 of our own: waits for the program, and tells what is left of it the moment that it ends."""
    pid = os.fork()
    if pid == 0:
        _execute(spec, exec_pipe)
    for fd in (exec_pipe, *spec["go"]):
        os.close(fd)
    adopted = 0
    while True:
        ended, status = os.wait()
        if ended == pid:
            break
        adopted += 1
    os.write(report, (json.dumps({"status": status, "left": _others(), "adopted": adopted}) + "\n").encode())
    os._exit(0)


def _launch(spec, report, exec_pipe):
    die_with_parent()
    _close_all_but(report, exec_pipe, *spec["go"], *spec["stdio"])
    uid, gid = os.getuid(), os.getgid()
    user = CLONE_NEWUSER if uid else 0
    unshare(user | CLONE_NEWPID | CLONE_NEWNS)
    if user:
        _map_user(0, uid, gid)
    pid = os.fork()
    if pid == 0:
        die_with_parent()
        mount("none", "/", "none", MS_REC | MS_PRIVATE)
        mount("proc", "/proc", "proc")
        if spec["pid1"]:
            _execute(spec, exec_pipe)
        _keep(spec, report, exec_pipe)
    for fd in (exec_pipe, *spec["go"], *spec["stdio"]):
        os.close(fd)
    os.write(report, (json.dumps({"host": pid}) + "\n").encode())
    status = os.waitpid(pid, 0)[1]
    if spec["pid1"]:
        os.write(report, (json.dumps({"status": status}) + "\n").encode())
    os._exit(0)


def launch(argv, env, stdio, pid1=True, setup=None):
    """Starts argv[0] (an absolute path). Returns (pid of the launcher, report pipe, exec pipe, go pipe).

    `stdio` are three descriptors; they are closed here. `setup` runs in the program's process just before exec. The
    report pipe brings JSON lines: {"host": pid of the namespace's PID 1}, {"status": wait status, "left": [...],
    "adopted": orphans that came to the keeper}. The
    exec pipe is at its end once the program runs; before that it brings the text of an error. The program is held
    before its exec until the go pipe is closed.
    """
    spec = {"argv": argv, "env": env, "stdio": stdio, "pid1": pid1, "setup": setup, "go": os.pipe()}
    report, report_end = os.pipe()
    executed, exec_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        try:
            _launch(spec, report_end, exec_end)
        except BaseException:
            os.write(exec_end, traceback.format_exc().encode())
        os._exit(255)
    for fd in (report_end, exec_end, spec["go"][0], *stdio):
        os.close(fd)
    return pid, report, executed, spec["go"][1]


def why_not():
    """None if namespaces can be had here, else the reason in words."""
    null = [os.open("/dev/null", os.O_RDWR) for _ in range(3)]
    pid, report, executed, go = launch(["/bin/true"], {}, null)
    os.close(go)
    error = os.read(executed, 4096).decode()
    os.waitpid(pid, 0)
    os.close(report)
    os.close(executed)
    return f"no PID namespace here: {error.strip().splitlines()[-1]}" if error else None
