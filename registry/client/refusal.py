"""An answer of 400 and more, made into an error: the codes of its body, and words for people."""

from __future__ import annotations

import json
from http import HTTPStatus

from registry.client.errors import (
    ClientError,
    Denied,
    ErrorItem,
    NotFound,
    RangeNotSatisfiable,
    RegistryError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from registry.client.response import Response
from registry.client.transport import retry_after

_KINDS: dict[int, type[RegistryError]] = {
    401: Unauthorized,
    403: Denied,
    404: NotFound,
    416: RangeNotSatisfiable,
    429: TooManyRequests,
}
_LONGEST_BODY = 1 << 16
_LONGEST_TEXT = 300
_MOST_ITEMS = 16


def refusal(answer: Response, what: str) -> RegistryError:
    """The error; `what` names what was asked for. Reads the body and closes the answer."""
    with answer:
        items = _items(answer)
    kind = _KINDS.get(answer.status) or (Unavailable if answer.status >= 500 else RegistryError)
    said = "; ".join(item.message or item.code for item in items) or _phrase(answer.status)
    return kind(f"{what}: {said} ({answer.status})", answer.status, items, retry_after(answer))


def _items(answer: Response) -> tuple[ErrorItem, ...]:
    """The errors of the body; a body of another form has none, and so has HEAD."""
    try:
        document = json.loads(answer.body(_LONGEST_BODY))
    except (ClientError, ValueError, RecursionError):
        return ()
    found = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(found, list):
        return ()
    return tuple(
        ErrorItem(_text(item.get("code")), _text(item.get("message")))
        for item in found[:_MOST_ITEMS]
        if isinstance(item, dict)
    )


def _text(value: object) -> str:
    """What a registry wrote, fit for a terminal: no control characters, not too long."""
    if not isinstance(value, str):
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in value[:_LONGEST_TEXT]).strip()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "refused"
