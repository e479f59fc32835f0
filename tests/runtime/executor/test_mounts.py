"""Mount options beside the reference, and that nothing the container mounts or unmounts is seen on the host."""

import os
import re
import subprocess
from typing import Any

import pytest

from runtime.executor.mount_options import KNOWN, MountOptions
from runtime.executor.pivot import bind_root
from runtime.syscall.linux import Linux
from runtime.syscall.namespaces import CLONE_NEWNS, unshare
from runtime.syscall.recording import Recording
from tests.runtime.executor.bundles import Bundle, Runtime


def seen(text: str) -> list[str]:
    """Mounts without the numbers that the kernel counts."""
    plain = re.sub(r"^\d+ \d+ \d+:\d+ ", "", text, flags=re.M)
    return re.sub(r"(shared|master|propagate_from):\d+", r"\1", plain).splitlines()


@pytest.mark.parametrize(
    "mount",
    [
        {"type": "bind", "source": "/sys/fs/cgroup", "options": ["rbind", "rshared"]},
        {
            "type": "bind",
            "source": "/sys/fs/cgroup",
            "options": ["bind", "slave", "nosuid", "noexec", "nodev", "noatime"],
        },
        {"type": "none", "source": "/etc", "options": ["rbind", "ro", "nodiratime"]},
        {"source": "/etc", "options": ["rbind", "rprivate", "strictatime"]},
        {"type": "tmpfs", "source": "x", "options": ["size=1m", "mode=1770", "uid=5", "nr_inodes=100", "ro", "sync"]},
        {"type": "overlay", "source": "overlay", "options": ["lowerdir=/etc:/bin"]},
        {"type": "tmpfs", "source": "tmpfs", "options": ["bogus=1"]},
        {"type": "bind", "source": "/no/such", "options": ["bind"]},
    ],
)
def test_options_mean_the_same(bundle: Bundle, ours: Runtime, runc: Runtime, mount: dict[str, Any]) -> None:
    bundle.write(
        lambda config: config["mounts"].append({"destination": "/there", **mount}), args=["cat", "/proc/self/mountinfo"]
    )
    # Beside other tests the kernel has refused a device node once: ours then binds the host's, as it should.
    for _ in range(3):
        here, there = (runtime("run", "-b", bundle.directory, "box") for runtime in (ours, runc))
        if "/null /dev/null" not in here.stdout:
            break
    assert (here.returncode, seen(here.stdout)) == (there.returncode, seen(there.stdout))
    assert ("error mounting" in here.stderr) == ("error mounting" in there.stderr)


def test_without_pivoting(bundle: Bundle, ours: Runtime, runc: Runtime) -> None:
    bundle.write(args=["cat", "/proc/self/mountinfo"])
    here, there = (runtime("run", "--no-pivot", "-b", bundle.directory, "box") for runtime in (ours, runc))
    assert (here.returncode, seen(here.stdout)) == (there.returncode, seen(there.stdout))


@pytest.mark.parametrize("propagation", ["", "private", "rslave", "shared", "rshared", "unbindable"])
def test_the_host_keeps_its_mounts(bundle: Bundle, ours: Runtime, propagation: str) -> None:
    """On a host whose root is shared, as systemd makes it: here one of a mount namespace of the test's own."""

    def change(config: dict[str, Any]) -> None:
        config["linux"]["rootfsPropagation"] = propagation

    bundle.write(change, args=["cat", "/proc/self/mountinfo"])
    script = 'mount --make-rshared /; cat /proc/self/mountinfo; "$@" | head -n 1 >&2; cat /proc/self/mountinfo'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", *ours.command, "run", "-b", str(bundle.directory), "box"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    # Mounts of other tests on this host come and go: those of the system are looked at.
    lines = [line for line in done.stdout.splitlines() if line.split()[4].startswith(("/proc", "/sys", "/dev"))]
    assert len(lines) > 10
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]
    assert ("shared:" in done.stderr, "unbindable" in done.stderr) == ("shared" in propagation, "unbind" in propagation)


def test_what_an_image_has_is_copied_up(bundle: Bundle, ours: Runtime) -> None:
    (bundle.rootfs / "there/below").mkdir(parents=True)
    (bundle.rootfs / "there/below/file").write_text("content")
    (bundle.rootfs / "there/link").symlink_to("below/file")
    (bundle.rootfs / "there/below/file").chmod(0o640)
    mount = {"destination": "/there", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "ro"]}
    script = "cat /there/link; stat -c %a /there/below/file; touch /there/x"
    bundle.write(lambda config: config["mounts"].append(mount), args=["sh", "-c", script])
    done = ours("run", "-b", bundle.directory, "box")
    assert (done.stdout, "Read-only" in done.stderr) == ("content640\n", True)


def test_every_option_that_is_told_is_known() -> None:
    found = MountOptions([each for each in KNOWN if each not in ("bind", "rbind")], bind=False)
    assert set(found.data) == {"sync", "dirsync", "mand", "lazytime", "async", "nomand", "nolazytime"}
    assert MountOptions(["rw", "ro"], bind=True).read_only
    assert not MountOptions(["ro", "rw"], bind=True).read_only


def test_the_namespace_is_cut_off_before_anything_is_mounted(bundle: Bundle) -> None:
    """The order matters more than the calls: nothing may be attached while the host would hear of it."""
    child = os.fork()
    if not child:
        status = 1
        try:
            unshare(CLONE_NEWNS)
            twin = Recording(Linux())
            bind_root(twin, str(bundle.rootfs), "rslave")
            names = [name for name, _ in twin.calls]
            status = 0 if names == ["mount", "open_tree", "move_mount"] else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
