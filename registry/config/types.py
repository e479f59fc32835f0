"""The types of value a setting can have: how each is read, what is allowed, how it is written back as TOML.

A type reads either a TOML value (typed) or text (an environment variable or a flag). It knows nothing of keys or of
where a value came from; it raises `ValueError` and its `allowed` says what would have been right.
"""

import ipaddress
import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_SIZE_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"(\d+) ?([A-Za-z]*)", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s]*(@)")
_PASSWORD_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&\s\"]+")
_FOLDERS = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)
HIDDEN = "***"


class Type(Protocol):
    """What a setting accepts."""

    @property
    def allowed(self) -> str:
        """What is accepted, in words that follow 'must be'."""

    def read(self, raw: object, *, text: bool) -> object:
        """Return the value of `raw`, a TOML value, or text when `text`; `ValueError` when it is not allowed."""

    def write(self, value: object) -> str:
        """Return `value` as TOML."""


def hide_passwords(text: str) -> str:
    """Return `text` with the password of every URL in it replaced by stars."""
    return _PASSWORD_PARAMETER.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1{HIDDEN}\2", text))


def toml(value: object) -> str:
    """Return `value` as TOML: a string, a number, a boolean or a list of these."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text."""

    allowed: str = "text on one line"

    def read(self, raw: object, *, text: bool) -> str:
        """Any text without control characters."""
        if not isinstance(raw, str) or _CONTROL.search(raw):
            raise ValueError
        return raw

    def write(self, value: object) -> str:
        """A TOML string, with passwords in URLs hidden."""
        return toml(hide_passwords(str(value)))


@dataclass(frozen=True, slots=True)
class Secret(Text):
    """A line of text that is never shown."""

    def write(self, value: object) -> str:
        """Stars, or nothing where nothing is."""
        return toml(HIDDEN if value else "")


