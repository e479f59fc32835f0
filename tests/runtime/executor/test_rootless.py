"""Rootless bundles, as `spec --rootless` writes them, run by a user beside runc: the same is seen inside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.runtime.executor.bundles import APPLETS, OURS, RUNC, copy
from tests.runtime.stranger import Stranger

NAME, NUMBER = "entrepot-oci-stranger", 1_240_000
LOOK = """id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid)' /proc/self/status
stat -c '%u:%g %a %F' / /bin/busybox /dev/null /dev/pts /proc /sys /dev/shm
for each in uts ipc pid mnt user net; do test -e /proc/self/ns/$each && echo $each; done
touch /made 2>&1; echo $?; ls /dev /sys | grep -v ^$; pwd; env; exit 7"""


@pytest.fixture(scope="module")
def stranger() -> Iterator[Stranger]:
    with TemporaryDirectory(prefix="entrepot-oci-rootless", ignore_cleanup_errors=True) as folder:
        yield Stranger(Path(folder), NAME, NUMBER, f"{NAME}:2300000:65536\n")
    shutil.rmtree(folder, ignore_errors=True)


def bundle(stranger: Stranger, name: str, runtime: list[str]) -> Path:
    """A bundle of the user's with the config.json that a runtime's `spec --rootless` writes."""
    folder = stranger.folder / name
    rootfs = folder / "rootfs"
    (rootfs / "bin").mkdir(parents=True)
    copy(rootfs)
    for applet in (*APPLETS, "test", "pwd"):
        if not (rootfs / "bin" / applet).exists():
            (rootfs / "bin" / applet).symlink_to("busybox")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NUMBER, NUMBER, follow_symlinks=False)
    words = stranger.command(*runtime, "spec", "--rootless", "--bundle", str(folder))
    subprocess.run(words, check=True, capture_output=True, cwd="/")
    return folder


def seen(stranger: Stranger, folder: Path, runtime: list[str], **changes: object) -> tuple[int, list[str]]:
    """The exit code, and what the container looked at."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["process"] |= {"terminal": False, "args": ["sh", "-c", LOOK]}
    config["hostname"] = "box"
    config |= changes
    path.write_text(json.dumps(config))
    root = stranger.run / f"oci-{Path(runtime[0]).name}"
    words = stranger.command(*runtime, "--root", str(root), "run", "--bundle", str(folder), "box")
    done = subprocess.run(words, capture_output=True, text=True, cwd="/", input="", timeout=60)
    assert done.stderr == ""
    return done.returncode, [" ".join(line.split()) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("writer", ["ours", "runc"])
def test_the_same_is_seen_as_with_runc(stranger: Stranger, writer: str) -> None:
    folder = bundle(stranger, f"box-{writer}", OURS if writer == "ours" else RUNC)
    code, lines = seen(stranger, folder, OURS)
    assert (code, lines[:3]) == (7, ["0", "0", f"0 {NUMBER} 1"])
    assert (code, lines) == seen(stranger, folder, RUNC)
    assert list(stranger.run.glob("oci-*/*")) == [], "nothing is left of it"


def test_with_more_ids_as_with_runc(stranger: Stranger) -> None:
    folder = bundle(stranger, "more", OURS)
    maps = [
        {"containerID": 0, "hostID": NUMBER, "size": 1},
        {"containerID": 1, "hostID": 2_300_000, "size": 1000},
    ]
    config = json.loads((folder / "config.json").read_text())
    linux = config["linux"] | {"uidMappings": maps, "gidMappings": maps}
    process = config["process"] | {
        "user": {"uid": 7, "gid": 8},
        "terminal": False,
        "args": ["id"],
    }
    ours = seen(stranger, folder, OURS, linux=linux, process=process)
    assert ours == seen(stranger, folder, RUNC, linux=linux, process=process) == (0, ["uid=7 gid=8"])
