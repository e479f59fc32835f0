"""JSON read the one way every reader agrees on: what two parsers could understand differently is refused."""

import json
import math
import re
from typing import Final, NoReturn

MAX_VALUES: Final = 200_000

# Everything but these goes; then { and [ become (, } and ] become ).
_DROPPED: Final = bytes(byte for byte in range(256) if byte not in b'"[]{},:')
_BRACKETS: Final = bytes.maketrans(b"[]{}", b"()()")
_surrogate = re.compile(rb"\\u[dD][89a-fA-F]").search
_SHOWN: Final = 80


class InvalidJson(ValueError):
    """The payload is not strict JSON; position is the byte it was noticed at, None where the parser cannot tell."""

    def __init__(self, reason: str, position: int | None = None) -> None:
        self.reason = reason
        self.position = position
        super().__init__(reason if position is None else f"{reason} (at byte {position})")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidJson(f"key {key[:_SHOWN]!r} is given twice in one object")
            seen.add(key)
    return result


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidJson(f"number {text[:_SHOWN]} is out of range")
    return number


def _constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not a JSON value")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_constant)


def _check_size(payload: bytes, max_depth: int, max_values: int) -> None:
    """Raise InvalidJson where the parser would nest deeper than this, or make more values.

    Never misses one, and refuses none for what is in its strings, but counts an empty list or object twice; wrong
    brackets are left to the parser. Most payloads are let through by a few counts.
    """
    opened = payload.count(b"[") + payload.count(b"{")
    many = len(payload) > max_values and opened + payload.count(b",") >= max_values
    if opened <= max_depth and not many:
        return
    # A backslash is legal only inside a string, so dropping escaped ones and quotes leaves quotes that open and close.
    bare = payload.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in payload else payload
    if bare.count(b'"') > 4 * max_values:  # two for each key, two for each value
        raise InvalidJson(f"more than {max_values} values")
    # Most strings are empty then, and go; the others are every second piece. A colon or comma keeps two strings apart.
    rest = b"".join(bare.translate(None, _DROPPED).replace(b'""', b"").split(b'"')[::2])
    if many and rest.count(b",") + rest.count(b"[") + rest.count(b"{") >= max_values:
        raise InvalidJson(f"more than {max_values} values")
    if _too_deep(rest.translate(_BRACKETS, b",:"), max_depth):
        raise InvalidJson(f"nested deeper than {max_depth} levels")


def _too_deep(rest: bytes, max_depth: int) -> bool:
    """Of brackets alone. Each pass removes the innermost pairs, so nesting of depth d is gone after d passes."""
    if b"(" * (max_depth + 1) in rest:
        return True
    for _ in range(max_depth):
        shorter = rest.replace(b"()", b"")
        if len(shorter) == len(rest):
            break
        rest = shorter
    return b"()" in rest or rest.count(b"(") > max_depth


def loads(payload: bytes, max_depth: int = 32, max_values: int = MAX_VALUES) -> object:
    """Read one JSON value.

    Refused with InvalidJson: duplicate keys, NaN and Infinity, numbers out of range, invalid UTF-8, half surrogate
    pairs, and nesting beyond max_depth or more than max_values values, which is measured before anything is parsed: a
    value of two bytes takes up to a hundred in memory.
    """
    _check_size(payload, max_depth, max_values)
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise InvalidJson("not valid UTF-8", error.start) from None
    try:
        value: object = _decoder.decode(text)
        if _surrogate(payload) is not None:
            json.dumps(value, ensure_ascii=False).encode()
    except InvalidJson:
        raise
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        raise InvalidJson(reason, len(text[: error.pos].encode())) from None
    except UnicodeEncodeError:
        raise InvalidJson("a string holds half of a surrogate pair") from None
    except RecursionError:
        raise InvalidJson("nested too deeply") from None
    except ValueError:
        # The interpreter refuses to read whole numbers of thousands of digits.
        raise InvalidJson("a whole number has too many digits") from None
    return value
