"""A small ext4 file system of the test's own, in an image file, which can fill up, turn read-only or lose its power."""

import errno
import fcntl
import os
import struct
import subprocess
import time
from pathlib import Path

from tests.faults.content import KIB, MIB

# linux/fs.h, ext4: stop the file system at once; with flag 2 the journal is not flushed, as when the power fails.
EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(
            errno.EBUSY if "busy" in done.stderr else errno.EIO, f"{' '.join(command)}: {done.stderr.strip()}"
        )


class Disk:
    """Mounted at `path` from `__enter__` until `__exit__`."""

    def __init__(self, folder: Path, size: int) -> None:
        self.path = folder / "disk"
        self._image = folder / "disk.img"
        self._ballast = self.path / "ballast"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(size)
        _run("mkfs.ext4", "-q", "-m", "0", "-b", "4096", str(self._image))

    def mount(self) -> None:
        _run("mount", "-t", "ext4", "-o", "loop", str(self._image), str(self.path))

    def unmount(self) -> None:
        """Needs that no process uses the disk any more; waits a little for that."""
        self._patiently("umount", str(self.path))

    def remount(self, mode: str) -> None:
        """`ro` or `rw`; the kernel refuses `ro` while a file is open for writing, so wait a little for that."""
        self._patiently("mount", "-o", f"remount,{mode}", str(self.path))

    def fill(self, leave: int = 0) -> None:
        """Take all space, or all but `leave` bytes, with the ballast file."""
        with self._ballast.open("ab", buffering=0) as ballast:
            free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
            try:
                if free > leave:
                    os.posix_fallocate(ballast.fileno(), ballast.tell(), free - leave)
                while leave == 0:
                    ballast.write(b"\0" * (64 * KIB))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def release(self) -> None:
        """Delete the ballast: space returns."""
        self._ballast.unlink(missing_ok=True)

    def cut_power(self) -> None:
        """Every write and sync fails from now on, and the next mount shows what had been synced by now."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(folder)

    def _patiently(self, *command: str) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                return _run(*command)
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def __enter__(self) -> "Disk":
        self.mount()
        return self

    def __exit__(self, *_: object) -> None:
        if os.path.ismount(self.path):
            self.unmount()
        self._image.unlink()


def small_disk(folder: Path) -> Disk:
    """Large enough for what clients push in some seconds; the image has holes where nothing was written."""
    return Disk(folder, 768 * MIB)
