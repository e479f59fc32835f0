"""Bundles of a static busybox, and an OCI runtime to run them, the reference's or ours."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

MAIN = Path(__file__).parents[3] / "runtime/executor/__main__.py"
BUSYBOX = Path("/bin/busybox")
APPLETS = ("sh", "true", "sleep", "cat", "ls", "id", "echo", "env", "grep", "stat", "touch", "ip", "tty", "readlink")
STRICT = ["nosuid", "noexec", "nodev"]
CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_CHOWN"]
Change = Callable[[dict[str, Any]], None]


def specification(group: str) -> dict[str, Any]:
    """A container like docker's, without a network, its group below the tests' own."""
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["true"],
            "env": ["PATH=/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), CAPABILITIES),
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 512}],
            "noNewPrivileges": True,
            "oomScoreAdj": 100,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "inside",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
            {
                "destination": "/dev/pts",
                "type": "devpts",
                "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
            },
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*STRICT, "ro"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": [*STRICT, "ro"]},
        ],
        "linux": {
            "cgroupsPath": group,
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "maskedPaths": ["/proc/acpi", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/nowhere"],
            "readonlyPaths": ["/proc/bus", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }


class Bundle:
    """One directory with a root filesystem; `write` gives it a config.json with changes."""

    def __init__(self, directory: Path, group: str) -> None:
        self.directory = directory
        self.rootfs = directory / "rootfs"
        self.group = group
        (self.rootfs / "bin").mkdir(parents=True)
        copy(self.rootfs)
        for applet in APPLETS:
            (self.rootfs / "bin" / applet).symlink_to("busybox")
        (self.rootfs / "etc").mkdir()
        (self.rootfs / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")

    def write(self, *changes: Change, **process: object) -> None:
        """Write config.json: what `process` names replaces the process's own, then the changes are made."""
        config = specification(self.group)
        config["process"].update(process)
        for change in changes:
            change(config)
        (self.directory / "config.json").write_text(json.dumps(config))


def copy(rootfs: Path) -> None:
    """A busybox of the bundle's own."""
    target = rootfs / "bin/busybox"
    target.write_bytes(BUSYBOX.read_bytes())
    target.chmod(0o755)


class Runtime:
    """A program with runc's command line and its own root of states."""

    def __init__(self, command: Sequence[str], root: Path) -> None:
        self.command = [*command, "--root", str(root)]
        self.root = root

    def __call__(self, *words: object, given: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [*self.command, *(str(word) for word in words)]
        done = subprocess.run(command, input=given, capture_output=True, timeout=60, cwd=cwd)
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *words: object, given: bytes = b"") -> str:
        """Run and want success; what it printed."""
        done = self(*words, given=given)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def background(self, *words: object, output: int = subprocess.DEVNULL, fds: Sequence[int] = ()) -> None:
        """A create or a detached run: the container keeps the streams, so they are the null device."""
        command = [*self.command, *(str(word) for word in words)]
        with tempfile.TemporaryFile() as errors:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, timeout=60, pass_fds=fds
            )
            errors.seek(0)
            assert done.returncode == 0, errors.read()

    def status(self, identity: str) -> str:
        """The status of a container."""
        found: str = json.loads(self.ok("state", identity))["status"]
        return found


OURS = [sys.executable, "-I", "-S", str(MAIN)]
RUNC = ["runc"]
