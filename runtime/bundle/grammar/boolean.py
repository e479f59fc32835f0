"""Booleans as Go reads them: 1, t, T, TRUE, true, True, and the same of false."""

from typing import Final

from runtime.bundle.errors import ValueInvalid

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def read(text: str, what: str) -> bool:
    """Whether `text` says true; `what` names in an error whose value it is."""
    if text not in _TRUE | _FALSE:
        raise ValueInvalid(f"invalid value for {what}: {text!r}; use true or false")
    return text in _TRUE
