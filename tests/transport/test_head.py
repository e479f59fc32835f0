"""Where a head ends, however it is cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from registry.transport.head import HeadEnd

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
AFTER = st.sampled_from([b"", b"1\r\nx\r\n0\r\n\r\n", b"\r\n", b"\n", HEAD])


@given(st.lists(st.integers(1, len(HEAD) - 1), max_size=6), AFTER)
def test_what_follows_the_head_is_never_taken_for_it(cuts: list[int], after: bytes) -> None:
    places = [0, *sorted(set(cuts)), len(HEAD)]
    pieces = [HEAD[first:last] for first, last in itertools.pairwise(places)]
    end, taken = HeadEnd(), b""
    for piece in pieces[:-1]:
        assert end.cut(piece) == (piece, b"", False, False)
        taken += piece
    head, rest, ends, whole = end.cut(pieces[-1] + after)
    assert (taken + head, rest, ends, whole) == (HEAD, after, True, len(pieces) == 1)
    assert end.cut(HEAD) == (HEAD, b"", True, True)  # the next one begins anew
