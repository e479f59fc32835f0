"""Sizes, durations, CPUs, limits: the numbers of a command line."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.bundle.container import RestartPolicy, Ulimit
from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import cpus, duration, restart, signals, size, ulimit


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0", 0),
        ("32", 32),
        ("32b", 32),
        ("32B", 32),
        ("32k", 32 << 10),
        ("32 KiB", 32 << 10),
        ("1.5g", 3 << 29),
        (".5m", 1 << 19),
        ("7p", 7 << 50),
        ("1.", 1),
    ],
)
def test_sizes(text: str, bytes_: int) -> None:
    assert size.read(text) == bytes_


@pytest.mark.parametrize(
    "text", ["", "-1", "1e3", "k", "1kk", " 1", "1  ", "1bk", "0x1", "\u0661", "9" * 20, "9999999p"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueInvalid, match="invalid size"):
        size.read(text)


def test_only_swap_is_without_bound() -> None:
    assert size.read_swap("-1") == -1
    assert size.read_swap("1k") == 1024


@given(st.integers(0, 2**40), st.sampled_from("bkm"))
def test_a_whole_size_is_exact(number: int, unit: str) -> None:
    assert size.read(f"{number}{unit}") == number << (10 * "bkm".index(unit))


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("1m30s", 90 * 10**9),
        ("1.5h", 5400 * 10**9),
        (".5s", 5 * 10**8),
        ("1us1\u00b5s1\u03bcs", 3000),
        ("1h0m1ns", 3600 * 10**9 + 1),
        ("1.0000000001s", 10**9),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert duration.read(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "1", "-1s", "1 s", "s", ".s", "1d", "1s2", "1h" * 17, "9999999h" * 3, "1e3s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueInvalid, match="invalid duration"):
        duration.read(text)


@given(st.timedeltas(timedelta(0), timedelta(days=9999)))
def test_a_duration_comes_back(time: timedelta) -> None:
    text = f"{time.days * 24}h{time.seconds}s{time.microseconds}us"
    assert duration.read(text) == (time.days * 86400 + time.seconds) * 10**9 + time.microseconds * 1000


def test_cpus() -> None:
    assert [cpus.read(text) for text in ("1", "1.5", ".25", "2.")] == [10**9, 1_500_000_000, 250_000_000, 2 * 10**9]
    assert cpus.read_set("0-2,5") == {0, 1, 2, 5}


@pytest.mark.parametrize("text", ["", ".", "-1", "1/2", "1e1", "0.0000000001"])
def test_what_is_no_number_of_cpus(text: str) -> None:
    with pytest.raises(ValueInvalid, match="decimal number"):
        cpus.read(text)


@pytest.mark.parametrize("text", ["", "a", "1-", "3-1", "1,,2", "0-99999"])
def test_what_is_no_set_of_cpus(text: str) -> None:
    with pytest.raises(ValueInvalid, match="invalid set"):
        cpus.read_set(text)


def test_ulimits() -> None:
    assert ulimit.read("nofile=1024:2048") == Ulimit(name="nofile", soft=1024, hard=2048)
    assert ulimit.read("core=0") == Ulimit(name="core", soft=0, hard=0)
    assert ulimit.read("memlock=5:-1") == Ulimit(name="memlock", soft=5, hard=-1)


@pytest.mark.parametrize("text", ["nofile", "nofile=", "nofile=2:1", "nofile=-1:5", "what=1", "=1", "core=" + "9" * 19])
def test_what_is_no_ulimit(text: str) -> None:
    with pytest.raises(ValueInvalid, match="ulimit"):
        ulimit.read(text)


def test_restart_policies() -> None:
    assert restart.read("on-failure:3") == RestartPolicy(name="on-failure", maximum_retry_count=3)
    assert restart.read("") == restart.read("no") == RestartPolicy()
    assert restart.read("unless-stopped").name == "unless-stopped"


@pytest.mark.parametrize("text", ["on-failure:", "on-failure:-1", "always:1", "maybe", ":", "on-failure:99999999999"])
def test_what_is_no_restart_policy(text: str) -> None:
    with pytest.raises(ValueInvalid):
        restart.read(text)


def test_signals() -> None:
    assert [signals.read(text) for text in ("9", "KILL", "SIGKILL", "sigkill")] == [9] * 4
    assert (signals.read("RTMIN"), signals.read("SIGRTMIN+3"), signals.read("RTMAX-14")) == (34, 37, 50)


@pytest.mark.parametrize("text", ["", "0", "65", "-9", "SIG", "NOPE", "RTMIN+40", "999", "SIG9"])
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(ValueInvalid, match="invalid signal"):
        signals.read(text)
