"""Receiving chunks by a guess: whatever their sizes and however they arrive, the body is the body."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.transport import scatter
from registry.transport.chunked import LONGEST_FRAME, WORTH, Chunked, InvalidChunk

SIZES = [WORTH, WORTH, WORTH, WORTH + 1, 2 * WORTH, 3, 64]
AFTER = b"GET /v2/ HTTP/1.1\r\n"


@contextlib.contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


def encode(body: bytes, sizes: list[int]) -> bytes:
    wire, at = b"", 0
    for size in sizes:
        wire += b"%x\r\n%b\r\n" % (size, body[at : at + size])
        at += size
    return wire + b"0\r\n\r\n"


def receive(wire: bytes, cuts: list[int], length: int) -> tuple[bytes, bytes, int]:
    """The body, what followed it, and how often a guess was made."""
    decoder, buffer = Chunked(), memoryview(bytearray(length))
    body, rest, guesses, at = b"", b"", 0, 0
    with pair() as (ours, theirs):
        for cut in [*cuts, len(wire)]:
            piece = wire[at : at + cut]
            theirs.sendall(piece)
            at, left = at + len(piece), len(piece)
            while left:
                guesses += decoder.frame is not None
                got, filled, rest = scatter.receive(ours, decoder, buffer, 5)
                body, left = body + bytes(buffer[5:filled]), left - got
    assert decoder.done
    return body, rest, guesses


@given(
    st.lists(st.sampled_from(SIZES), max_size=16),
    st.lists(st.integers(1, 3 * WORTH), max_size=12),
    st.sampled_from([scatter.ROOM + 100, scatter.ROOM + 3 * WORTH, scatter.ROOM + 64 * WORTH]),
)
def test_every_body_arrives_as_it_is(sizes: list[int], cuts: list[int], length: int) -> None:
    body = bytes(number % 251 for number in range(sum(sizes)))
    received, rest, _ = receive(encode(body, sizes) + AFTER, cuts, length)
    assert received == body
    assert AFTER.endswith(rest)


@pytest.mark.parametrize("cut", range(12))
def test_cut_anywhere_in_the_frame(cut: int) -> None:
    sizes = [WORTH] * 6 + [64]
    body = bytes(number % 249 for number in range(sum(sizes)))
    first = len(encode(body[: 2 * WORTH], [WORTH] * 2)) - len(b"0\r\n\r\n") + 10
    received, _, guesses = receive(encode(body, sizes), [first, WORTH - 8 + cut], scatter.ROOM + 64 * WORTH)
    assert received == body
    assert guesses


def test_a_frame_that_is_none_is_refused() -> None:
    wire = encode(b"x" * 4 * WORTH, [WORTH] * 4)
    wrong = wire[: 3 * (WORTH + 8) - 2] + b"xx" + wire[3 * (WORTH + 8) :]
    with pair() as (ours, theirs):
        decoder, buffer = Chunked(), memoryview(bytearray(scatter.ROOM + 64 * WORTH))
        theirs.sendall(wrong[: 2 * WORTH])
        scatter.receive(ours, decoder, buffer, 0)
        assert decoder.frame is not None
        theirs.sendall(wrong[2 * WORTH :])
        with pytest.raises(InvalidChunk):
            scatter.receive(ours, decoder, buffer, 0)


@pytest.mark.parametrize("size", [b"1000;a=b", b"fff"])
def test_a_size_with_an_extension_or_a_small_one_is_not_guessed(size: bytes) -> None:
    decoder = Chunked()
    chunk = b"x" * int(size.partition(b";")[0], 16)
    coded = memoryview(bytearray(size + b"\r\n" + chunk + b"\r\n" + size + b"\r\nx"))
    decoder.decode(coded, 0, len(coded))
    assert decoder.frame is None


def test_the_kernel_takes_so_many_pieces() -> None:
    assert 2 * scatter.FRAMES + 1 <= 1024
    assert len(b"\r\n%b\r\n" % (b"f" * 15)) == LONGEST_FRAME
