"""What the applier and its workers say to each other: values in marshal's form, each behind its length.

The applier sends lists of jobs; an empty list asks for an answer when all before it is done. The answer is empty, or
what failed first: then nothing after it was done.
"""

from __future__ import annotations

import marshal
import struct
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from runtime.snapshots.errors import InvalidLayer, SnapshotError, Unsupported

ENDED = "a process that unpacked files was ended, try again"
_LENGTH = struct.Struct("=I")

Job: TypeAlias = tuple[bytes, bytes, bytes, int, int, int, int, int]
"""A folder's path in the tree, a name in it, the data, mode, uid, gid, mtime and atime as of `Attributes`."""


class Failure(NamedTuple):
    """An error on its way between processes."""

    kind: str
    number: int
    text: str
    name: bytes

    @classmethod
    def of(cls, error: Exception, name: bytes) -> Failure:
        if isinstance(error, InvalidLayer):
            return cls("layer", 0, error.reason, name)
        if isinstance(error, OSError):
            return cls("system", error.errno or 0, error.strerror or str(error), name)
        return cls("unsupported", 0, str(error), name)

    def error(self) -> Exception:
        """The same again."""
        if self.kind == "layer":
            return InvalidLayer(self.text, self.name)
        if self.kind == "system":
            return OSError(self.number, self.text)
        return Unsupported(self.text)


def packed(value: list[Job] | Failure | None) -> bytes:
    """A message: jobs, or an answer."""
    data = marshal.dumps(tuple(value) if isinstance(value, Failure) else value or ())
    return _LENGTH.pack(len(data)) + data


def jobs(stream: BinaryIO) -> list[Job] | None:
    """The next list of jobs; None when the other end is closed."""
    found: list[Job] | None = _value(stream)
    return found


def answer(stream: BinaryIO) -> Failure | None:
    """The answer to an empty list. Raises SnapshotError when there is none."""
    found: tuple[str, int, str, bytes] | tuple[()] | None = _value(stream)
    if found is None:
        raise SnapshotError(ENDED)
    return Failure(*found) if found else None


def _value(stream: BinaryIO) -> Any:  # noqa: ANN401 - what marshal gives
    length = stream.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    data = stream.read(*_LENGTH.unpack(length))
    return marshal.loads(data)  # noqa: S302 - of our own program, by a socket that no other process has