@dataclass(frozen=True, slots=True)
class Folders:
    """Names of folders with slashes between them, or nothing."""

    allowed: str = 'names of letters, digits, ".", "_" and "-" with slashes between them, such as registry/blobs'

    def read(self, raw: object, *, text: bool) -> str:
        """The names, without slashes around them."""
        if not isinstance(raw, str) or (raw.strip("/") and not _FOLDERS.fullmatch(raw.strip("/"))):
            raise ValueError
        return raw.strip("/")

    def write(self, value: object) -> str:
        """The TOML string."""
        return toml(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    allowed: str = "true or false"

    def read(self, raw: object, *, text: bool) -> bool:
        """A TOML boolean, or the word."""
        if text:
            raw = {"true": True, "false": False}.get(str(raw).strip().lower())
        if not isinstance(raw, bool):
            raise ValueError
        return raw

    def write(self, value: object) -> str:
        """The word."""
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between two bounds, both included."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        """The bounds."""
        return f"a whole number from {self.least} to {self.most}"

    def read(self, raw: object, *, text: bool) -> int:
        """A TOML integer, or digits."""
        if text and isinstance(raw, str) and re.fullmatch(r"\d{1,18}", raw.strip(), re.ASCII):
            raw = int(raw)
        if not isinstance(raw, int) or isinstance(raw, bool) or not self.least <= raw <= self.most:
            raise ValueError
        return raw

    def write(self, value: object) -> str:
        """The digits."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time, in seconds once read."""

    least: float
    most: float

    @property
    def allowed(self) -> str:
        """The bounds and the units."""
        bounds = f"from {write_duration(self.least)} to {write_duration(self.most)}"
        return f'a duration such as "30s", "5m" or "24h" (units ms, s, m, h, d; a plain number is seconds) {bounds}'

    def read(self, raw: object, *, text: bool) -> float:
        """Numbers with units, or a plain number of seconds."""
        seconds = _read_duration(raw)
        if not self.least <= seconds <= self.most:
            raise ValueError
        return seconds

    def write(self, value: object) -> str:
        """In the largest unit that keeps it whole."""
        return toml(write_duration(float(str(value))))


@dataclass(frozen=True, slots=True)
class Size:
    """An amount of bytes."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        """The bounds and the units."""
        bounds = f"from {write_size(self.least)} to {write_size(self.most)}"
        return (
            f'a size such as "64KiB" or "4MiB" (units B, KiB, MiB, GiB, KB, MB, GB; a plain number is bytes) {bounds}'
        )

    def read(self, raw: object, *, text: bool) -> int:
        """A number with a unit, or a plain number of bytes."""
        if isinstance(raw, str):
            found = _SIZE.fullmatch(raw.strip())
            if not found or found[2] not in _SIZE_UNITS or len(found[1]) > 18:
                raise ValueError
            raw = int(found[1]) * _SIZE_UNITS[found[2]]
        if not isinstance(raw, int) or isinstance(raw, bool) or not self.least <= raw <= self.most:
            raise ValueError
        return raw

    def write(self, value: object) -> str:
        """In the largest unit that keeps it whole."""
        return toml(write_size(int(str(value))))


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; the empty one, when allowed, leaves the choice to the server."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """The words."""
        return "one of " + ", ".join(toml(word) for word in self.words if word)

    def read(self, raw: object, *, text: bool) -> str:
        """Exactly one of the words."""
        if not isinstance(raw, str) or raw not in self.words:
            raise ValueError
        return raw

    def write(self, value: object) -> str:
        """The word as a TOML string."""
        return toml(value)


@dataclass(frozen=True, slots=True)
class Listen:
    """An address and a port to listen on."""

    allowed: str = "HOST:PORT, such as 127.0.0.1:5000, [::1]:5000, or 0.0.0.0:5000 for every address of this machine"

    def read(self, raw: object, *, text: bool) -> str:
        """Text that splits into a host and a port."""
        if not isinstance(raw, str):
            raise ValueError
        split_listen(raw.strip())
        return raw.strip()

    def write(self, value: object) -> str:
        """The TOML string."""
        return toml(value)


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute http or https URL, or nothing."""

    allowed: str = "a URL such as https://registry.example.com, without query, fragment, user or password"

    def read(self, raw: object, *, text: bool) -> str:
        """The URL without the slashes at its end."""
        if not isinstance(raw, str) or _CONTROL.search(raw):
            raise ValueError
        if raw == "":
            return raw
        parts = urlsplit(raw)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError
        if parts.username is not None or parts.password is not None or (parts.port or 1) < 1:
            raise ValueError
        return raw.rstrip("/")

    def write(self, value: object) -> str:
        """The TOML string."""
        return toml(value)


class _ListOfText(ABC):
    """A list; as text, its items are separated by commas."""

    __slots__ = ()

    def read(self, raw: object, *, text: bool) -> tuple[str, ...]:
        """Each item, checked."""
        if text:
            raw = [item.strip() for item in str(raw).split(",") if item.strip()]
        if not isinstance(raw, list):
            raise ValueError
        for item in raw:
            if not isinstance(item, str):
                raise ValueError
            self.check(item)
        return tuple(raw)

    @abstractmethod
    def check(self, item: str) -> None:
        """Raise `ValueError` when `item` is not allowed."""

    def write(self, value: object) -> str:
        """The TOML list."""
        return toml(value)


@dataclass(frozen=True, slots=True)
class Prefixes(_ListOfText):
    """What texts may begin with."""

    allowed: str = 'a list of prefixes, such as ["curl/", "Wget/"]'

    def check(self, item: str) -> None:
        """Anything but nothing, on one line: every text begins with nothing."""
        if not item or _CONTROL.search(item):
            raise ValueError


@dataclass(frozen=True, slots=True)
class Networks(_ListOfText):
    """Addresses and networks."""

    allowed: str = (
        'a list of addresses or networks, such as ["10.0.0.5", "192.168.0.0/16"], no bits set beyond the prefix'
    )

    def check(self, item: str) -> None:
        """An address, or a network whose host bits are zero."""
        ipaddress.ip_network(item)


@dataclass(frozen=True, slots=True)
class Origins(_ListOfText):
    """Web origins."""

    allowed: str = 'a list of web origins, such as ["https://ui.example.com"], or ["*"] for all'

    def check(self, item: str) -> None:
        """A scheme, a host and perhaps a port, nothing more; or the star."""
        parts = urlsplit(item)
        plain = parts.scheme in ("http", "https") and parts.netloc and item == f"{parts.scheme}://{parts.netloc}"
        if item != "*" and (not plain or "@" in item or _CONTROL.search(item) or (parts.port or 1) < 1):
            raise ValueError


@dataclass(frozen=True, slots=True)
class HeaderNames(_ListOfText):
    """Names of HTTP headers."""

    allowed: str = 'a list of names of headers, such as ["authorization", "traceparent"], or ["*"] for all'

    def check(self, item: str) -> None:
        """A token of RFC 9110, of which the star is one."""
        if not _TOKEN.fullmatch(item):
            raise ValueError


def split_listen(listen: str) -> tuple[str, int]:
    """Return the host (without brackets) and the port of HOST:PORT."""
    host, colon, port = listen.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        ipaddress.IPv6Address(host[1:-1])
        host = host[1:-1]
    elif not re.fullmatch(r"[A-Za-z0-9._-]+", host, re.ASCII):
        raise ValueError
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:
        raise ValueError
    return host, int(port)


def _read_duration(raw: object) -> float:
    if isinstance(raw, str):
        written = raw.strip()
        if _NUMBER.fullmatch(written):
            return float(written)
        if not _DURATION.fullmatch(written):
            raise ValueError
        return sum(float(number) * _DURATION_UNITS[unit] for number, unit in _DURATION_PART.findall(written))
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        raise ValueError
    return float(raw)


def write_duration(seconds: float) -> str:
    """Return `seconds` in the largest unit that keeps it whole."""
    for unit in ("d", "h", "m", "s", "ms"):
        count = round(seconds / _DURATION_UNITS[unit], 9)
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def write_size(size: int) -> str:
    """Return `size` in the largest binary unit that keeps it whole."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _SIZE_UNITS[unit] == 0:
            return f"{size // _SIZE_UNITS[unit]}{unit}"
    return str(size)
