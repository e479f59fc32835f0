"""The life of a connection without sockets: every state with every step, every message cut at every byte."""

from __future__ import annotations

import pytest

from registry.transport.connection import RULES, Connection, Data, Request, State, Step, WrongStep
from registry.transport.head import BadRequest, Head, Heads
from registry.transport.limits import Limits

LIMITS = Limits(request_line=100, header_size=200, header_count=5)

HOST = b"Host: x\r\n"

Came = tuple[bytes, bytes, bytes]
"""Of a message: its method, its target, its body."""


def connection() -> Connection:
    return Connection(LIMITS, Heads(LIMITS))


def in_state(state: State) -> Connection:
    made = connection()
    made.state = state
    return made


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("state", State)
def test_each_state_with_each_step(state: State, step: Step) -> None:
    made = in_state(state)
    if (state, step) in RULES:
        made.step(step)
        assert made.state is RULES[state, step]
    else:
        with pytest.raises(WrongStep):
            made.step(step)
        assert made.state is state


def test_the_table_leads_everywhere_and_on() -> None:
    assert {state for state, _ in RULES} == set(State)
    assert set(RULES.values()) == set(State)
    for state in State:
        assert RULES[state, Step.GONE] is State.CLOSED
        assert (state is State.CLOSED) == ((state, Step.LAST) not in RULES)


def read(made: Connection, data: bytes, pieces: list[Request | Data], *, answer: bool = True) -> None:
    made.receive(data)
    while (event := made.next_event()) is not None:
        pieces.append(event)
        if answer and made.state is State.ANSWER:
            made.step(Step.ANSWERED)


def messages(events: list[Request | Data]) -> list[Came]:
    """What the events come to, checked to be in order."""
    found: list[Came] = []
    open_ended = False
    for event in events:
        if isinstance(event, Request):
            assert not open_ended
            found.append((event.head.method, event.head.url, b""))
            open_ended = event.framing.length != 0
        else:
            assert open_ended
            method, url, body = found[-1]
            found[-1] = method, url, body + bytes(event.data)
            open_ended = not event.last
    assert not open_ended
    return found


