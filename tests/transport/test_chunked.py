"""The chunked coding: every cut of a body decodes the same, and what is not in the coding is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.transport.chunked import LONGEST_LINE, MOST_TRAILERS, Chunked, InvalidChunk


def decode(pieces: list[bytes]) -> tuple[bytes, bytes, Chunked]:
    """The body, what was left after it, and the decoder."""
    decoder = Chunked()
    body, rest = b"", b""
    for piece in pieces:
        buffer = memoryview(bytearray(b"xyz" + piece))
        wrote, read = decoder.decode(buffer, 3, len(buffer))
        body += bytes(buffer[3:wrote])
        rest += bytes(buffer[read:])
    return body, rest, decoder


def encode(chunks: list[bytes], extension: bytes = b"", trailer: bytes = b"") -> bytes:
    coded = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks if chunk)
    return coded + b"0\r\n" + trailer + b"\r\n"


@given(st.lists(st.binary(max_size=300), max_size=6), st.lists(st.integers(1, 40), max_size=60), st.binary(max_size=20))
def test_every_cut_decodes_the_same(chunks: list[bytes], cuts: list[int], after: bytes) -> None:
    wire = encode(chunks, b";a=b", b"X-Sum: 1\r\n") + after
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(wire[at : at + cut])
        at += cut
    pieces.append(wire[at:])
    body, rest, decoder = decode(pieces)
    assert decoder.done
    assert body == b"".join(chunks)
    assert rest == after


def test_byte_by_byte() -> None:
    wire = encode([b"hello", b"w" * 1000, b"!"])
    body, rest, decoder = decode([wire[at : at + 1] for at in range(len(wire))])
    assert (body, rest, decoder.done) == (b"hello" + b"w" * 1000 + b"!", b"", True)


@pytest.mark.parametrize(
    "wire",
    [
        b"\r\n",
        b"g\r\n",
        b"-1\r\nx\r\n",
        b"+1\r\nx\r\n",
        b"0x1\r\nx\r\n",
        b"1\nx\r\n",
        b"1\r\nxy\r\n",
        b"1\r\nx\n",
        b"1 2\r\nx\r\n",
        b"1;a\x00b\r\nx\r\n",
        b"ffffffffffffffff\r\n",
        b"1" * (LONGEST_LINE + 2),
        b"0\r\nX: 1\n\r\n",
        b"0\r\n" + b"X: 1\r\n" * (MOST_TRAILERS + 1),
    ],
)
def test_what_is_not_in_the_coding_is_refused(wire: bytes) -> None:
    with pytest.raises(InvalidChunk):
        decode([wire])
    with pytest.raises(InvalidChunk):
        decode([wire[at : at + 1] for at in range(len(wire))])


def test_an_unfinished_body_is_not_done() -> None:
    for wire in (b"", b"5", b"5\r\n", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r\n0\r\n"):
        assert not decode([wire])[2].done
