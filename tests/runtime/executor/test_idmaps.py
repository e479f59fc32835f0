"""Binds in which ids are mapped: by maps of their own, or by those of the container's user namespace."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.executor.bundles import Bundle, Runtime

OWN = [{"containerID": 0, "hostID": 3000, "size": 1000}]
# Root stays who it is, so that it may go where the bundle is.
USERS = [{"containerID": 0, "hostID": 0, "size": 1}, {"containerID": 1, "hostID": 100001, "size": 65535}]
LOOK = "stat -c '%u %g' /data /data/below; touch /data/made; cat /proc/self/uid_map | wc -l"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of root's with a file of user 5's."""
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "below").touch()
    os.chown(folder / "below", 5, 6)
    return folder


def bound(source: Path, *options: str, users: bool = False, **more: Any) -> Any:  # noqa: ANN401
    """A change of the specification."""

    def change(config: dict[str, Any]) -> None:
        mount = {"destination": "/data", "type": "bind", "source": str(source), "options": ["rbind", *options]}
        config["mounts"].append(mount | more)
        if users:
            config["linux"]["namespaces"].append({"type": "user"})
            config["linux"] |= {"uidMappings": USERS, "gidMappings": USERS}
            config["mounts"] = [each for each in config["mounts"] if each["type"] != "cgroup"]

    return change


def test_maps_of_the_mounts_own(ours: Runtime, bundle: Bundle, data: Path) -> None:
    bundle.write(bound(data, uidMappings=OWN, gidMappings=OWN), args=["sh", "-c", LOOK])
    done = ours("run", "-b", bundle.directory, "box")
    assert done.stdout.splitlines()[:2] == ["3000 3000", "3005 3006"]
    assert "Value too large" in done.stderr, "root is not among those that are mapped"
    assert not (data / "made").exists()


@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_maps_of_the_user_namespace(ours: Runtime, bundle: Bundle, data: Path, option: str) -> None:
    bundle.write(bound(data, option, users=True), args=["sh", "-c", LOOK])
    assert ours.ok("run", "-b", bundle.directory, "box").splitlines() == ["0 0", "5 6", "2"]
    assert (data / "made").stat().st_uid == 0
    bundle.write(bound(data, users=True), args=["sh", "-c", LOOK])
    assert ours.ok("run", "-b", bundle.directory, "box").splitlines()[1] == "65534 65534", "without maps"


@pytest.mark.parametrize(
    ("options", "more", "why"),
    [
        ((), {"uidMappings": OWN}, "needs both uidMappings and gidMappings"),
        (("idmap",), {}, "there is no map for them"),
        (("idmap",), {"type": "tmpfs", "options": ["idmap"]}, "in bind mounts only"),
    ],
)
def test_what_cannot_be_mapped(
    ours: Runtime, bundle: Bundle, data: Path, options: tuple[str, ...], more: dict[str, Any], why: str
) -> None:
    bundle.write(bound(data, *options, **more), args=["true"])
    done = ours("create", "-b", bundle.directory, "box")
    assert done.returncode == 1
    assert why in done.stderr
    assert not (ours.root / "box").exists()


def test_it_is_said(ours: Runtime) -> None:
    said = json.loads(ours.ok("features"))
    assert said["linux"]["mountExtensions"] == {"idmap": {"enabled": True}}
    assert {"idmap", "ridmap"} <= set(said["mountOptions"])
