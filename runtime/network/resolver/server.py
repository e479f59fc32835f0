"""The resolver's process: one loop over all sockets, a short-lived thread for each question that goes further."""

import contextlib
import os
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from runtime.network.resolv_conf import EMBEDDED
from runtime.network.resolver import answers, upstream, wire
from runtime.network.resolver.known import Known
from runtime.syscall.netns import within

_MOST_THREADS: Final = 16
"""For each container, so that none can keep the others' names from being resolved."""

_STREAM_PATIENCE: Final = 10.0
_BACKLOG: Final = 16


class Listening(NamedTuple):
    """A container's sockets, in its namespace."""

    udp: socket.socket
    tcp: socket.socket
    threads: threading.BoundedSemaphore
    namespace: tuple[int, int]


class Server:
    """Answers on the sockets of all containers, and takes requests on one of its own until it is told to end."""

    def __init__(self, requests: socket.socket, known: Known) -> None:
        self._requests = requests
        self._known = known
        self._selector = selectors.DefaultSelector()
        self._serving: dict[str, Listening] = {}
        self._ended = False
        self._watch(requests, self._take_request)

    def run(self) -> None:
        """Serve until there is no container left to serve."""
        while not self._ended:
            for key, _ in self._selector.select():
                with contextlib.suppress(OSError):
                    key.data()

    def _watch(self, opened: socket.socket, then: Callable[[], None]) -> None:
        self._selector.register(opened, selectors.EVENT_READ, then)

    def _take_request(self) -> None:
        asking, _ = self._requests.accept()
        with asking:
            asking.settimeout(_STREAM_PATIENCE)
            payload, descriptors, _, _ = socket.recv_fds(asking, 65536, 1)
            try:
                answer = self._answer_request(msgspec.json.decode(payload), descriptors)
            except (OSError, msgspec.DecodeError) as error:
                answer = {"error": str(error)}
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            asking.send(msgspec.json.encode(answer))

    def _answer_request(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        if "stop" in request:
            self._ended = True
        elif "forget" in request:
            self._close(request["forget"])
            self._ended = not self._serving
        elif "keep" in request:
            for container in self._serving.keys() - set(request["keep"]):
                self._close(container)
        elif "serve" in request and descriptors:
            listening = self._serve(request["serve"], descriptors[0])
            return {"udp": listening.udp.getsockname()[1], "tcp": listening.tcp.getsockname()[1]}
        return {"serving": len(self._serving)}

    def _serve(self, container: str, namespace: int) -> Listening:
        status = os.fstat(namespace)
        identity = (status.st_dev, status.st_ino)
        known = self._serving.get(container)
        if known and known.namespace == identity:
            return known
        self._close(container)
        with within(namespace):
            udp, tcp = _opened(socket.SOCK_DGRAM), _opened(socket.SOCK_STREAM)
        listening = Listening(udp, tcp, threading.BoundedSemaphore(_MOST_THREADS), identity)
        self._serving[container] = listening
        self._watch(udp, lambda: self._datagram(container, listening))
        self._watch(tcp, lambda: self._stream(container, listening))
        return listening

    def _close(self, container: str) -> None:
        listening = self._serving.pop(container, None)
        for opened in (listening.udp, listening.tcp) if listening else ():
            self._selector.unregister(opened)
            opened.close()

    def _datagram(self, container: str, listening: Listening) -> None:
        opened = listening.udp
        query, asker = opened.recvfrom(wire.LARGEST)
        asked = wire.question(query)
        if asked is None:
            return
        mine, beside = self._known.beside(container)
        found = answers.answer(asked, beside)
        if found is not None:
            opened.sendto(wire.fitted(asked, found, wire.LARGEST_DATAGRAM), asker)
            return
        given = [server for each in mine for server in each.nameservers]
        routed = self._known.routed(container)

        def further() -> None:
            answer = upstream.ask(query, given, stream=False) if routed else None
            with contextlib.suppress(OSError):
                opened.sendto(answer or wire.refusal(asked, wire.SERVER_FAILURE), asker)

        if not _in_thread(listening, further):
            opened.sendto(wire.refusal(asked, wire.SERVER_FAILURE), asker)

    def _stream(self, container: str, listening: Listening) -> None:
        stream, _ = listening.tcp.accept()

        def converse() -> None:
            with stream, contextlib.suppress(OSError):
                stream.settimeout(_STREAM_PATIENCE)
                while answer := self._answer_stream(container, upstream.received(stream)):
                    stream.sendall(struct.pack("!H", len(answer)) + answer)

        if not _in_thread(listening, converse):
            stream.close()

    def _answer_stream(self, container: str, query: bytes) -> bytes | None:
        asked = wire.question(query)
        if asked is None:
            return None
        mine, beside = self._known.beside(container)
        found = answers.answer(asked, beside)
        if found is None and self._known.routed(container):
            found = upstream.ask(query, [server for each in mine for server in each.nameservers], stream=True)
        return found or wire.refusal(asked, wire.SERVER_FAILURE)


def _in_thread(listening: Listening, work: Callable[[], None]) -> bool:
    """Do it beside the loop; False if too much is being done for that container already."""
    if not listening.threads.acquire(blocking=False):
        return False

    def then_release() -> None:
        try:
            work()
        finally:
            listening.threads.release()

    threading.Thread(target=then_release, daemon=True).start()
    return True


def _opened(kind: socket.SocketKind) -> socket.socket:
    opened = socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC)
    opened.setblocking(False)
    opened.bind((EMBEDDED, 0))
    if kind == socket.SOCK_STREAM:
        opened.listen(_BACKLOG)
    return opened
