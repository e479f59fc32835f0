"""A user who is not root becomes root of a user namespace, in which everything else here is as root has it.

All commands of a user are in the same two namespaces, of users and of mounts, so that each sees what the others have
mounted. A process that does nothing keeps them; it is made by the first command and ends with the machine, or with a
kill, and is no more than the stub that stands before a container's program.
"""

from __future__ import annotations

import os
import pwd
from importlib import import_module

from runtime.engine import locks
from runtime.engine.errors import EngineError
from runtime.syscall import mounts, namespaces
from runtime.syscall.processes import pidfd_open

_FILES = ("/etc/subuid", "/etc/subgid")
_PROGRAMS = ("newuidmap", "newgidmap")
_LARGEST = 2**20
_NEW = namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS


def enter(folder: str) -> str:
    """Be root in the user's namespaces; `folder` is where who keeps them is written down, and is made.

    The process has one thread. The answer is what the user must be told when they were made now, or nothing. Raises
    EngineError where this host lets users have no namespaces, OSError.
    """
    here, warning = _here(), ""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with locks.held(f"{folder}/users.lock"):
        keeper = _keeper(f"{folder}/users")
        if keeper < 0:
            warning = _make(f"{folder}/users")
            keeper = _keeper(f"{folder}/users")
    if keeper < 0:
        raise EngineError("the process that keeps the user's namespaces has ended at once")
    namespaces.setns(keeper, _NEW)
    os.close(keeper)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    try:
        os.chdir(here)
    except OSError as error:
        raise EngineError(
            f"{here} is not seen by your containers ({(error.strerror or '').lower()}): go elsewhere, or end the "
            f"process that {folder}/users names and start again what runs"
        ) from None
    return warning


def _here() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"


def _keeper(path: str) -> int:
    """A descriptor of the process that keeps them; -1 if there is none."""
    try:
        with open(path, encoding="ascii") as file:
            pid, began = map(int, file.read().split())
        keeper = pidfd_open(pid)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return -1
    if _began(pid) == began:
        return keeper
    os.close(keeper)
    return -1


def _make(path: str) -> str:
    told, tell = os.pipe2(os.O_CLOEXEC)
    wait, go = os.pipe2(os.O_CLOEXEC)
    between = os.fork()
    if not between:
        # Its child is not waited for, and does not end with this command.
        try:
            os.close(go)
            os.setsid()
            if not os.fork():
                _keep(tell, wait)
        finally:
            os._exit(1)
    os.close(tell)
    os.close(wait)
    os.waitpid(between, 0)
    try:
        with open(told, encoding="ascii") as file:
            said = file.readline().split()
            if not said or said[0] != "made":
                raise EngineError(_refused(" ".join(said)))
            pid = int(said[1])
            warning = _map(pid)
            os.write(go, b"\0")
            if (last := file.readline()) != "ready\n":
                raise EngineError(_refused(last.strip()))
            _write(path, f"{pid} {_began(pid)}")
            return warning
    finally:
        os.close(go)


def _keep(tell: int, wait: int) -> None:
    """Make the namespaces and keep them. Does not return."""
    try:
        namespaces.unshare(_NEW)
        os.write(tell, f"made {os.getpid()}\n".encode())
        if not os.read(wait, 1):
            os._exit(1)
        mounts.mount(None, "/", None, mounts.MS_SLAVE | mounts.MS_REC)
        os.chdir("/")
        gate, never = os.pipe()
        os.set_inheritable(gate, True)
        os.set_inheritable(never, True)
        stub = import_module("runtime.executor.stub")
        program = stub.sealed(stub.image(gate, b"", 0))
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        os.write(tell, b"ready\n")
        import_module("runtime.syscall.processes").execveat(program, ["entrepot-users"], [])
    except BaseException as error:
        os.write(tell, f"{error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(1)


def _map(pid: int) -> str:
    """Map the user to root, and subordinate ids behind it; without these the user alone, which must be said."""
    ranges = _subordinate()
    if isinstance(ranges, str):
        _write(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/uid_map", f"0 {os.geteuid()} 1")
        _write(f"/proc/{pid}/gid_map", f"0 {os.getegid()} 1")
        return f"{ranges}; until then all files of images must be root's, and are yours"
    for program, own, behind in zip(_PROGRAMS, (os.geteuid(), os.getegid()), ranges, strict=True):
        words = [program, str(pid), "0", str(own), "1", *behind]
        child = os.posix_spawnp(program, words, os.environ)
        if status := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            raise EngineError(f"{program} refused the mapping (status {status}); see /etc/subuid and /etc/subgid")
    return ""


def _subordinate() -> tuple[list[str], list[str]] | str:
    """The words for newuidmap and newgidmap, or why there are none."""
    program = import_module("runtime.engine.folders").program
    for name in _PROGRAMS:
        if not program(name):
            return f"the program {name} is missing, install uidmap"
    subids, conflict = import_module("runtime.bundle.subids"), import_module("runtime.bundle.errors").Conflict
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid} has no name in /etc/passwd, and so no subordinate ids"
    try:
        found = [subids.read(_read(path), name, uid=uid, first=1) for path in _FILES]
    except conflict as error:
        return str(error)
    users, groups = (
        [word for each in maps for word in (str(each.container), str(each.host), str(each.size))] for maps in found
    )
    return users, groups


def _refused(said: str) -> str:
    return (
        f"users who are not root can have no namespaces here ({said or 'nothing was said'}); see the sysctls "
        "user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns"
    )


def _began(pid: int) -> int:
    """When a process began, in the kernel's ticks; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST + 1)
    except FileNotFoundError:
        return b""


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