GOOD: dict[str, tuple[bytes, list[Came]]] = {
    "no body": (b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n", [(b"GET", b"/a", b"")]),
    "an empty line before": (b"\r\nGET /a HTTP/1.1\r\n" + HOST + b"\r\n", [(b"GET", b"/a", b"")]),
    "two in a row": (
        b"GET /a?b HTTP/1.1\r\n" + HOST + b"\r\nHEAD /b HTTP/1.1\r\n" + HOST + b"\r\n",
        [(b"GET", b"/a?b", b""), (b"HEAD", b"/b", b"")],
    ),
    "a length": (
        b"PUT /a HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n" + HOST + b"\r\n",
        [(b"PUT", b"/a", b"hello"), (b"GET", b"/b", b"")],
    ),
    "no length": (b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n", [(b"POST", b"/a", b"")]),
    "chunks": (
        b"PUT /a HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: u\r\n\r\nGET /b HTTP/1.1\r\n"
        + HOST
        + b"\r\n",
        [(b"PUT", b"/a", b"hello"), (b"GET", b"/b", b"")],
    ),
    "an upgrade": (
        b"PUT /a HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\n\r\nGET /b HTTP/1.1\r\n" + HOST + b"\r\n",
        [(b"PUT", b"/a", b"x"), (b"GET", b"/b", b"")],
    ),
    "HTTP/1.0": (b"GET /a HTTP/1.0\r\n\r\n", [(b"GET", b"/a", b"")]),
    "another form of target": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", [(b"OPTIONS", b"/", b"")]),
    "an absolute target": (b"GET http://y:5/a?b HTTP/1.1\r\n" + HOST + b"\r\n", [(b"GET", b"/a?b", b"")]),
}


@pytest.mark.parametrize("name", GOOD)
def test_cut_anywhere(name: str) -> None:
    """In two pieces, at each byte; with what follows behind it, and without."""
    wire, expected = GOOD[name]
    for cut in range(len(wire) + 1):
        events: list[Request | Data] = []
        made = connection()
        read(made, wire[:cut], events)
        read(made, wire[cut:], events)
        assert messages(events) == expected
        assert made.state is State.IDLE
        assert not made.waiting


@pytest.mark.parametrize("name", GOOD)
def test_byte_after_byte_three_times(name: str) -> None:
    wire, expected = GOOD[name]
    events: list[Request | Data] = []
    made = connection()
    for byte in wire * 3:
        read(made, bytes([byte]), events)
    assert messages(events) == expected * 3


@pytest.mark.parametrize("name", GOOD)
def test_each_beginning_is_incomplete(name: str) -> None:
    """A message that grows by a byte is refused at no length, and ends only at its end."""
    wire, expected = GOOD[name]
    for length in range(len(wire)):
        events: list[Request | Data] = []
        made = connection()
        read(made, wire[:length], events)
        whole = [event for event in events if isinstance(event, Data)]
        assert made.state is not State.IDLE or len(messages(events)) < len(expected) or not wire[length:].strip()
        assert sum(event.last for event in whole) <= len(expected)


def test_what_follows_waits_for_the_answer() -> None:
    made = connection()
    events: list[Request | Data] = []
    wire = GOOD["two in a row"][0]
    read(made, wire + wire, events, answer=False)
    assert len(events) == 1
    assert made.waiting > len(wire)
    for number in range(2, 5):
        made.step(Step.ANSWERED)
        read(made, b"", events, answer=False)
        assert len(events) == number
    assert not made.waiting


def test_an_answer_before_the_end_of_the_body() -> None:
    wire = b"PUT /a HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\n123"
    made = connection()
    events: list[Request | Data] = []
    read(made, wire, events)
    made.step(Step.ANSWERED)
    assert made.state is State.REST
    read(made, b"456789" + GOOD["no body"][0], events)
    assert messages(events) == [(b"PUT", b"/a", b"123456789"), (b"GET", b"/a", b"")]


def test_nothing_is_read_after_the_last_answer() -> None:
    for step in (Step.LAST, Step.GONE):
        made = connection()
        events: list[Request | Data] = []
        read(made, GOOD["a length"][0], events, answer=False)
        made.step(step)
        read(made, GOOD["no body"][0], events)
        assert (len(events), made.waiting, made.left) == (2, 0, 0)


def test_bytes_that_are_taken_past_it() -> None:
    made = connection()
    events: list[Request | Data] = []
    read(made, b"PUT /a HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\n123", events)
    assert made.left == 6
    made.took(4)
    made.took(2)
    assert made.state is State.ANSWER
    made.step(Step.ANSWERED)
    read(made, b"PUT /b HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", events)
    decoder = made.chunked
    assert decoder is not None
    piece = memoryview(bytearray(b"3\r\nabc\r\n0\r\n\r\n" + GOOD["no body"][0]))
    _, used = decoder.decode(piece, 0, len(piece))
    made.took_chunks(decoder, bytes(piece[used:]))
    assert made.state is State.ANSWER
    made.step(Step.ANSWERED)
    read(made, b"", events)
    assert isinstance(events[-1], Request)
    assert events[-1].head.url == b"/a"


def test_a_whole_body_is_there_to_be_passed() -> None:
    made = connection()
    wire = b"PUT /a HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\n123"
    made.receive(wire[:-1])
    assert isinstance(made.next_event(), Request)
    assert made.body_here() is None
    made.receive(wire[-1:] + b"GET")
    assert made.body_here() == b"123"
    made.pass_body()
    assert (made.state, made.waiting) == (State.ANSWER, 3)


def test_many_small_chunks_take_turns() -> None:
    made = connection()
    made.receive(b"PUT /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10_000)
    assert isinstance(made.next_event(), Request)
    sizes = []
    while (event := made.next_event()) is not None:
        assert isinstance(event, Data)
        sizes.append(len(event.data))
    assert sum(sizes) == 10_000
    assert max(sizes) <= 1024


BAD: dict[bytes, int] = {
    b"GET": 0,
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"GET / HTTP/1.1\n": 400,
    b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n": 400,
    b"GET / HTTP/2.0\r\n": 505,
    b"GET / HTTP/1.1 \r\n": 400,
    b"(": 400,
    b"GET \x00": 400,
    b"GET /" + b"a" * 200: 414,
    b"GET / HTTP/1.1\r\nA: " + b"b" * 2000: 431,
    b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 250 + b"\r\n\r\n": 431,
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5 + b"\r\n": 431,
    b"\r\n" * 600: 431,
    b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx": 0,
    b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n": 400,
    b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 5000: 431,
}


@pytest.mark.parametrize("wire", BAD)
def test_what_is_refused_is_refused_at_the_same_byte_in_pieces(wire: bytes) -> None:
    def refused(step: int) -> int:
        made = connection()
        try:
            for first in range(0, len(wire), step):
                read(made, wire[first : first + step], [])
        except BadRequest as error:
            return error.status
        return 0

    assert [refused(step) for step in (len(wire), 7, 1)] == [BAD[wire]] * 3


def test_a_refusal_knows_what_was_there() -> None:
    made = connection()
    with pytest.raises(BadRequest) as refusal:
        read(made, b"GET /gone HTTP/1.1\r\nA: b\r\n\r\n", [])
    assert refusal.value.head == Head(b"GET", "1.1", b"/gone", [(b"a", b"b")])


def test_headers_that_come_again_are_not_shared() -> None:
    heads = Heads(LIMITS)
    wire = b"GET /%b HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"
    first, _ = heads.parse(wire % b"a")
    first.headers.append((b"more", b"of it"))
    second, framing = heads.parse(wire % b"b")
    assert second == Head(b"GET", "1.1", b"/b", [(b"host", b"x"), (b"a", b"b")])
    assert framing.keep_alive


def test_what_is_kept_of_headers_is_bounded() -> None:
    heads = Heads(LIMITS)
    for number in range(3 * Heads.MOST_KEPT):
        heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\nA: %d\r\n\r\n" % number)
    assert len(heads._kept) <= Heads.MOST_KEPT
