"""The functions of templates: Go's own, and those docker adds."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from runtime.cli.template.nodes import TemplateError

_VERB: Final = re.compile(r"%(?P<width>-?\d{1,3})?(?:\.(?P<digits>\d{1,3}))?(?P<verb>[sdvqxtf%])")


def truth(value: object) -> bool:
    """What `if` takes for true: all but zero, empty and nothing."""
    return bool(value)


def shown(value: object) -> str:
    """A value as Go prints it."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{shown(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(shown(one) for one in value) + "]"
    return str(value)


def to_json(value: object) -> str:
    """A value as JSON, as docker writes it: no spaces, letters as they are; what must be called is no part of it."""
    if isinstance(value, dict):
        value = {name: one for name, one in value.items() if not callable(one)}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _index(value: Any, *keys: Any) -> object:  # noqa: ANN401 - whatever the template is filled with
    for key in keys:
        if isinstance(value, Mapping):
            # Of a map of texts Go gives the empty one.
            missing = "" if all(isinstance(one, str) for one in value.values()) else None
            value = value.get(key, missing)
        elif isinstance(value, (list, str)) and isinstance(key, int) and 0 <= key < len(value):
            value = value[key]
        else:
            raise TemplateError(f"template: index {key!r} is not in {shown(value)[:60]}")
    return value


def _slice(value: Any, start: int = 0, end: int | None = None) -> object:  # noqa: ANN401
    return value[start:end]


def _printf(form: str, *values: object) -> str:
    left = list(values)

    def filled(verb: re.Match[str]) -> str:
        if verb["verb"] == "%":
            return "%"
        value = left.pop(0)
        text = _formatted(value, verb["verb"], verb["digits"])
        width = int(verb["width"] or 0)
        return text.ljust(-width) if width < 0 else text.rjust(width)

    return _VERB.sub(filled, form)


def _formatted(value: object, verb: str, digits: str | None) -> str:
    if verb == "x" and isinstance(value, int):
        return f"{value:x}"
    if verb == "f" and isinstance(value, (int, float)):
        return f"{value:.{digits or 6}f}"
    text = shown(value) if digits is None else shown(value)[: int(digits)]
    return to_json(text) if verb == "q" else text


def _pad(text: object, left: int, right: int) -> str:
    return f"{' ' * left}{shown(text)}{' ' * right}" if text else shown(text)


def _equal(first: object, *others: object) -> bool:
    return any(first == other for other in others)


def _and(*values: object) -> object:
    return next((value for value in values if not truth(value)), values[-1])


def _or(*values: object) -> object:
    return next((value for value in values if truth(value)), values[-1])


FUNCTIONS: Final[dict[str, Callable[..., object]]] = {
    "json": to_json,
    "upper": lambda text: shown(text).upper(),
    "lower": lambda text: shown(text).lower(),
    "title": lambda text: shown(text).title(),
    "join": lambda values, separator: separator.join(shown(one) for one in values),
    "split": lambda text, separator: shown(text).split(separator),
    "truncate": lambda text, length: shown(text)[:length],
    "pad": _pad,
    "println": lambda *values: " ".join(map(shown, values)) + "\n",
    "print": lambda *values: "".join(map(shown, values)),
    "printf": _printf,
    "len": len,
    "index": _index,
    "slice": _slice,
    "not": lambda value: not truth(value),
    "and": _and,
    "or": _or,
    "eq": _equal,
    "ne": lambda first, second: first != second,
    "lt": lambda first, second: first < second,
    "le": lambda first, second: first <= second,
    "gt": lambda first, second: first > second,
    "ge": lambda first, second: first >= second,
}
