"""The last steps of every process that becomes a container's program, the first one and those that join it later."""

from __future__ import annotations

import os

from runtime.executor.channel import DONE, LISTENER
from runtime.executor.departure import write_self
from runtime.executor.errors import StartFailed
from runtime.executor.hooks import default_signals, run_hooks
from runtime.executor.identity import become, environment_of, find_program
from runtime.syscall.files import CLOSE_RANGE_CLOEXEC, close_range
from runtime.syscall.processes import PR_SET_NO_NEW_PRIVS, execveat, join_session_keyring, prctl
from runtime.syscall.seccomp import load_filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.channel import Channel
    from runtime.executor.plan import Plan


def new_keyring(plan: Plan) -> None:
    """A session keyring of its own; kernels without keyrings have nothing to keep apart."""
    if not plan.new_keyring:
        return
    try:
        join_session_keyring()
    except OSError as error:
        if error.errno != 38:
            raise StartFailed(f"unable to join session keyring: {os.strerror(error.errno or 0).lower()}") from None


def label(plan: Plan) -> None:
    """Take the AppArmor profile or SELinux label on exec. Raise StartFailed where the host has no such thing."""
    profile = str(plan.process.get("apparmorProfile") or "")
    if profile:
        if not _exists(plan, "self/attr/apparmor/exec"):
            raise StartFailed(f"unable to apply apparmor profile {profile!r}: apparmor is not enabled on this host")
        write_self(plan, "attr/apparmor/exec", f"exec {profile}")
    selinux = str(plan.process.get("selinuxLabel") or "")
    if selinux:
        if not _selinux(plan):
            raise StartFailed("selinux label is specified in config, but selinux is disabled or not supported")
        write_self(plan, "attr/exec", selinux)


def finish(plan: Plan, channel: Channel) -> None:
    """Become the program. Does not return; raises what went wrong before."""
    if plan.scheduling is not None:
        plan.scheduling.take()
    user = plan.process.get("user") or {}
    if user.get("umask") is not None:
        os.umask(int(user["umask"]))
    if plan.no_new_privileges:
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    if plan.filter is not None and plan.filter_early:
        listener = load_filter(plan.filter.program, plan.filter.flags)
        if plan.filter.notifies:
            channel.send(LISTENER, str(listener))
            channel.wait()
            os.close(listener)
    become(plan.process, plan.sets, groups_denied=_groups_denied(plan))
    environment = environment_of(plan.process)
    arguments = [str(each) for each in plan.process["args"]]
    program = find_program(arguments[0], environment)
    channel.send(DONE, "hooks" if plan.start_hooks else "")
    if plan.start_hooks:
        channel.close()
        _wait(plan.fifo)
        run_hooks(plan.config, "startContainer", plan.state | {"pid": os.getpid(), "status": "created"})
    close_range(3 + plan.preserved, flags=CLOSE_RANGE_CLOEXEC)
    for each in range(3, 3 + plan.preserved):
        os.set_inheritable(each, True)
    os.set_inheritable(plan.gate, True)
    default_signals()
    _execute(plan.stub, [program, *arguments], environment)


def _execute(stub: int, arguments: list[str], environment: list[str]) -> None:
    try:
        execveat(stub, arguments, environment)
    except OSError as error:
        # A filter that does not know execveat: the same file by its name in /proc.
        try:
            os.execve(f"/proc/self/fd/{stub}", arguments, dict(each.split("=", 1) for each in environment))  # noqa: S606
        except OSError:
            raise error from None


def _wait(fifo: int) -> None:
    """Wait for `start`, when hooks are to run before the stub."""
    if fifo >= 0 and os.read(fifo, 1) != b"0":
        os._exit(1)


def _groups_denied(plan: Plan) -> bool:
    if not plan.namespaces.has("user") and not plan.rootless:
        return False
    try:
        descriptor = os.open("self/setgroups", os.O_RDONLY | os.O_CLOEXEC, dir_fd=plan.proc)
    except FileNotFoundError:
        return False
    try:
        return os.read(descriptor, 16).startswith(b"deny")
    finally:
        os.close(descriptor)


def _exists(plan: Plan, name: str) -> bool:
    try:
        os.stat(name, dir_fd=plan.proc)
    except FileNotFoundError:
        return False
    return True


def _selinux(plan: Plan) -> bool:
    descriptor = os.open("filesystems", os.O_RDONLY | os.O_CLOEXEC, dir_fd=plan.proc)
    try:
        return b"selinuxfs" in os.read(descriptor, 65536)
    finally:
        os.close(descriptor)
