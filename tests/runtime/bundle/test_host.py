"""What is seen of this host."""

import os
from pathlib import Path

import pytest

from runtime.bundle import host
from runtime.bundle.errors import Conflict


def test_this_host() -> None:
    found = host.read()
    assert found.hostname == os.uname().nodename
    assert found.kernel >= (4, 0)
    assert os.uname().release.startswith(f"{found.kernel[0]}.{found.kernel[1]}")
    assert not found.rootless
    assert found.capabilities & 1
    assert not found.time_namespaces


def test_a_device_and_a_folder_of_them(tmp_path: Path) -> None:
    (null,) = host.device_nodes("/dev/null")
    assert (null.path, null.type, null.major, null.minor, null.mode) == ("/dev/null", "c", 1, 3, 0o666)
    folder = tmp_path / "devices"
    (folder / "below").mkdir(parents=True)
    os.mknod(folder / "below" / "b", 0o20600, os.makedev(1, 5))
    os.mknod(folder / "a", 0o60640, os.makedev(7, 9))
    (folder / "file").write_bytes(b"")
    (folder / "link").symlink_to("a")
    (tmp_path / "other").symlink_to(folder)
    seen = [(node.path.removeprefix(str(tmp_path)), node.type) for node in host.device_nodes(str(tmp_path / "other"))]
    assert seen == [("/other/a", "b"), ("/other/below/b", "c")]
    (linked,) = host.device_nodes(str(folder / "link"))
    assert (linked.path, linked.major) == (str(folder / "link"), 7)


def test_what_is_no_device(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(Conflict, match="error gathering device information"):
            host.device_nodes(str(path))


def test_all_devices_but_what_is_made_for_each_container() -> None:
    paths = {node.path for node in host.all_devices()}
    assert "/dev/null" in paths
    assert "/dev/console" not in paths
    assert not any(path.startswith(("/dev/pts/", "/dev/shm/")) for path in paths)
