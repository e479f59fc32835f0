"""The same bundle on runc and on entrepot-oci: the same inside, the same exit statuses, the same words of failure."""

import os
import re
from typing import Any

import pytest

from tests.runtime.executor.bundles import Bundle, Change, Runtime

LOOK = """
id; umask; pwd; hostname; env; [ $$ = 1 ] && echo the first
grep -E '^(Name|Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Sig(Blk|Ign|Cgt))' /proc/self/status
cat /proc/self/limits /proc/self/oom_score_adj /proc/self/cgroup
cat /proc/self/mountinfo
for each in /dev/* /proc/keys /proc/self/cwd; do stat -c '%n %F %a %u %g %t:%T' $each; done
ls -l /proc/self/fd | grep -c ' -> '
ip address show lo
touch /proc/sys/kernel/ns_last_pid /sys/x /written /dev/x 2>&1
for each in pid net ipc uts mnt cgroup; do
    [ $(readlink /proc/self/ns/$each) = $(cat /host-$each) ] && echo $each is the host\\'s
done
"""
CALLS = [
    "read",
    "write",
    "open",
    "openat",
    "close",
    "fstat",
    "newfstatat",
    "stat",
    "lstat",
    "lseek",
    "mmap",
    "mprotect",
    "munmap",
    "brk",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "ioctl",
    "access",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "getuid",
    "getgid",
    "geteuid",
    "getegid",
    "getpid",
    "getppid",
    "fork",
    "vfork",
    "clone",
    "wait4",
    "readlink",
    "readlinkat",
    "getcwd",
    "chdir",
    "fchdir",
    "uname",
    "umask",
    "getgroups",
    "setgroups",
    "setresuid",
    "setresgid",
    "setuid",
    "setgid",
    "capset",
    "capget",
    "prctl",
    "arch_prctl",
    "set_tid_address",
    "dup",
    "dup2",
    "fcntl",
    "getdents64",
    "futex",
    "close_range",
    "pipe",
    "sendto",
    "fchown",
    "faccessat",
    "faccessat2",
    "poll",
    "pread64",
    "sigaltstack",
    "madvise",
    "gettid",
    "tgkill",
    "getrandom",
    "clock_gettime",
    "rseq",
    "epoll_pwait",
    "epoll_ctl",
    "nanosleep",
    "statx",
    "sched_yield",
    "set_robust_list",
    "prlimit64",
    "getrlimit",
    "fstatfs",
    "memfd_create",
    "pipe2",
    "epoll_create1",
    "kill",
]
SECCOMP = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 1,
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "syscalls": [
        {
            "names": CALLS,
            "action": "SCMP_ACT_ALLOW",
        },
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
        {
            "names": ["personality"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 4294967295, "op": "SCMP_CMP_EQ"}],
        },
    ],
}


def look(bundle: Bundle, *changes: Change, **process: object) -> None:
    """Write a bundle whose program looks around itself."""
    for kind in ("pid", "net", "ipc", "uts", "mnt", "cgroup"):
        link = f"/proc/self/ns/{kind}"
        (bundle.rootfs / f"host-{kind}").write_text(os.readlink(link))
    bundle.write(*changes, **({"args": ["sh", "-c", LOOK]} | process))


def plain(text: str) -> str:
    """What both must print: without the numbers of mounts, which are counted by the kernel."""
    return re.sub(r"^\d+ \d+ \d+:\d+ ", "", text, flags=re.M)


def user(config: dict[str, Any]) -> None:
    config["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o27}
    config["process"]["capabilities"]["inheritable"] = ["CAP_KILL"]
    config["process"]["capabilities"]["ambient"] = ["CAP_KILL"]


def closed(config: dict[str, Any]) -> None:
    config["root"]["readonly"] = True
    config["process"]["noNewPrivileges"] = False
    config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "8191"}
    config["linux"]["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640}]
    config["mounts"] += [
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "ro", "size=1m", "noatime"]},
        {"destination": "/made/here", "type": "bind", "source": "/etc", "options": ["rbind", "ro", "nodev"]},
        {"destination": "/made/file", "type": "bind", "source": "/etc/hostname", "options": ["bind", "rprivate"]},
    ]


