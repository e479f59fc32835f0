"""Layers come packed in ways that their media types do not tell."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator

import pytest
from backports import zstd

from runtime.snapshots import compression
from runtime.snapshots.compression import decompressed
from runtime.snapshots.errors import Corrupt, LimitExceeded
from runtime.snapshots.limits import DEFAULT, Limits

DATA = b"hello" * 100_000
SKIPPED = (0x184D2A53).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"12345"
GZIP, ZSTD = gzip.compress(DATA, mtime=0), zstd.compress(DATA)


def unpacked(layer: bytes, limits: Limits = DEFAULT) -> bytes:
    return b"".join(decompressed(io.BytesIO(layer), limits))


@pytest.fixture(params=["isal", "zlib"])
def _gzip_by(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "zlib":  # as where isal is not installed
            patched.setattr(compression, "_isal", None)
        yield


@pytest.mark.usefixtures("_gzip_by")
def test_gzip() -> None:
    assert unpacked(GZIP) == DATA
    assert unpacked(GZIP + gzip.compress(b"") + gzip.compress(b"end")) == DATA + b"end"
    assert unpacked(b"".join(gzip.compress(b"%d" % n) for n in range(3000))) == b"".join(b"%d" % n for n in range(3000))


@pytest.mark.usefixtures("_gzip_by")
@pytest.mark.parametrize("damaged", [GZIP[:-1], GZIP[:-9], GZIP[:12], GZIP + b"x" * 20, GZIP[:-6] + b"xx" + GZIP[-4:]])
def test_damaged_gzip(damaged: bytes) -> None:
    with pytest.raises(Corrupt, match="pull it again"):
        unpacked(damaged)


def test_zstd() -> None:
    assert unpacked(ZSTD) == DATA
    assert unpacked(SKIPPED + ZSTD + SKIPPED + zstd.compress(b"end") + SKIPPED) == DATA + b"end"


@pytest.mark.parametrize("damaged", [ZSTD[:-1], ZSTD[:9], ZSTD + b"x" * 20, ZSTD + SKIPPED[:-1]])
def test_damaged_zstd(damaged: bytes) -> None:
    with pytest.raises(Corrupt, match="pull it again"):
        unpacked(damaged)


def test_plain() -> None:
    for data in (b"", b"\x1f", b"ab", DATA):
        assert unpacked(data) == data


def test_bombs() -> None:
    small = Limits(size=1 << 20, ratio_from=1 << 30)
    with pytest.raises(LimitExceeded, match="1048576 bytes"):
        unpacked(gzip.compress(bytes((1 << 20) + 1)), small)
    assert len(unpacked(gzip.compress(bytes(1 << 20)), small)) == 1 << 20
    with pytest.raises(LimitExceeded, match="as bombs do"):
        unpacked(zstd.compress(bytes(8 << 20)), Limits(ratio_from=1 << 20))


def test_zlib_alone_is_no_layer() -> None:
    assert unpacked(zlib.compress(b"x")) == zlib.compress(b"x")
