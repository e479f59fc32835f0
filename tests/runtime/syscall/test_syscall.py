"""The seam to the kernel does what it says, and its failures are OSErrors that name the call."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.syscall import capabilities, files, mounts, processes
from runtime.syscall.kernel import Kernel
from runtime.syscall.linux import Linux
from runtime.syscall.recording import Recording


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_PATH)
    yield descriptor
    os.close(descriptor)


def test_a_link_that_leads_out_is_followed_inside_the_root(tmp_path: Path, root: int) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/mark").write_text("inside")
    (tmp_path / "out").symlink_to("../../../../etc")
    found = files.openat2(root, "/out/mark", os.O_RDONLY, resolve=files.RESOLVE_IN_ROOT)
    assert os.read(found, 10) == b"inside"
    assert not os.get_inheritable(found)
    os.close(found)


def test_a_failure_names_the_call_and_its_errno(root: int) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        files.openat2(root, "nothing", os.O_RDONLY, resolve=files.RESOLVE_IN_ROOT)
    with pytest.raises(OSError, match="unmount") as caught:
        mounts.umount2("/proc/self/nothing")
    assert caught.value.errno == errno.ENOENT


def test_what_a_filesystem_says_is_in_the_error() -> None:
    with pytest.raises(OSError, match="bogus"):
        mounts.new_mount("tmpfs", "tmpfs", ["bogus=1"], 0)


def test_a_mount_is_made_and_attached_by_descriptor(tmp_path: Path) -> None:
    where = tmp_path / "mount"
    where.mkdir()
    mount = mounts.new_mount("tmpfs", "tmpfs", ["mode=700", "size=64k"], mounts.MOUNT_ATTR_NOSUID)
    target = os.open(where, os.O_PATH)
    try:
        assert files.filesystem_type(mount) == files.TMPFS_MAGIC
        mounts.move_mount(mount, target)
        assert os.path.ismount(where)
        mounts.mount_setattr(mount, mounts.MOUNT_ATTR_RDONLY)
        with pytest.raises(OSError, match="Read-only"):
            (where / "file").touch()
    finally:
        mounts.umount2(str(where), mounts.MNT_DETACH)
        os.close(target)
        os.close(mount)


def test_the_recording_twin_tells_what_was_asked(tmp_path: Path, root: int) -> None:
    twin = Recording(Linux())
    kernel: Kernel = twin
    os.close(kernel.openat2(root, ".", os.O_PATH))
    with pytest.raises(FileNotFoundError):
        kernel.umount2(str(tmp_path / "nothing"))
    assert [name for name, _ in twin.calls] == ["openat2", "umount2"]
    assert twin.calls[0][1] == (root, ".", os.O_PATH)


def test_capabilities_are_read_as_the_kernel_tells_them() -> None:
    effective, permitted, _ = capabilities.capget()
    status = Path("/proc/self/status").read_text()
    assert f"CapEff:\t{effective:016x}" in status
    assert f"CapPrm:\t{permitted:016x}" in status


def test_a_program_runs_from_a_descriptor() -> None:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.dup2(write, 1)
            processes.execveat(os.open("/bin/busybox", os.O_RDONLY), ["busybox", "echo", "here"], [])
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as answer:
        assert answer.read() == "here\n"
    assert os.waitpid(child, 0)[1] == 0


def test_the_seam_loads_next_to_nothing() -> None:
    program = (
        "import sys; sys.path.insert(0, %r); before = set(sys.modules);"
        "from runtime.syscall import linux, processes, capabilities, seccomp;"
        "print(*sorted(set(sys.modules) - before))"
    )
    here = str(Path(__file__).parents[3])
    command = [sys.executable, "-I", "-S", "-c", program % here]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"re", "typing", "enum", "subprocess", "collections", "json", "socket"} & set(loaded)
