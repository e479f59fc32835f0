"""JSON by the C parts of Python's json, without the rest of it, which takes longer to load than to use."""

from __future__ import annotations

import _json
import os

from runtime.executor.errors import ExecutorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LIMIT_BYTES = 64 << 20


class _Context:
    """What the C scanner asks its decoder for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def parse(text: str) -> object:
    """The value of a JSON document. Raise ExecutorError if it is not one."""
    stripped = text.strip(" \t\r\n")
    try:
        value, end = _json.make_scanner(_Context())(  # type: ignore[arg-type]
            stripped, 0
        )
    except StopIteration as stop:
        raise ExecutorError(f"invalid JSON at character {stop.value}") from None
    except ValueError as error:
        raise ExecutorError(f"invalid JSON: {error}") from None
    if end != len(stripped):
        raise ExecutorError(f"invalid JSON: something stands behind it at character {end}")
    return value


def read(path: str) -> dict[str, Any]:
    """Read a JSON file that holds an object, of at most 64 MiB. Raise OSError or ExecutorError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return as_object(drain(descriptor))
    finally:
        os.close(descriptor)


def as_object(text: str) -> dict[str, Any]:
    """The object of a JSON document. Raise ExecutorError if it is something else."""
    value = parse(text)
    if not isinstance(value, dict):
        raise ExecutorError("the JSON is no object")
    return value


def drain(descriptor: int) -> str:
    """All text that a descriptor has. Raise ExecutorError if it is too much."""
    parts, size = [], 0
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
        size += len(part)
        if size > _LIMIT_BYTES:
            raise ExecutorError(f"more than {_LIMIT_BYTES} bytes of JSON")
    return b"".join(parts).decode("utf-8", "surrogateescape")


def compact(value: object) -> str:
    """A value as JSON on one line."""
    encoder = _json.make_encoder(None, _refuse, _json.encode_basestring_ascii, None, ":", ",", False, False, False)
    return "".join(encoder(value, 0))


def pretty(value: object, indent: str = "") -> str:
    """A value as JSON for people: two spaces for each level."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        lines = [f"{inner}{compact(key)}: {pretty(each, inner)}" for key, each in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + pretty(each, inner) for each in value) + f"\n{indent}]"
    return compact(value)


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
