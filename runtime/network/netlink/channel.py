"""A socket to the kernel's netlink, in the namespace in which it was opened."""

import errno
import os
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from runtime.network.errors import KernelRefused, NotPermitted
from runtime.network.netlink import message
from runtime.syscall.netns import within

ROUTE: Final = 0
NETFILTER: Final = 12
_RECEIVED: Final = 256 * 1024
_ANSWER_SECONDS: Final = 10.0
"""Seconds; the kernel answers at once, or something is very wrong."""


class Channel:
    """One conversation. Raises NotPermitted without root, KernelRefused when the kernel says no."""

    def __init__(self, namespace: int | None = None, family: int = ROUTE) -> None:
        """Open it here, or in the network namespace of an open file."""
        self._sequence = 0
        if namespace is None:
            self._socket = _opened(family)
        else:
            with within(namespace):
                self._socket = _opened(family)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def change(self, kind: int, flags: int, payload: bytes, what: str, fine: tuple[int, ...] = ()) -> None:
        """Have the kernel do it; `what` names it in an error, the errno in `fine` are no errors."""
        sequence = self._send(kind, flags | message.ACK, payload)
        for answer in self._answers(sequence):
            if answer.kind == message.ERROR:
                _check(message.failure(answer.payload), what, fine)
                return

    def dump(self, kind: int, payload: bytes, what: str) -> Iterator[bytes]:
        """All that the kernel has of a kind."""
        sequence = self._send(kind, message.DUMP, payload)
        for answer in self._answers(sequence):
            if answer.kind == message.DONE:
                return
            if answer.kind == message.ERROR:
                _check(message.failure(answer.payload), what, ())
                return
            yield answer.payload

    def get(self, kind: int, payload: bytes, what: str) -> bytes | None:
        """One thing, or None if there is no such thing."""
        sequence = self._send(kind, 0, payload)
        for answer in self._answers(sequence):
            if answer.kind != message.ERROR:
                return answer.payload
            _check(message.failure(answer.payload), what, (errno.ENODEV, errno.ENOENT))
            return None
        return None

    def _send(self, kind: int, flags: int, payload: bytes) -> int:
        self._sequence += 1
        self._socket.send(message.message(kind, flags | message.REQUEST, self._sequence, payload))
        return self._sequence

    def _answers(self, sequence: int) -> Iterator[message.Message]:
        while True:
            for answer in message.messages(self._socket.recv(_RECEIVED)):
                if answer.sequence == sequence:
                    yield answer


def _opened(family: int) -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
    opened.settimeout(_ANSWER_SECONDS)
    opened.bind((0, 0))
    return opened


def _check(number: int, what: str, fine: tuple[int, ...]) -> None:
    if number == 0 or number in fine:
        return
    if number in (errno.EPERM, errno.EACCES):
        raise NotPermitted
    raise KernelRefused(f"{what}: {os.strerror(number).lower()}")
