"""Lanes hand on memory that may be used until the next call, and not after it."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from registry.transport import lanes
from registry.transport.chunked import Chunked, InvalidChunk

BODY = random.Random(7).randbytes(3 * lanes.CHUNK + 12_345)


class Late:
    """A sink that looks at a piece when it is called again, as one does that is still writing it."""

    def __init__(self) -> None:
        self._piece: memoryview | bytes = b""
        self.taken = hashlib.sha256()
        self.calls = 0

    def __call__(self, piece: memoryview | bytes) -> None:
        self.taken.update(self._piece)
        self._piece = piece
        self.calls += 1

    @property
    def is_done(self) -> bool:
        return len(self._piece) == 0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def chunked(body: bytes, size: int) -> bytes:
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def receive(
    pair: tuple[socket.socket, socket.socket], sent: bytes, turn: Callable[[socket.socket], lanes.Received]
) -> int:
    """Turns until nothing more comes; the bytes of the body."""
    ours, theirs = pair
    sender = threading.Thread(target=theirs.sendall, args=(sent,))
    sender.start()
    size = 0
    while (got := turn(ours)).size:
        size += got.size
    sender.join()
    return size


@pytest.mark.parametrize("lead", [0, 1, lanes.BLOCK - 1])
def test_a_piece_stays_as_it_is_until_the_next_call(pair: tuple[socket.socket, socket.socket], lead: int) -> None:
    sink = Late()
    size = receive(pair, BODY, lambda ours: lanes.receive(ours, len(BODY), sink, lead))
    assert (size, sink.taken.digest()) == (len(BODY), hashlib.sha256(BODY).digest())
    assert sink.is_done


@pytest.mark.parametrize("size", [32 * 1024, 1_000_003])
@pytest.mark.parametrize("lead", [0, 1, lanes.BLOCK - 1])
def test_a_piece_of_chunks_stays_as_it_is(pair: tuple[socket.socket, socket.socket], lead: int, size: int) -> None:
    sink, decoder = Late(), Chunked()
    got = receive(pair, chunked(BODY, size), lambda ours: lanes.receive_chunked(ours, decoder, sink, lead))
    assert decoder.done
    assert (got, sink.taken.digest()) == (len(BODY), hashlib.sha256(BODY).digest())
    assert sink.is_done


def test_a_bad_chunk_ends_the_use_of_what_came_before(pair: tuple[socket.socket, socket.socket]) -> None:
    sink, decoder = Late(), Chunked()
    good = chunked(BODY, 32 * 1024).removesuffix(b"0\r\n\r\n")
    with pytest.raises(InvalidChunk):
        receive(pair, good + b"not a size\r\n", lambda ours: lanes.receive_chunked(ours, decoder, sink))
    assert sink.calls > 1
    assert sink.is_done
