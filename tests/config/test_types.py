"""Each type of value: what it reads, what it refuses, and that what it writes reads back as the same."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.config import SETTINGS
from registry.config.types import (
    Choice,
    Duration,
    Flag,
    Folders,
    Integer,
    Listen,
    Networks,
    Origins,
    Prefixes,
    Size,
    Text,
    Type,
    Url,
    hide_passwords,
    split_listen,
)

DURATION = Duration(0, 86400)
SIZE = Size(0, 2**40)


@pytest.mark.parametrize(
    ("type", "raw", "value"),
    [
        (DURATION, "30s", 30.0),
        (DURATION, "500ms", 0.5),
        (DURATION, "1h30m", 5400.0),
        (DURATION, "1.5h", 5400.0),
        (DURATION, "15", 15.0),
        (DURATION, 15, 15.0),
        (DURATION, 0.25, 0.25),
        (SIZE, "4MiB", 4 * 2**20),
        (SIZE, "4 MB", 4_000_000),
        (SIZE, "12", 12),
        (SIZE, "12B", 12),
        (SIZE, 12, 12),
        (Integer(1, 9), 9, 9),
        (Flag(), True, True),
        (Choice(("a", "b")), "b", "b"),
        (Listen(), "127.0.0.1:5000", "127.0.0.1:5000"),
        (Listen(), "[::1]:0", "[::1]:0"),
        (Listen(), "registry.example.com:65535", "registry.example.com:65535"),
        (Networks(), ["10.0.0.5", "10.0.0.0/8", "fd00::/8"], ("10.0.0.5", "10.0.0.0/8", "fd00::/8")),
        (Origins(), ["*", "https://a.example:8443"], ("*", "https://a.example:8443")),
        (Url(), "https://registry.example.com/", "https://registry.example.com"),
        (Url(), "", ""),
        (Text(), "words", "words"),
        (Folders(), "/registry/blobs_1.x/", "registry/blobs_1.x"),
        (Folders(), "/", ""),
        (Prefixes(), ["curl/"], ("curl/",)),
    ],
)
def test_reads_from_toml(type: Type, raw: object, value: object) -> None:
    assert type.read(raw, text=False) == value


@pytest.mark.parametrize(
    ("type", "raw", "value"),
    [
        (Integer(1, 9), " 9 ", 9),
        (Flag(), "TRUE", True),
        (Flag(), "false", False),
        (DURATION, "5m", 300.0),
        (SIZE, "64KiB", 65536),
        (Networks(), "10.0.0.5, 10.0.0.0/8", ("10.0.0.5", "10.0.0.0/8")),
        (Networks(), "", ()),
    ],
)
def test_reads_from_text(type: Type, raw: object, value: object) -> None:
    assert type.read(raw, text=True) == value


@pytest.mark.parametrize(
    ("type", "raw"),
    [
        (DURATION, "30 parsecs"),
        (DURATION, "-1s"),
        (DURATION, ""),
        (DURATION, "2d"),
        (DURATION, True),
        (DURATION, float("nan")),
        (DURATION, float("inf")),
        (DURATION, "\u0661s"),
        (SIZE, "4mib"),
        (SIZE, "1.5MiB"),
        (SIZE, "9" * 5000),
        (SIZE, -1),
        (SIZE, True),
        (SIZE, 1.0),
        (Integer(1, 9), 0),
        (Integer(1, 9), 10),
        (Integer(1, 9), "9"),
        (Integer(1, 9), True),
        (Flag(), 1),
        (Flag(), "true"),
        (Choice(("", "a")), "A"),
        (Choice(("", "a")), 1),
        (Listen(), "5000"),
        (Listen(), ":5000"),
        (Listen(), "127.0.0.1"),
        (Listen(), "127.0.0.1:65536"),
        (Listen(), "::1:5000"),
        (Listen(), "[nonsense]:5000"),
        (Listen(), 5000),
        (Networks(), "10.0.0.0/8"),
        (Networks(), ["10.0.0.1/8"]),
        (Networks(), ["proxy.example.com"]),
        (Networks(), [1]),
        (Origins(), ["https://a.example/"]),
        (Origins(), ["a.example"]),
        (Origins(), ["https://me@a.example"]),
        (Origins(), ["https://a.example:x"]),
        (Url(), "ftp://a.example"),
        (Url(), "https://a.example?x=1"),
        (Url(), "https://me:secret@a.example"),
        (Url(), "registry.example.com"),
        (Text(), "two\nlines"),
        (Text(), 1),
        (Folders(), "a//b"),
        (Folders(), "a/../b"),
        (Folders(), "a b"),
        (Folders(), ["a"]),
        (Prefixes(), [""]),
        (Prefixes(), ["two\nlines"]),
        (Prefixes(), "curl/"),
    ],
)
def test_refuses(type: Type, raw: object) -> None:
    with pytest.raises(ValueError):
        type.read(raw, text=False)


@pytest.mark.parametrize("key", SETTINGS)
def test_every_default_reads_back(key: str) -> None:
    setting = SETTINGS[key]
    written = tomllib.loads(f"value = {setting.type.write(setting.default)}")["value"]
    if written == "" and isinstance(setting.type, Text):
        return
    assert setting.type.read(written, text=False) == setting.default


@given(st.integers(0, 86400 * 1000).map(lambda milliseconds: milliseconds / 1000))
def test_durations_read_back(seconds: float) -> None:
    written = tomllib.loads(f"value = {DURATION.write(seconds)}")["value"]
    assert DURATION.read(written, text=False) == pytest.approx(seconds)


@given(st.integers(0, 2**40))
def test_sizes_read_back(size: int) -> None:
    written = tomllib.loads(f"value = {SIZE.write(size)}")["value"]
    assert SIZE.read(written, text=False) == size


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, range(32)), chr(127)])))
def test_texts_read_back(words: str) -> None:
    written = tomllib.loads(f"value = {Text().write(words)}")["value"]
    assert written == hide_passwords(words)


def test_hides_passwords() -> None:
    assert hide_passwords("postgresql://me:p@ss@host/db") == "postgresql://me:***@host/db"
    assert hide_passwords("sqlite:////var/lib/entrepot.db") == "sqlite:////var/lib/entrepot.db"


def test_splits_listen() -> None:
    assert split_listen("[::1]:5000") == ("::1", 5000)
    assert split_listen("localhost:80") == ("localhost", 80)
