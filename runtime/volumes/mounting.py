"""Mounting the filesystem of a volume that has options: tmpfs, nfs, a folder of the host, a disk."""

import os
from pathlib import Path
from typing import Final

from runtime.syscall.mounts import umount2
from runtime.volumes.errors import MountFailed
from runtime.volumes.volume import Volume

_MOUNT_SECONDS: Final = 120
"""Seconds; a server of files may be slow, and must not be waited for without end."""


def mount(volume: Volume, target: Path) -> None:
    """Mount it on a folder, by mount(8), which knows the ways of every filesystem. Raises MountFailed."""
    import subprocess  # here, since most volumes are not mounted and need not wait for it

    options = volume.options
    kind, said = options["type"], options.get("o", "")
    words = ["-o", said] if said else []
    if kind != "none":
        words += ["-t", kind]
    try:
        done = subprocess.run(  # noqa: S603 - words of root's own choice, none of them a shell's
            ["mount", *words, "--", options["device"], os.fspath(target)],  # noqa: S607 - found as root's shell would
            capture_output=True,
            timeout=_MOUNT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MountFailed(
            f"failed to mount local volume {volume.name}: no answer in {_MOUNT_SECONDS} seconds"
        ) from None
    except FileNotFoundError:
        raise MountFailed("volumes with options need the program mount, install the package mount") from None
    if done.returncode != 0:
        told = " ".join(done.stderr.decode(errors="replace").split())
        raise MountFailed(f"failed to mount local volume {volume.name}: {told[:300]}")


def unmount(target: Path) -> None:
    """Take it away. Raises OSError: it is busy."""
    umount2(os.fspath(target))


def is_mounted(target: Path) -> bool:
    """Whether something is mounted there: a bind of the same disk is seen as well."""
    wanted = os.fspath(target.resolve())
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as opened:
        return any(_unescaped(line.split(" ", 5)[4]) == wanted for line in opened)


def _unescaped(path: str) -> str:
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, letter)
    return path
