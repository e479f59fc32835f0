"""A listening socket for the length of a block. The monitor imports this file."""

from __future__ import annotations

import os
import socket


class listening:  # noqa: N801 - a context, used as a verb
    """Listen at a name in a folder whose path may be longer than an address allows.

    Gives the socket, and the short path by which another process of this user finds it.
    """

    def __init__(self, folder: str, name: str) -> None:
        self._folder = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._path = f"{folder}/{name}"
        self._name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> tuple[socket.socket, str]:
        short = f"/proc/{os.getpid()}/fd/{self._folder}/{self._name}"
        _unlink(self._path)
        self._socket.bind(short)
        self._socket.listen(1)
        return self._socket, short

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        os.close(self._folder)
        _unlink(self._path)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
