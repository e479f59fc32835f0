"""Messages: DNS and netlink, taken apart whatever comes."""

import struct
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from runtime.network.netlink import message
from runtime.network.resolver import wire

QUERY = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\3Web\4mine\0" + struct.pack("!HH", 1, 1)


def test_a_question_is_read_and_refused() -> None:
    asked = wire.question(QUERY)
    assert asked is not None
    assert (asked.id, asked.name, asked.kind, asked.space) == (7, "web.mine", wire.A, wire.INTERNET)
    refused = wire.refusal(asked, wire.SERVER_FAILURE)
    assert refused == struct.pack("!6H", 7, 0x8182, 1, 0, 0, 0) + QUERY[12:]


def test_what_is_no_question() -> None:
    assert all(wire.question(QUERY[:length]) is None for length in range(len(QUERY)))
    answer = QUERY[:2] + b"\x81\x80" + QUERY[4:]
    assert wire.question(answer) is None, "an answer is never answered"
    two = QUERY[:4] + b"\0\2" + QUERY[6:]
    assert wire.question(two) is None
    pointer = QUERY[:12] + b"\xc0\x0c" + QUERY[-4:]
    assert wire.question(pointer) is None


@given(st.binary(max_size=64))
def test_no_bytes_are_too_strange(payload: bytes) -> None:
    wire.question(payload)
    wire.question(QUERY[:12] + payload)
    list(message.messages(payload))
    message.attributes(payload)


@given(st.dictionaries(st.integers(1, 100), st.binary(max_size=20), max_size=5))
def test_attributes_go_both_ways(values: dict[int, bytes]) -> None:
    payload = b"".join(message.attribute(kind, value) for kind, value in values.items())
    assert message.attributes(payload) == values
    whole = message.message(16, 1, 9, payload) + message.message(17, 1, 9, b"")
    assert [(each.kind, each.sequence) for each in message.messages(whole)] == [(16, 9), (17, 9)]


def test_an_answer_that_is_too_long_for_a_datagram_says_so() -> None:
    asked = wire.question(QUERY)
    assert asked is not None
    answer = wire.addresses(asked, [IPv4Address(number) for number in range(40)])
    assert wire.fitted(asked, answer, len(answer)) == answer
    assert wire.fitted(asked, answer, 512) == struct.pack("!6H", 7, 0x8380, 1, 0, 0, 0) + QUERY[12:]