def host(config: dict[str, Any]) -> None:
    config["linux"]["namespaces"] = [{"type": "mount"}, {"type": "uts"}]
    config["mounts"] = [each for each in config["mounts"] if each["type"] not in ("sysfs", "cgroup")]


def filtered(config: dict[str, Any]) -> None:
    config["linux"]["seccomp"] = SECCOMP


def early(config: dict[str, Any]) -> None:
    filtered(config)
    config["process"]["noNewPrivileges"] = False
    config["process"]["capabilities"]["bounding"] = ["CAP_SYS_ADMIN"]


@pytest.mark.parametrize("change", [lambda _: None, user, closed, host], ids=["plain", "user", "closed", "host"])
def test_inside_looks_the_same(bundle: Bundle, ours: Runtime, runc: Runtime, change: Change) -> None:
    look(bundle, change)
    here, there = (runtime("run", "-b", bundle.directory, "box") for runtime in (ours, runc))
    assert plain(here.stdout).splitlines() == plain(there.stdout).splitlines()
    assert (here.returncode, here.stderr) == (there.returncode, there.stderr)
    assert "Uid" in here.stdout


@pytest.mark.parametrize("change", [filtered, early])
def test_calls_are_filtered_the_same(bundle: Bundle, ours: Runtime, runc: Runtime, change: Change) -> None:
    (bundle.rootfs / "bin/mkdir").symlink_to("busybox")
    (bundle.rootfs / "bin/setarch").symlink_to("busybox")
    script = "mkdir /a; ln -s a /b; setarch linux32 true; echo $?; grep -E '^(Seccomp|NoNew|Cap)' /proc/self/status"
    bundle.write(change, args=["sh", "-c", script])
    here, there = (runtime("run", "-b", bundle.directory, "box") for runtime in (ours, runc))
    assert (here.stdout, here.stderr) == (there.stdout, there.stderr)
    assert "Seccomp:\t2" in here.stdout
    assert "No space left" in here.stderr


@pytest.mark.parametrize(
    ("args", "options"),
    [
        (["sh", "-c", "exit 7"], {}),
        (["nothing"], {}),
        (["/no/thing"], {}),
        (["/etc/passwd"], {}),
        (["passwd"], {"env": ["PATH=/etc"]}),
        (["/bin"], {}),
        (["/text"], {}),
        (["true"], {"cwd": "relative"}),
        (["readlink", "/proc/self/cwd"], {"cwd": "/made/by/runtime"}),
        ([], {}),
    ],
)
def test_ends_the_same(bundle: Bundle, ours: Runtime, runc: Runtime, args: list[str], options: dict[str, Any]) -> None:
    (bundle.rootfs / "text").write_text("no program\n")
    (bundle.rootfs / "text").chmod(0o755)
    bundle.write(args=args, **options)
    here, there = (runtime("run", "-b", bundle.directory, "box") for runtime in (ours, runc))
    assert (here.returncode, here.stdout) == (there.returncode, there.stdout)
    assert re.sub(r'time="\S+"', "", here.stderr).replace("entrepot-oci", "runc") == re.sub(
        r'time="\S+"', "", there.stderr
    )
    assert not ours.root.exists() or list(ours.root.glob("[!.]*")) == []


def test_a_killed_program_is_told_as_a_signal(bundle: Bundle, ours: Runtime, runc: Runtime) -> None:
    bundle.write(host, args=["sh", "-c", "kill -USR1 $$"])
    statuses = [runtime("run", "-b", bundle.directory, "box").returncode for runtime in (ours, runc)]
    assert statuses == [138, 138]


@pytest.mark.parametrize("words", [("state", "no"), ("kill", "no"), ("start", "no"), ("delete", "no"), ("ps", "no")])
def test_what_is_not_there_is_told_the_same(ours: Runtime, runc: Runtime, words: tuple[str, ...]) -> None:
    for runtime in (ours, runc):
        done = runtime(*words)
        assert done.returncode == 1
        assert "container does not exist" in done.stderr
