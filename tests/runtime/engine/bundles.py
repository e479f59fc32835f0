"""Bundles of busybox for monitors: an OCI spec as small as runc takes it, and a plan."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

from runtime.engine import state
from runtime.engine.connection import Connection
from runtime.engine.launch import launch
from runtime.engine.paths import Of, Paths

RUNC = shutil.which("runc") or ""
BUSYBOX = "/bin/busybox"


def busybox_tree(folder: Path) -> Path:
    """A root file system of one program with many names."""
    for name in ("bin", "proc", "dev", "sys", "tmp", "etc"):
        (folder / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, folder / "bin" / "busybox")
    listed = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for name in listed:
        if name != "busybox":
            (folder / "bin" / name).symlink_to("busybox")
    folder.chmod(0o755)
    (folder / "etc" / "passwd").write_text("root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
    (folder / "etc" / "group").write_text("root:x:0:\nuser:x:1000:\n")
    return folder


def spec(rootfs: Path, id: str, *args: str, tty: bool = False, memory: int = 0) -> dict[str, Any]:
    """An OCI spec."""
    limits = {"memory": {"limit": memory, "swap": memory}} if memory else {}
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(rootfs)},
        "process": {
            "terminal": tty,
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": ["PATH=/bin", "TERM=xterm"],
            "cwd": "/",
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "mode=620"]},
        ],
        "linux": {
            "namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts", "network")],
            "cgroupsPath": f"/entrepot-test/{id}",
            "resources": limits,
        },
    }


class Bundle:
    """A container that is written down and can be started, in roots of its own."""

    def __init__(self, folder: Path, rootfs: Path, *args: str, tty: bool = False, memory: int = 0) -> None:
        self.paths = Paths(str(folder / "root"), str(folder / "run"))
        self.id = secrets.token_hex(32)
        self.of: Of = self.paths.of(self.id)
        for made in (self.of.bundle, self.of.run, self.paths.oci):
            os.makedirs(made, exist_ok=True)
        state.write(self.of.state, state.State())
        Path(self.of.spec).write_text(json.dumps(spec(rootfs, self.id, *args, tty=tty, memory=memory)))
        self.plan: dict[str, Any] = {
            "id": self.id,
            "root": self.paths.root,
            "run": self.paths.run,
            "runtime": [RUNC],
            "tty": tty,
            "stdin": False,
            "stdin_once": False,
            "log": {"max_size": 10_000_000, "max_file": 3},
            "restart": {"name": "no", "maximum": 0},
            "stop_signal": 15,
            "stop_timeout": 1,
            "health": None,
            "attributes": {"name": "test"},
            "finish": ["/bin/true"],
        }

    def start(self, **plan: object) -> Connection:
        """Start its monitor."""
        Path(self.of.plan).write_text(json.dumps({**self.plan, **plan}))
        return launch(self.of).go(self.of.plan)

    def state(self) -> state.State:
        """Where it is in its life."""
        return state.read(self.of.state)

    def log(self) -> list[dict[str, str]]:
        """The entries of its newest log file."""
        return [json.loads(line) for line in Path(self.of.log).read_text().splitlines()]

    def clear(self) -> None:
        """Take away what may be left of it."""
        subprocess.run([RUNC, "--root", self.paths.oci, "delete", "--force", self.id], capture_output=True)
