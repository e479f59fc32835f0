"""Environment variables and labels: NAME=value, and files of them, one a line."""

from __future__ import annotations

from runtime.bundle.errors import ValueInvalid

TYPE_CHECKING = False  # `exec --env` waits for what is loaded here
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_FILE = 2**20
"""Bytes of an env file or a label file."""


def read_variable(text: str, environ: Mapping[str, str]) -> str:
    """NAME=value; a bare NAME takes the host's value, and stays bare when the host has none."""
    name, equals, _ = text.partition("=")
    if not name or "\0" in text:
        raise ValueInvalid(f"invalid environment variable: {text!r}; use NAME=value, or NAME for this host's value")
    return f"{name}={environ[name]}" if not equals and name in environ else text


def read_label(text: str) -> tuple[str, str]:
    """The key and the value of a label; without a value it is empty."""
    key, _, value = text.partition("=")
    if not key:
        raise ValueInvalid(f"invalid label: {text!r}; use key=value")
    return key, value


def read_file(content: bytes, name: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """The NAME=value lines of a file; comments begin with '#', white space before a name does not count.

    Bare names take the value that `environ` has, and are left out if it has none. Without `environ` they stay bare,
    as a file of labels wants it.
    """
    if len(content) > MAX_FILE:
        raise ValueInvalid(f"{name} is larger than {MAX_FILE} bytes")
    try:
        lines = content.removeprefix(b"\xef\xbb\xbf").decode().split("\n")
    except UnicodeDecodeError:
        raise ValueInvalid(f"{name} contains invalid utf8 bytes") from None
    found = []
    for number, raw in enumerate(lines, 1):
        line = raw.removesuffix("\r").lstrip()
        if line and not line.startswith("#"):
            found += _line(line, f"{name}, line {number}", environ)
    return found


def _line(line: str, where: str, environ: Mapping[str, str] | None) -> list[str]:
    name, equals, value = line.partition("=")
    if not equals:
        name = name.strip()
    if not name:
        raise ValueInvalid(f"no variable name in {where}: {line!r}; use NAME=value")
    if any(letter.isspace() for letter in name) or "\0" in line:
        raise ValueInvalid(f"variable {name!r} contains white space in {where}; use NAME=value")
    if equals:
        return [f"{name}={value}"]
    if environ is None:
        return [name]
    return [f"{name}={environ[name]}"] if name in environ else []


def merge(*layers: Iterable[str]) -> tuple[str, ...]:
    """Variables of later layers replace those of earlier ones in their place; a bare name takes one away."""
    found: dict[str, str] = {}
    for layer in layers:
        for text in layer:
            name, equals, _ = text.partition("=")
            if equals:
                found[name] = text
            else:
                found.pop(name, None)
    return tuple(found.values())
