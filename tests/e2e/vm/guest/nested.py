"""Control groups inside of a container's: its own namespace of them, groups it makes, containers in its group."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.vm.guest import groups
from tests.runtime.executor.bundles import RUNC, Bundle, Runtime

SPLIT = """
cat /proc/self/cgroup
cd /sys/fs/cgroup
echo memory.max: $(cat memory.max)
ls -d walled user.slice 2>/dev/null
mkdir leaf && echo 1 > leaf/cgroup.procs && echo $$ > leaf/cgroup.procs
echo +memory +pids > cgroup.subtree_control && cat cgroup.subtree_control
cat /proc/self/cgroup
echo 16777216 > leaf/memory.max && cat leaf/memory.max
echo 33554432 > memory.max 2>/dev/null && echo changed
exec sleep 1000
"""


def looks(runtime: Runtime, bundle: Bundle) -> Iterator[tuple[str, object]]:
    """A container that divides its group, what can be done with it then, and one that stands in another's group."""
    (bundle.rootfs / "bin/mkdir").symlink_to("busybox")
    output = Path(f"/run/{bundle.directory.name}-output")
    bundle.write(_writable, args=["sh", "-c", SPLIT])
    with output.open("w") as file:
        runtime.background("run", "--detach", "--bundle", bundle.directory, "parent", output=file.fileno())
    groups.wait(lambda: len(output.read_text().splitlines()) >= 5)
    yield "inside", output.read_text().splitlines()
    yield "limits", groups.read(bundle.group, ["memory.max"])
    joined = runtime("exec", "parent", "cat", "/proc/self/cgroup")
    yield "joined", [joined.returncode, joined.stdout.strip()]
    yield "listed", len(json.loads(runtime.ok("ps", "--format", "json", "parent")))
    runtime.ok("pause", "parent")
    yield "paused", groups.events(f"{bundle.group}/leaf")["frozen"]
    runtime.ok("resume", "parent")
    yield from _within(runtime, bundle)
    runtime.ok("delete", "--force", "parent")
    yield "gone", not groups.there(bundle.group)


def _writable(config: dict[str, Any]) -> None:
    config["linux"]["resources"]["memory"] = {"limit": 64 << 20}
    config["mounts"][-1]["options"].remove("ro")


def _within(runtime: Runtime, bundle: Bundle) -> Iterator[tuple[str, object]]:
    """runc puts a container, with a program for devices of its own, below the group of one that is there."""
    other = Runtime(RUNC, Path("/run/within"))
    bundle.write(
        lambda config: config["linux"].update(cgroupsPath=f"{bundle.group}/within"),
        args=["sh", "-c", ": < /dev/null && cat /proc/self/cgroup"],
    )
    done = other("run", "--bundle", bundle.directory, "within")
    yield "within", [done.returncode, done.stdout.strip(), done.stderr[-300:] if done.returncode else ""]
    if other("state", "within").returncode == 0:
        other("delete", "--force", "within")
