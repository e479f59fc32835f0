"""The root folder of the filesystem driver: held open, so that it stays the same folder whatever becomes of its name.

Every path below it is resolved from the descriptor: when its disk is unmounted, mounted over or moved away, nothing is
ever written to the folder that its name leads to then. Before anything is acknowledged the name is looked at as well
(`check`, one stat(2)): what is not found there after a restart must not be promised. The root is never made while a
server runs on it, and a root that was deleted takes nothing any more.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os

from storage import paths
from storage.errors import Explained

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class RootFolder:
    """`descriptor` is one of the folder that was opened before, whose lock is shared; it stays the caller's."""

    __slots__ = ("_expected", "_looked_at", "_marked", "descriptor", "path")

    def __init__(self, path: str, descriptor: int | None = None) -> None:
        self.path = os.path.abspath(path)
        self.descriptor = (
            os.open(self.path, _OPEN) if descriptor is None else fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 0)
        )
        self.look()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self.descriptor)

    def look(self) -> None:
        """Expect what is there now: the mark, or the folder itself where it has none yet."""
        try:
            self._expected = _identity(os.stat(paths.MARK, dir_fd=self.descriptor))
        except FileNotFoundError:
            self._marked, self._looked_at = False, self.path
            self._expected = _identity(os.fstat(self.descriptor))
        else:
            self._marked, self._looked_at = True, f"{self.path}/{paths.MARK}"

    def check(self) -> None:
        """Raises Explained unless the name still leads to this folder, and its mark is there if it had one."""
        with contextlib.suppress(OSError):
            if _identity(os.stat(self._looked_at)) == self._expected:
                return
        with contextlib.suppress(OSError):  # the mark may have been written again
            if os.path.samestat(os.stat(self.path), os.fstat(self.descriptor)):
                if self._marked:
                    os.stat(paths.MARK, dir_fd=self.descriptor)
                self.look()
                return
        raise self.gone()

    def gone(self) -> Explained:
        return Explained(
            errno.ESTALE,
            f"{self.path} is not the folder that the server was started with (unmounted, moved, replaced or emptied); "
            "mount it or put it back there, or restart the server if it is to be another",
        )


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
