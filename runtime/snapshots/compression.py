"""The uncompressed bytes of a layer: what it is packed with is told by its first bytes, never by its media type.

gzip may have several members and zstd several frames, skippable ones among them (eStargz and zstd:chunked make such
layers); all are read. Whatever follows the last that is neither is refused, as Go's gzip does.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import BinaryIO, Protocol

from runtime.snapshots.errors import Corrupt, LimitExceeded, Unsupported
from runtime.snapshots.limits import Limits
from runtime.snapshots.snapshots import Progress


def _module(name: str) -> ModuleType | None:
    """A library that an installation may lack."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


_isal = _module("isal.igzip_lib")  # without it, zlib does the same in twice the time
_zstd = _module("compression.zstd") or _module("backports.zstd")  # from Python 3.14 on, and before

# RFC 1952, 2.3.1: ID1, ID2, and CM = 8, the one method there is. RFC 8878, 3.1.1 and 3.1.2.
_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_MAGIC = 4

_IN = 1 << 16
"""Bytes read at once. Small: what follows a member is copied, and layers of a member for each file have many."""
_OUT = 1 << 18

_FAILURES: tuple[type[Exception], ...] = (
    zlib.error,
    EOFError,
    *((_isal.error,) if _isal is not None else ()),
    *((_zstd.ZstdError,) if _zstd is not None else ()),
)


class _Decoder(Protocol):
    """Of one gzip member or one zstd frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _ZlibMember:
    """zlib's decoder with the interface of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._full

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self._full = len(out) == max_length or bool(self._zlib.unconsumed_tail)
        return out


def decompressed(layer: BinaryIO, limits: Limits, progress: Progress | None = None) -> Iterator[bytes]:
    """The uncompressed bytes, piece by piece, to the end of the layer.

    Raises Corrupt, LimitExceeded, Unsupported, and what reading the layer raises.
    """
    counted = _Counted(layer, progress)
    start = counted.start()
    total = 0
    for piece in _pieces(start, counted):
        total += len(piece)
        if total > limits.size:
            raise LimitExceeded(f"it has more than {limits.size} bytes uncompressed, which is the limit")
        if total > limits.ratio_from and total > limits.ratio * counted.total:
            raise LimitExceeded(f"it uncompresses to more than {limits.ratio} times its size, as bombs do")
        yield piece


def _pieces(start: bytes, source: _Counted) -> Iterator[bytes]:
    if start.startswith(_GZIP):
        return _decoded(_gzip_member, start, source, "gzip")
    if start[:4] == _ZSTD or (len(start) >= _MAGIC and int.from_bytes(start[:4], "little") in _SKIPPABLE):
        if _zstd is None:
            raise Unsupported("the layer is compressed with zstd, install entrepot[runtime]")
        return _decoded(_zstd.ZstdDecompressor, start, source, "zstd")
    return source.rest(start)


def _gzip_member() -> _Decoder:
    if _isal is None:
        return _ZlibMember()
    decoder: _Decoder = _isal.IgzipDecompressor(_isal.DECOMP_GZIP)
    return decoder


def _decoded(make: Callable[[], _Decoder], start: bytes, source: _Counted, name: str) -> Iterator[bytes]:
    """Member after member, frame after frame."""
    decoder: _Decoder | None = None
    for read in source.rest(start):
        data = read
        while True:
            decoder = decoder or make()
            try:
                out = decoder.decompress(data, _OUT)
            except _FAILURES as error:
                raise Corrupt(f"its {name} stream is damaged ({error}), pull it again") from error
            if out:
                yield out
            data = b""
            if decoder.eof:
                data, decoder = decoder.unused_data, None
                if not data:
                    break
            elif decoder.needs_input:
                break
    if decoder is not None:
        raise Corrupt(f"its {name} stream is cut off, pull it again")


class _Counted:
    """Reads the layer and tells of it."""

    def __init__(self, layer: BinaryIO, progress: Progress | None) -> None:
        self._layer = layer
        self._progress = progress
        self.total = 0

    def start(self) -> bytes:
        """The first bytes, enough to see what they are."""
        start = b""
        while len(start) < _MAGIC and (more := self._read()):
            start += more
        return start

    def rest(self, start: bytes) -> Iterator[bytes]:
        """What `start` gave, and all that follows."""
        data = start
        while data:
            yield data
            data = self._read()

    def _read(self) -> bytes:
        data = self._layer.read(_IN)
        self.total += len(data)
        if self._progress is not None and data:
            self._progress(len(data))
        return data
