"""Random stacks of layers become the same tree as umoci, which applies them one by one to one folder, makes of them."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from runtime.snapshots.drivers import load
from runtime.snapshots.snapshots import Snapshots
from tests.runtime.snapshots.layers import Item, folder, tar, unpack
from tests.runtime.snapshots.trees import tree

Stack = list[list[Item]]
Apply = Callable[[Stack], None]

_NAMES = st.sampled_from(["a", "b", "c", "d", "n\udce9"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_TARGETS = st.sampled_from(["a", "b/c", "/a", "/c/b", "../a", "../../../d", "nowhere", "/", "."])
_META = {
    "mode": st.sampled_from([0o644, 0o755, 0o4755, 0o2711, 0o1777, 0o600]),
    "uid": st.sampled_from([0, 1000, 70_000, 3_000_000_000]),
    "gid": st.sampled_from([0, 12, 2_500_000]),
    "mtime": st.sampled_from([0, 1_234_567_890, 1_600_000_000.5]),
}
_FOLDERS = st.sampled_from([0o755, 0o1777, 0o700])  # umoci lets what it makes in a set-group-id folder inherit that
_XATTRS = st.sampled_from([{}, {}, {"user.one": b"1"}, {"user.two": b"\0\xff"}])
_CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


def _meta(draw: st.DrawFn) -> dict[str, Any]:
    return {name: draw(values) for name, values in _META.items()}


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    """Two to four layers that meet in few names, so that they get in each other's way."""
    files: list[str] = []
    linked: set[str] = set()
    solid: set[str] = set()
    stack: Stack = []
    for _ in range(draw(st.integers(2, 4))):
        layer, linking = [], set[str]()
        for _ in range(draw(st.integers(1, 7))):
            path = draw(_PATHS)
            if any(path.startswith(f"{each}/") for each in solid):
                continue  # umoci has no folder in place of a file
            kind = draw(st.sampled_from(["dir", "dir", "file", "file", "link", "hard", "node", "out", "opaque"]))
            if kind in ("file", "hard", "node"):
                solid.add(path)
            if kind == "dir":
                solid.discard(path)
                layer.append(Item(path, "dir", xattrs=draw(_XATTRS), **_meta(draw) | {"mode": draw(_FOLDERS)}))
            elif kind == "file":
                caps = {"security.capability": _CAPABILITY} if draw(st.booleans()) else {}
                layer.append(Item(path, data=draw(st.binary(max_size=20)), xattrs=draw(_XATTRS) | caps, **_meta(draw)))
                files.append(path)
            elif kind == "link":
                layer.append(Item(path, "link", link=draw(_TARGETS), **_meta(draw) | {"mode": 0o777}))
            elif kind == "hard" and (targets := [each for each in files if each not in linked and each != path]):
                target = draw(st.sampled_from(targets))
                layer.append(Item(path, "hard", link=target))
                linking |= {target, path}
                files.append(path)
            elif kind == "node":
                layer.append(Item(path, draw(st.sampled_from(["fifo", "char", "block"])), device=(1, 3), **_meta(draw)))
            elif kind == "out":
                parent, _, name = path.rpartition("/")
                layer.append(Item(f"{parent}/.wh.{name}" if parent else f".wh.{name}"))
            elif kind == "opaque":
                layer.append(Item(f"{path}/.wh..wh..opq"))
        linked |= linking  # where layers share a file, overlayfs parts it from its names below
        stack.append(layer)
    return stack


def umoci(stack: list[bytes], place: Path) -> Path | None:
    """The folder that umoci makes of these layers, or None when it refuses them."""
    image = place / "image"
    (image / "blobs/sha256").mkdir(parents=True)

    def blob(data: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (image / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    kind = "application/vnd.oci.image"
    layers = [blob(layer, f"{kind}.layer.v1.tar") for layer in stack]
    rootfs = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
    config = {"architecture": "amd64", "os": "linux", "rootfs": rootfs}
    manifest = {
        "schemaVersion": 2,
        "config": blob(json.dumps(config).encode(), f"{kind}.config.v1+json"),
        "layers": layers,
    }
    described = blob(json.dumps(manifest).encode(), f"{kind}.manifest.v1+json")
    described["annotations"] = {"org.opencontainers.image.ref.name": "x"}
    (image / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    (image / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    command = ["umoci", "raw", "unpack", "--image", f"{image}:x", str(place / "rootfs")]
    done = subprocess.run(command, capture_output=True)
    return place / "rootfs" if done.returncode == 0 else None


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[Snapshots]:
    root = str(tmp_path_factory.mktemp("snapshots"))
    return [load("overlay", root), load("copying", root)]


@pytest.fixture
def same(both: list[Snapshots], tmp_path: Path) -> Apply:
    """Apply a stack with both drivers and with umoci, and compare."""
    numbers = itertools.count()

    def apply(stack: Stack) -> None:
        number = next(numbers)
        archives = [tar(folder("."), *layer) for layer in stack]
        with tempfile.TemporaryDirectory(dir=tmp_path) as place:
            expected = umoci(archives, Path(place))
            event("umoci unpacks it" if expected else "umoci refuses it")
            if expected is None:
                return
            wanted = tree(expected, times_of_folders=False)
            for snapshots in both:
                target = Path(place) / snapshots.name
                target.mkdir()
                key = f"{snapshots.name}-{number}"
                snapshots.prepare(key, unpack(snapshots, *archives))
                snapshots.mount(key, str(target))
                try:
                    assert tree(target, times_of_folders=False) == wanted
                    assert snapshots.changes(key) == []
                finally:
                    snapshots.unmount(str(target))
                    snapshots.remove(key)

    return apply


@given(stack=stacks())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_stacks(same: Apply, stack: Stack) -> None:
    same(stack)
