"""A client's side of a monitor's socket (see `frames`)."""

from __future__ import annotations

import os
import select
import socket
import time
from typing import Any

from runtime.engine import frames
from runtime.engine.errors import MonitorLost, StartFailed, WrongState

Message = tuple[bytes, bytes]


class Connection:
    """A connection to the monitor of a container; a context that closes it."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._reader = frames.Reader()
        self._waiting: list[Message] = []

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """The descriptor, for a loop that watches others too."""
        return self._stream.fileno()

    def close(self) -> None:
        """Leave."""
        self._stream.close()

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send a message; one to a monitor that is gone is lost, which reading will tell."""
        try:
            self._stream.sendall(frames.frame(kind, payload))
        except OSError:
            return

    def send_some(self, data: bytes | bytearray) -> int:
        """Send as much as can be sent at once; how much that was. All of it, to a monitor that is gone."""
        try:
            return self._stream.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def tell(self, kind: bytes, **said: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Send a message whose payload is JSON."""
        self.send(kind, frames.told(kind, **said)[frames.HEADER :])

    def attach(self, *, stdin: bool, stdout: bool, stderr: bool, custodian: bool = False) -> None:
        """Ask for streams; a custodian says that it will finish the container itself."""
        self.tell(frames.ATTACH, stdin=stdin, stdout=stdout, stderr=stderr, custodian=custodian)

    def receive(self) -> list[Message]:
        """The messages that come next, at least one. Raises MonitorLost."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            return waiting
        while True:
            try:
                data = self._stream.recv(65536)
            except OSError:
                data = b""
            if not data:
                raise MonitorLost("the container's monitor is gone")
            if messages := self._reader.feed(data):
                return messages

    def until(self, *kinds: bytes, seconds: float | None = None) -> tuple[bytes, dict[str, Any]]:
        """The next message of these kinds; others are passed over. Raises MonitorLost, TimeoutError."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            if not self._waiting and end is not None and not self._ready(end - time.monotonic()):
                raise TimeoutError
            messages = self.receive()
            for place, (kind, payload) in enumerate(messages):
                if kind in kinds:
                    self._waiting = messages[place + 1 :]
                    return kind, frames.read(payload)

    def started(self) -> int:
        """Wait for the start of the container; its first process. Raises StartFailed, MonitorLost."""
        kept: list[Message] = []
        while True:
            messages = self.receive()
            for place, (kind, payload) in enumerate(messages):
                if kind in (frames.STARTED, frames.FAILED):
                    self._waiting = kept + messages[place + 1 :]
                    said = frames.read(payload)
                    if kind == frames.FAILED:
                        raise StartFailed(str(said["error"]), int(said["code"]))
                    return int(said["pid"])
                kept.append((kind, payload))

    def command(self, kind: bytes, **said: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Ask for something and wait for its answer. Raises WrongState, MonitorLost."""
        self.tell(kind, **said)
        _, answer = self.until(frames.ANSWER)
        if answer["error"]:
            raise WrongState(str(answer["error"]))

    @property
    def buffered(self) -> bool:
        """Whether messages are here that `receive` gives without reading."""
        return bool(self._waiting)

    def _ready(self, seconds: float) -> bool:
        return bool(select.select([self._stream], [], [], max(0.0, seconds))[0])


def connect(folder: str, name: str) -> Connection:
    """Connect to the monitor that listens there. Raises MonitorLost."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        directory = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            stream.connect(f"/proc/self/fd/{directory}/{name}")  # an address is short, a path may be long
        finally:
            os.close(directory)
    except OSError:
        stream.close()
        raise MonitorLost("the container's monitor is gone") from None
    return Connection(stream)
