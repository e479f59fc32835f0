"""The ids of the host that a user namespace may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.bundle import subids
from runtime.bundle.errors import Conflict
from runtime.bundle.given import IdMap

CONTENT = b"""other:100000:65536
me:200000:1000
# me:1:1
me:x:5
me:300000:0
me:4294967290:100
1000:400000:65536
"""


def test_ranges_follow_each_other() -> None:
    assert subids.read(CONTENT, "me") == (IdMap(container=0, host=200000, size=1000),)
    assert subids.read(CONTENT, "me", uid=1000, first=1) == (
        IdMap(container=1, host=200000, size=1000),
        IdMap(container=1001, host=400000, size=65536),
    )


def test_who_has_none() -> None:
    with pytest.raises(Conflict, match="has no subordinate ids"):
        subids.read(CONTENT, "nobody")
    with pytest.raises(Conflict, match="larger than"):
        subids.read(b"x" * (subids.LARGEST + 1), "me")


@given(st.lists(st.tuples(st.integers(0, 2**33), st.integers(0, 2**33)), max_size=8))
def test_no_id_is_out_of_range_and_none_is_mapped_twice(ranges: list[tuple[int, int]]) -> None:
    content = "".join(f"me:{host}:{size}\n" for host, size in ranges)
    try:
        found = subids.read(content.encode(), "me")
    except Conflict:
        return
    assert all(each.host + each.size < 2**32 for each in found)
    starts = [each.container for each in found]
    assert starts == [sum(each.size for each in found[:at]) for at in range(len(found))]
