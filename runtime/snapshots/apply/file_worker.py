"""The program of a worker: it makes small files of a layer as the applier tells it, on a core of its own.

python -I -S -c ... PARENT: what to do comes by descriptor 3, below the folder that descriptor 4 is open on. It ends
with the process that started it, by a signal of the kernel and by the end of what it is told.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import BinaryIO, cast

from runtime.snapshots.apply import small
from runtime.snapshots.apply.attributes import Attributes
from runtime.snapshots.apply.failure import explain
from runtime.snapshots.apply.orders import Failure, Job, jobs, packed
from runtime.snapshots.errors import SnapshotError
from runtime.snapshots.within import open_folder
from runtime.syscall.processes import PR_SET_PDEATHSIG, prctl

CHANNEL, TREE, HELD = 3, 4, 5
_OPEN = 200
"""Descriptors of folders that are kept open."""


def main() -> None:
    """Work until there is no more."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        return
    with socket.socket(fileno=CHANNEL) as channel, channel.makefile("rb", 1 << 18) as stream:
        worker = FileWorker(TREE)
        while (told := jobs(cast(BinaryIO, stream))) is not None:
            if told:
                worker.work(told)
            else:
                channel.sendall(packed(worker.done()))


class FileWorker:
    """Makes files below the folder that `root` is open on."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._owner = (os.geteuid(), os.getegid())
        self._folders: dict[bytes, int] = {}
        self._failure: Failure | None = None

    def work(self, told: list[Job]) -> None:
        """Do jobs, unless one has failed before."""
        for job in told:
            if self._failure is not None:
                return
            name = os.path.join(job[0], job[1])
            try:
                self._make(job, name)
            except (OSError, SnapshotError) as error:
                self._failure = Failure.of(error, name)

    def done(self) -> Failure | None:
        """What failed, if anything did. Folders may be others afterwards: none is kept open."""
        self._forget()
        failure, self._failure = self._failure, None
        return failure

    def _make(self, job: Job, name: bytes) -> None:
        path, base, data, mode, uid, gid, mtime, atime = job
        directory = self._folders.get(path) or self._opened(path)
        wanted = Attributes(mode, uid, gid, mtime, atime, {})
        try:
            try:
                small.make(directory, base, data, wanted, self._owner, name)
            except FileExistsError:  # an entry of before, which is no folder
                os.unlink(base, dir_fd=directory)
                small.make(directory, base, data, wanted, self._owner, name)
        except OSError as error:
            explain(error, name)

    def _opened(self, path: bytes) -> int:
        if len(self._folders) >= _OPEN:
            self._forget()
        self._folders[path] = open_folder(self._root, path)
        return self._folders[path]

    def _forget(self) -> None:
        while self._folders:
            os.close(self._folders.popitem()[1])
