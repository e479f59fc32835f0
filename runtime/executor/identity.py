"""Who the container's program is: user, groups, capabilities, working directory, and the program's own path."""

from __future__ import annotations

import errno
import os
import stat

from runtime.executor.errors import InvalidSpec, StartFailed
from runtime.syscall import capabilities
from runtime.syscall.capability_names import CAPABILITIES
from runtime.syscall.processes import PR_SET_KEEPCAPS, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PASSWD_BYTES = 1 << 20
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")


def capability_sets(asked: dict[str, Any] | None) -> dict[str, int] | None:
    """The five sets as numbers; what the running kernel does not know is left out, as runc does, with no error."""
    if asked is None:
        return None
    numbers = {name: place for place, name in enumerate(CAPABILITIES)}
    found = {}
    for each in _SETS:
        bits = 0
        for name in asked.get(each) or []:
            if name in numbers:
                bits |= 1 << numbers[name]
        found[each] = bits
    return found


def become(process: dict[str, Any], sets: dict[str, int] | None, *, groups_denied: bool) -> None:
    """Take the user, the groups and the capabilities, and stand in the working directory. Raise StartFailed."""
    user = process.get("user") or {}
    uid, gid = int(user.get("uid") or 0), int(user.get("gid") or 0)
    held = capabilities.capget()[1]
    if sets is not None:
        capabilities.drop_bounding(sets["bounding"])
    prctl(PR_SET_KEEPCAPS, 1)
    cwd = str(process.get("cwd") or "/")
    entered = _enter(cwd, last=False)
    own_streams(uid)
    _take_ids(uid, gid, [int(each) for each in user.get("additionalGids") or []], groups_denied=groups_denied)
    if not entered:
        _enter(cwd, last=True)
    _check_cwd()
    prctl(PR_SET_KEEPCAPS, 0)
    if sets is not None:
        # What this host does not grant to us cannot be given on; runc says so with a warning and goes on.
        permitted, inheritable = sets["permitted"] & held, sets["inheritable"] & held
        capabilities.capset(sets["effective"] & permitted, permitted, inheritable)
        capabilities.set_ambient(sets["ambient"] & permitted & inheritable)


def _take_ids(uid: int, gid: int, groups: list[int], *, groups_denied: bool) -> None:
    if groups_denied and set(groups) - {gid}:
        raise StartFailed("cannot set any additional groups in a user namespace that denies setgroups")
    try:
        if not groups_denied:
            os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        every = ",".join(map(str, groups))
        raise StartFailed(
            f"user {uid}:{gid} with groups {every} is not mapped into this user namespace, map more ids to it"
        ) from None


def own_streams(uid: int) -> None:
    """Standard streams become the user's, so that it may open /dev/stdout; those that are devices stay."""
    for stream in range(3):
        try:
            found = os.fstat(stream)
            if found.st_uid != uid and not stat.S_ISCHR(found.st_mode) and found.st_rdev != os.makedev(1, 3):
                os.fchown(stream, uid, -1)
        except OSError:
            continue  # read-only, unmapped, or refused: the program may still write to what it was given


def _enter(cwd: str, *, last: bool) -> bool:
    """Stand in the working directory, made by the runtime before; the user alone may be able to."""
    try:
        os.chdir(cwd)
    except PermissionError:
        if last:
            raise StartFailed(f'chdir to cwd ("{cwd}") set in config.json failed: permission denied') from None
        return False
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise StartFailed(f'chdir to cwd ("{cwd}") set in config.json failed: {reason}') from None
    return True


def _check_cwd() -> None:
    """The kernel's getcwd answers only for what is inside this root (CVE-2024-21626)."""
    try:
        inside = os.getcwd().startswith("/")
    except OSError:
        inside = False
    if not inside:
        raise StartFailed("current working directory is outside of container mount namespace root")


def environment_of(process: dict[str, Any]) -> list[str]:
    """The environment, with HOME from the container's own passwd file if it has none."""
    found: dict[str, str] = {}
    for each in process.get("env") or []:
        name, equals, value = str(each).partition("=")
        if not name or not equals or "\0" in each:
            raise InvalidSpec(f"invalid environment variable {each!r}")
        found[name] = value
    if not found.get("HOME"):
        found["HOME"] = _home(int((process.get("user") or {}).get("uid") or 0))
    return [f"{name}={value}" for name, value in found.items()]


def _home(uid: int) -> str:
    """The directory of a user by number; the file is the image's, so it is read as bytes and only so far."""
    try:
        descriptor = os.open("/etc/passwd", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return "/"
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return "/"
        content = os.read(descriptor, _PASSWD_BYTES)
    except OSError:
        return "/"
    finally:
        os.close(descriptor)
    for line in content.split(b"\n"):
        fields = line.split(b":")
        if len(fields) >= 6 and fields[2] == b"%d" % uid:
            return fields[5].decode("utf-8", "surrogateescape") or "/"
    return "/"


def find_program(name: str, environment: list[str]) -> str:
    """The path of the program to execute, found as a shell would. Raise StartFailed in the words callers look for."""
    if "/" in name:
        problem = _problem(name)
        if problem == "no such file or directory":
            raise StartFailed(f'exec: "{name}": stat {name}: no such file or directory')
        if problem:
            raise StartFailed(f'exec: "{name}": {problem}')
        return name
    path = next((each[5:] for each in environment if each.startswith("PATH=")), _DEFAULT_PATH)
    for directory in path.split(":"):
        found = f"{directory or '.'}/{name}"
        if name and not _problem(found):
            return found
    raise StartFailed(f'exec: "{name}": executable file not found in $PATH')


def _problem(path: str) -> str:
    try:
        found = os.stat(path)
    except OSError as error:
        return os.strerror(error.errno or 0).lower()
    if stat.S_ISDIR(found.st_mode):
        return "permission denied"
    # Whether the mode says so for any user: the kernel has the last word when it is executed.
    return "" if found.st_mode & 0o111 and os.access(path, os.X_OK, effective_ids=True) else "permission denied"
