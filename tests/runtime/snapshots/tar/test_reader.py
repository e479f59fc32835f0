"""Reading archives: what was written is read again, and whatever comes, only InvalidLayer is raised."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.snapshots.errors import InvalidLayer, LimitExceeded
from runtime.snapshots.limits import DEFAULT, Limits
from runtime.snapshots.tar import entry as kinds
from runtime.snapshots.tar.entry import Entry
from runtime.snapshots.tar.numbers import number, time
from runtime.snapshots.tar.reader import TarReader
from runtime.snapshots.tar.source import Source
from runtime.snapshots.tar.writer import pad, write_end, write_header
from tests.runtime.snapshots.corpus import old_sparse, pax, raw, sparse_1_0
from tests.runtime.snapshots.layers import Item, tar

_NAMES = st.binary(min_size=1, max_size=300).map(lambda name: name.replace(b"\0", b"0"))
_SECOND = 1_000_000_000


def reader(data: bytes, piece: int = 1000, limits: Limits = DEFAULT) -> TarReader:
    return TarReader(Source(iter([data[at : at + piece] for at in range(0, len(data), piece)])), limits)


@given(
    entry=st.builds(
        Entry,
        name=_NAMES,
        kind=st.sampled_from([kinds.SYMLINK, kinds.DIRECTORY, kinds.CHAR, kinds.REGULAR]),
        mode=st.integers(0, 0o7777),
        uid=st.integers(0, 2**32),
        gid=st.integers(0, 2**32),
        size=st.just(0),
        mtime=st.integers(-(2**31) * _SECOND, 2**40 * _SECOND),
        link=_NAMES,
        major=st.integers(0, 4095),
        minor=st.integers(0, (1 << 20) - 1),
        xattrs=st.dictionaries(_NAMES.map(lambda name: name[:200].replace(b"=", b"-")), st.binary(max_size=50)),
    ),
    data=st.binary(max_size=2000),
    piece=st.integers(1, 3000),
)
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(entry: Entry, data: bytes, piece: int) -> None:
    entry.size = len(data) if entry.kind == kinds.REGULAR else 0
    out = io.BytesIO()
    for _ in range(2):
        write_header(out, entry)
        out.write(data[: entry.size])
        pad(out, entry.size)
    write_end(out)
    reading = reader(out.getvalue(), piece)
    for number_, found in enumerate(reading):
        assert found == entry
        if number_:  # the data of the first is passed over
            assert b"".join(bytes(part) for _, part in reading.data(found)) == data[: entry.size]


_ARCHIVES = [
    old_sparse(),
    sparse_1_0(),
    pax((b"path", b"y"), (b"SCHILY.xattr.user.x", b"\0"), (b"mtime", b"1.5")) + raw(size=b"00000000005\0") + bytes(512),
    tar(Item("x" * 120, data=b"x" * 600), Item("y", "link", link="z" * 200), form=1),
]


@given(archive=st.sampled_from(_ARCHIVES), at=st.lists(st.integers(0, 4000), max_size=4), byte=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_damage_is_an_invalid_layer(archive: bytes, at: list[int], byte: int) -> None:
    damaged = bytearray(archive)
    for place in at:
        damaged[place % len(damaged)] = byte
    for start in range(0, len(damaged) - 511, 512):  # the checksums hold, so that what they protect is looked at
        block = damaged[start : start + 512]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            damaged[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    with contextlib.suppress(InvalidLayer):
        reading = reader(bytes(damaged))
        for entry in reading:
            for _ in reading.data(entry):
                pass


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"0000644\0", 0o644),
        (b" 644 \0\0\0", 0o644),
        (b"\0" * 8, 0),
        (b"\x80" + b"\0" * 6 + b"\x07", 7),
        (b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 2**64 - 1),
        (b"\xff" * 8, -1),
    ],
)
def test_numbers(field: bytes, value: int) -> None:
    assert number(field) == value


@pytest.mark.parametrize("field", [b"0000648\0", b"0x1\0\0\0\0\0", b"1_0\0\0\0\0\0", b"+7\0\0\0\0\0\0"])
def test_no_numbers(field: bytes) -> None:
    with pytest.raises(ValueError):
        number(field)


def test_times() -> None:
    assert time(b"1.5") == 1_500_000_000
    assert time(b"-0.25") == -250_000_000
    assert time(b"3.") == 3 * _SECOND
    assert time(b"0.1234567899") == 123_456_789


def test_limits() -> None:
    archive = tar(Item("a" * 50), Item("b", data=b"b" * 100))
    assert len(list(reader(archive, limits=Limits(entries=2)))) == 2
    for limits in (Limits(entries=1), Limits(name=49), Limits(size=99)):
        with pytest.raises(InvalidLayer):
            list(reader(archive, limits=limits))
    with pytest.raises(InvalidLayer, match="pieces"):
        list(reader(old_sparse(), limits=Limits(extents=5)))
    with pytest.raises(LimitExceeded):
        list(reader(pax((b"path", b"y" * 100)) + raw(), limits=Limits(extended=50)))
