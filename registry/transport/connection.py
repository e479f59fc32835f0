"""The life of an HTTP/1.1 connection as the server sees it: bytes in, events out. No sockets, no event loop.

    IDLE     a byte                      HEAD      a request begins
    HEAD     its end, no body            ANSWER    Request
    HEAD     its end, a body follows     BODY      Request
    BODY     some of it                  BODY      Data
    BODY     its end                     ANSWER    Data, the last
    BODY     the answer is complete      REST      the application did not want all of it
    REST     its end                     IDLE
    ANSWER   the answer is complete      IDLE
    any      the last answer is written  CLOSING   what still comes is thrown away
    any      the connection is gone      CLOSED

1. One request at a time: bytes behind one that is not answered yet stay where they are, unread.
2. What is no HTTP/1.1 is refused as soon as that is sure, with BadRequest; nothing is read after it.
3. The end of a body may come before or after the answer's; the next request begins after both.
4. Bytes of a body may be taken from the socket past this machine (`took`, `took_chunks`), none of any other kind.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from registry.transport.chunked import Chunked, InvalidChunk, TooMuchBetween
from registry.transport.head import UNKNOWN, BadRequest, Framing, Head, Heads, check_unfinished
from registry.transport.limits import Limits

MOST_CHUNKS = 1024
"""Chunks decoded for one event: many small ones take their time, and others wait."""


MOST_EMPTY = 1024

ENDLESS = 1 << 62


class State(enum.Enum):
    """What is waited for."""

    IDLE = "the next request"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"
    ANSWER = "the application, or the client to read"
    REST = "the rest of a body that is not wanted"
    CLOSING = "the client to read the last answer and close"
    CLOSED = "nothing"

    __hash__ = object.__hash__  # an enumeration's own is a function in Python


class Step(enum.Enum):
    """What changes the state."""

    BYTE = "a byte"
    REQUEST = "the end of a head, no body"
    BODY = "the end of a head, a body follows"
    END = "the end of a body"
    ANSWERED = "the answer is complete"
    LAST = "the last answer is written"
    GONE = "the connection is gone"

    __hash__ = object.__hash__


RULES: dict[tuple[State, Step], State] = {
    (State.IDLE, Step.BYTE): State.HEAD,
    (State.IDLE, Step.REQUEST): State.ANSWER,  # known by its bytes, and never parsed
    (State.HEAD, Step.REQUEST): State.ANSWER,
    (State.HEAD, Step.BODY): State.BODY,
    (State.BODY, Step.END): State.ANSWER,
    (State.BODY, Step.ANSWERED): State.REST,
    (State.REST, Step.END): State.IDLE,
    (State.ANSWER, Step.ANSWERED): State.IDLE,
    **{(state, Step.LAST): State.CLOSING for state in State if state is not State.CLOSED},
    **{(state, Step.GONE): State.CLOSED for state in State},
}


class WrongStep(Exception):
    """A defect of ours: nothing that a client sends comes to this."""


class Request(NamedTuple):
    """A request whose head is complete; Data follows it when it has a body."""

    head: Head
    framing: Framing
    raw: bytes
    """The head as it came in one piece; empty when it came in several."""


class Data(NamedTuple):
    """Some of a body."""

    data: bytes | memoryview
    last: bool


class Connection:
    """See the module. Bytes go to `receive`; then `next_event` is called until it has none."""

    def __init__(self, limits: Limits, heads: Heads) -> None:
        self.state = State.IDLE
        self.head = UNKNOWN
        """The newest."""
        self.left = 0
        """Bytes still to come of a body whose length is known."""
        self.chunked: Chunked | None = None
        """Decodes the body that is coming in, if it is in chunks."""
        self._limits = limits
        self._heads = heads
        self._buffer: bytes = b""
        self._at = 0
        """Where in the buffer that begins which is not read yet."""
        self._empty = 0
        """Bytes of empty lines before the next request."""
        self._searched = 0
        """Up to where no end of the head was found."""

    def step(self, step: Step) -> None:
        try:
            self.state = RULES[self.state, step]
        except KeyError:
            raise WrongStep(f"{step} in {self.state}") from None
        if self.state in (State.CLOSING, State.CLOSED):
            self._buffer, self._at = b"", 0
            self.left, self.chunked = 0, None

    @property
    def waiting(self) -> int:
        """Bytes that came and are not read yet."""
        return len(self._buffer) - self._at

    def receive(self, data: bytes) -> None:
        if self.state is State.CLOSING or self.state is State.CLOSED:
            return
        self._buffer = self._buffer[self._at :] + data if self._at < len(self._buffer) else data
        self._searched = max(0, self._searched - self._at)
        self._at = 0

    def next_event(self) -> Request | Data | None:
        """None when more bytes are needed, or the answer to what came before. Raises BadRequest."""
        state = self.state
        if state is State.IDLE or state is State.HEAD:
            return self._next_request()
        if (state is State.BODY or state is State.REST) and self._at < len(self._buffer):
            return self._next_data()
        return None

    def _next_request(self) -> Request | None:
        buffer, at = self._buffer, self._at
        if self.state is State.IDLE:
            while buffer.startswith(b"\r\n", at):
                at += 2  # RFC 9112, 2.2: an empty line before a request is none of it
            self._empty += at - self._at
            if self._empty > MOST_EMPTY:
                raise BadRequest(431, "there are too many empty lines before the request")
            self._at = at
            if at == len(buffer) or buffer[at:] == b"\r":
                return None
            self.head = UNKNOWN
            self._searched = at
            pieces = False
            self.step(Step.BYTE)
        else:
            pieces = True
        end = buffer.find(b"\r\n\r\n", max(at, self._searched))
        if end < 0:
            check_unfinished(buffer[at:], self._limits)
            self._searched = max(at, len(buffer) - 3)
            return None
        raw = buffer[at : end + 4]
        self._at = end + 4
        self._empty = 0
        try:
            self.head, framing = self._heads.parse(raw)
        except BadRequest as error:
            self.head = error.head
            raise
        if framing.length == 0:
            self.step(Step.REQUEST)
        else:
            self.left = framing.length or 0
            self.chunked = Chunked() if framing.length is None else None
            self.step(Step.BODY)
        return Request(self.head, framing, b"" if pieces else raw)

    def _next_data(self) -> Data:
        buffer, at = self._buffer, self._at
        if self.chunked is not None:
            return self._next_chunks(self.chunked)
        count = min(self.left, len(buffer) - at)
        data = buffer if count == len(buffer) else memoryview(buffer)[at : at + count]
        self._at = at + count
        self.took(count)
        return Data(data, not self.left)

    def _next_chunks(self, decoder: Chunked) -> Data:
        piece = memoryview(bytearray(memoryview(self._buffer)[self._at :]))
        try:
            body, used = decoder.decode(piece, 0, len(piece), MOST_CHUNKS)
        except InvalidChunk as error:
            raise bad_chunks(error) from error
        self._at += used
        self._chunks_taken(decoder)
        return Data(piece[:body], decoder.done)

    def body_here(self) -> bytes | None:
        """The whole body, if its length is known and all of it has come."""
        end = self._at + self.left
        return None if self.chunked is not None or len(self._buffer) < end else self._buffer[self._at : end]

    def pass_body(self) -> None:
        """The body that is here has been read."""
        self._at += self.left
        self.took(self.left)

    def abandon_body(self) -> None:
        """Bytes of the body are lost, so that its end cannot be found any more."""
        self.left, self.chunked = ENDLESS, None

    def took(self, count: int) -> None:
        """`count` bytes of the body were read, here or from the socket."""
        self.left -= count
        if not self.left:
            self.step(Step.END)

    def took_chunks(self, decoder: Chunked, rest: bytes) -> None:
        """`decoder` read some of the body from the socket, and `rest` of what follows it."""
        self._chunks_taken(decoder)
        self.receive(rest)

    def _chunks_taken(self, decoder: Chunked) -> None:
        if decoder.done:
            self.chunked = None
            self.step(Step.END)


def bad_chunks(error: InvalidChunk) -> BadRequest:
    status = 431 if isinstance(error, TooMuchBetween) else 400
    return BadRequest(status, f"the request's body is not in chunks as it should be: {error}")
