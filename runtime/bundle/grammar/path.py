"""Paths in the container: absolute, without `..`, `.` and doubled slashes once cleaned."""

import posixpath
from typing import Final

from runtime.bundle.errors import ValueInvalid

MAX_PATH: Final = 4095


def clean(path: str) -> str:
    """The same path without what changes nothing."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def read_target(path: str, what: str) -> str:
    """A place in the container to mount at, cleaned; `what` names in an error what it was read from."""
    if "\0" in path or len(path) > MAX_PATH:
        raise ValueInvalid(f"invalid mount path in {what}: a path has at most {MAX_PATH} characters and no NUL")
    if not path.startswith("/"):
        raise ValueInvalid(f"invalid mount path {path!r} in {what}: mount path must be absolute")
    cleaned = clean(path)
    if cleaned == "/":
        raise ValueInvalid(f"invalid mount in {what}: destination can't be '/'")
    return cleaned
