"""JSON read the one way every reader agrees on: what two parsers could understand differently is refused."""

import json
import math
import re
from typing import Final, NoReturn

# Everything but quotes and brackets goes; then { and [ become (, } and ] become ).
_DROPPED: Final = bytes(byte for byte in range(256) if byte not in b'"[]{}')
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


def _too_deep(payload: bytes, max_depth: int) -> bool:
    """Whether brackets outside strings nest deeper than this; never misses one, wrong brackets are left to the parser.

    A backslash is legal only inside a string, so dropping escaped backslashes and quotes leaves quotes that only open
    and close. Each pass then removes the innermost pairs, so nesting of depth d is gone after d passes.
    """
    if payload.count(b"[") + payload.count(b"{") <= max_depth:
        return False
    bare = payload.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in payload else payload
    rest = b"".join(bare.translate(None, _DROPPED).split(b'"')[::2]).translate(_BRACKETS)
    if b"(" * (max_depth + 1) in rest:
        return True
    for _ in range(max_depth):
        shorter = rest.replace(b"()", b"")
        if len(shorter) == len(rest):
            break
        rest = shorter
    return b"()" in rest or rest.count(b"(") > max_depth


def loads(payload: bytes, max_depth: int = 32) -> object:
    """Read one JSON value.

    Refused with InvalidJson: duplicate keys, NaN and Infinity, numbers out of range, invalid UTF-8, half surrogate
    pairs, and nesting beyond max_depth, which is measured before anything is parsed.
    """
    if _too_deep(payload, max_depth):
        raise InvalidJson(f"nested deeper than {max_depth} levels")
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
