"""The container's first process, from its birth in the new namespaces to the moment it becomes the program.

The order is runc's, because hooks and callers rely on it. Nothing is imported here after the root has been changed.
"""

from __future__ import annotations

import os

from runtime.executor import pivot
from runtime.executor.channel import READY
from runtime.executor.console import open_console
from runtime.executor.devices import make_devices, make_links, reopen_null
from runtime.executor.errors import StartFailed
from runtime.executor.finish import finish, label, new_keyring
from runtime.executor.hooks import run_hooks
from runtime.executor.masks import make_read_only, mask
from runtime.executor.mounts import Mounts
from runtime.executor.resolve import Root
from runtime.syscall import mounts as m
from runtime.syscall.linux import Linux
from runtime.syscall.loopback import bring_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.channel import Channel
    from runtime.executor.plan import Plan
    from runtime.syscall.kernel import Kernel


def arrive(plan: Plan, channel: Channel) -> None:
    """Be the first process. Does not return; raises what went wrong."""
    kernel = Linux()
    os.setsid()
    os.umask(0)
    new_keyring(plan)
    if plan.namespaces.is_new("network"):
        bring_up()
    propagation = str(plan.linux.get("rootfsPropagation") or "")
    mounts, dev = build_root(kernel, plan, propagation)
    channel.send(READY)
    channel.wait()
    run_hooks(plan.config, "createContainer", plan.state | {"pid": os.getpid(), "status": "creating"})
    pivot.enter(kernel, mounts.root.descriptor, pivot=plan.pivot)
    pivot.finish_propagation(kernel, propagation)
    root = Root(kernel, os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    if dev:
        reopen_null()
    os.umask(0o022)
    os.makedirs(str(plan.process["cwd"]), 0o755, exist_ok=True)
    if plan.console is not None:
        open_console(root, plan.console, plan.process, on_dev=True)
    seclude(root, plan, mounts)
    finish(plan, channel)


def build_root(kernel: Kernel, plan: Plan, propagation: str) -> tuple[Mounts, bool]:
    """Make all mounts and devices below the root while the host is still in sight; tell whether /dev is ours."""
    root = Root(kernel, pivot.bind_root(kernel, plan.rootfs, propagation))
    own = plan.namespaces.has("cgroup")
    asked = plan.config.get("mounts") or []
    mounts = Mounts(root, plan.rootfs, plan.bundle, plan.sources, plan.cgroups, own_cgroups=own)
    for place, mount in enumerate(asked):
        mounts.attach(place, mount)
    dev = not any(_is_bind_on_dev(mount) for mount in asked)
    if dev:
        make_devices(root, plan.linux.get("devices") or [], bind=plan.namespaces.has("user"))
        make_links(root)
    return mounts, dev


def seclude(root: Root, plan: Plan, mounts: Mounts) -> None:
    """Make read-only, name, label, configure and cover what the specification says, now that the host is away."""
    kernel = root.kernel
    for mount in mounts.later_read_only:
        kernel.mount_setattr(mount, m.MOUNT_ATTR_RDONLY)
        os.close(mount)
    if (plan.config.get("root") or {}).get("readonly"):
        kernel.mount_setattr(root.descriptor, m.MOUNT_ATTR_RDONLY)
    if hostname := plan.config.get("hostname"):
        kernel.sethostname(str(hostname))
    if domainname := plan.config.get("domainname"):
        kernel.setdomainname(str(domainname))
    label(plan)
    if sysctls := plan.linux.get("sysctl"):
        _write_sysctls(kernel, plan, sysctls)
    make_read_only(root, plan.linux.get("readonlyPaths") or [])
    mask(root, plan.linux.get("maskedPaths") or [])


def _write_sysctls(kernel: Kernel, plan: Plan, sysctls: dict[str, str]) -> None:
    """Through a procfs of our own that is nowhere mounted, or the host's (CVE-2025-52881)."""
    try:
        proc = kernel.new_mount("proc", "proc", [], 0)
    except PermissionError:
        proc = plan.proc
    for name, value in sysctls.items():
        path = name if "/" in name else name.replace(".", "/")
        try:
            opened = kernel.openat2(proc, f"sys/{path}", os.O_WRONLY, 0, 0x08 | 0x04)
            try:
                os.write(opened, str(value).encode())
            finally:
                os.close(opened)
        except OSError as error:
            raise StartFailed(f"write sysctl {name}={value}: {os.strerror(error.errno or 0).lower()}") from None


def _is_bind_on_dev(mount: dict[str, object]) -> bool:
    options = mount.get("options")
    bind = mount.get("type") == "bind" or (isinstance(options, list) and ("bind" in options or "rbind" in options))
    return bind and os.path.normpath(str(mount["destination"])) == "/dev"
