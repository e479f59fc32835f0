"""Who is connected to a monitor: a listening socket, and clients with bounded queues."""

from __future__ import annotations

import socket
from typing import Protocol

from runtime.engine import frames
from runtime.engine.monitor.loop import BROKEN, READ, WRITE, Loop

HELD = 256 * 1024
"""Bytes that wait for a client before the container's output must wait."""
MOST = 64
"""Clients at a time."""


class Listener(Protocol):
    """Who is told of clients."""

    def heard(self, client: Client, kind: bytes, payload: bytes) -> None:
        """A client said something."""

    def left(self, client: Client) -> None:
        """A client is gone."""

    def eased(self) -> None:
        """What waits for clients got shorter."""


class Client:
    """One connection."""

    def __init__(self, clients: Clients, connection: socket.socket) -> None:
        self.stdin = self.stdout = self.stderr = self.custodian = False
        self.done = False
        """The custodian has finished the container."""
        self._clients = clients
        self._connection = connection
        self._reader = frames.Reader()
        self._queue = bytearray()
        self._open = True
        self._held = False
        connection.setblocking(False)
        self._watch()

    @property
    def slow(self) -> bool:
        """Whether more waits for it than should."""
        return len(self._queue) > HELD

    @property
    def waits(self) -> bool:
        """Whether anything waits for it."""
        return bool(self._queue)

    def send(self, message: bytes) -> None:
        """Queue a message and send what can be sent."""
        if self._open:
            self._queue += message
            self._write()

    def hold(self, held: bool) -> None:
        """Read nothing from it for now, or again."""
        if self._open and held != self._held:
            self._held = held
            self._watch()

    def drop(self) -> None:
        """Close the connection."""
        if self._open:
            self._open = False
            self._queue.clear()
            self._clients.loop.forget(self._connection.fileno())
            self._connection.close()
            self._clients.left(self)

    def _watch(self) -> None:
        events = (0 if self._held else READ) | (WRITE if self._queue else 0)
        self._clients.loop.watch(self._connection.fileno(), events, self._ready)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._write()
        if self._open and events & READ and not self._held:
            self._read()
        elif self._open and events & BROKEN:
            self.drop()

    def _write(self) -> None:
        before = bool(self._queue)
        try:
            while self._queue:
                sent = self._connection.send(self._queue[:65536])
                del self._queue[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.drop()
            return
        if before:
            self._watch()
            self._clients.listener.eased()

    def _read(self) -> None:
        try:
            data = self._connection.recv(65536)
            messages = self._reader.feed(data)
        except BlockingIOError:
            return
        except (OSError, frames.Cut):
            self.drop()
            return
        for kind, payload in messages:
            if self._open:
                self._clients.listener.heard(self, kind, payload)
        if not data:
            self.drop()


class Clients:
    """All clients; `listener` is told what they say, and is set before any of them can say it."""

    listener: Listener

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.all: list[Client] = []
        self._listener: socket.socket | None = None

    def listen(self, listener: socket.socket) -> None:
        """Take clients from here on."""
        listener.setblocking(False)
        self._listener = listener
        self.loop.watch(listener.fileno(), READ, self._accept)

    def take(self, connection: socket.socket) -> Client:
        """Take one that is connected already."""
        client = Client(self, connection)
        self.all.append(client)
        return client

    def tell(self, message: bytes) -> None:
        """Send to every client."""
        for client in list(self.all):
            client.send(message)

    def output(self, stream: str, data: bytes) -> None:
        """Send output to those who want it."""
        message = frames.frame(frames.STDOUT if stream == "stdout" else frames.STDERR, data)
        for client in list(self.all):
            if client.stdout if stream == "stdout" else client.stderr:
                client.send(message)

    @property
    def slow(self) -> bool:
        """Whether the output should wait for a client."""
        return any(client.slow for client in self.all)

    def left(self, client: Client) -> None:
        """One is gone."""
        if client in self.all:
            self.all.remove(client)
        self.listener.left(client)

    def close(self) -> None:
        """Take no more, let go of all."""
        if self._listener:
            self.loop.forget(self._listener.fileno())
            self._listener.close()
            self._listener = None
        for client in list(self.all):
            client.drop()

    def _accept(self, _: int) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self.all) >= MOST:
            connection.close()
            return
        self.take(connection)
