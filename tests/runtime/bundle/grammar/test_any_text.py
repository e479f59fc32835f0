"""Whatever is written, a grammar reads it or says what is allowed; nothing else comes out of it."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.bundle import capabilities, user
from runtime.bundle.errors import BundleError
from runtime.bundle.grammar import (
    boolean,
    cpus,
    detach_keys,
    device,
    duration,
    environment,
    host,
    log_option,
    mode,
    mount,
    network,
    port,
    restart,
    security,
    signals,
    size,
    sysctl,
    tmpfs,
    ulimit,
    volume,
)

READERS: dict[str, Callable[[str], object]] = {
    "boolean": lambda text: boolean.read(text, "x"),
    "capability": capabilities.read,
    "cpus": cpus.read,
    "cpuset": cpus.read_set,
    "detach_keys": detach_keys.read,
    "device": device.read,
    "device_rule": device.read_rule,
    "duration": duration.read,
    "variable": lambda text: environment.read_variable(text, {}),
    "label": environment.read_label,
    "extra_host": host.read_extra,
    "dns_search": host.read_search,
    "log_option": lambda text: log_option.read("", [text]),
    "pid": lambda text: mode.read("pid", text),
    "network": network.read,
    "mount": mount.read,
    "port": port.read_published,
    "expose": port.read_exposed,
    "restart": restart.read,
    "security": lambda text: security.read([text]),
    "signal": signals.read,
    "size": size.read,
    "sysctl": sysctl.read,
    "tmpfs": tmpfs.read,
    "ulimit": ulimit.read,
    "volume": volume.read,
    "user": user.resolve,
}
# Pieces that stand in values, so that what is made of them comes far into a grammar.
PIECES = [
    "80",
    "/",
    "/a",
    ":",
    "=",
    ",",
    "-",
    ".",
    "ro",
    "[",
    "]",
    "::1",
    "type=bind",
    "target=/a",
    "src=/x",
    "1.2.3.4",
]
PIECES += [
    "nofile",
    "m",
    "k",
    "c ",
    "*",
    "rwm",
    "host",
    "container:",
    "net.",
    "no",
    "always",
    "on-failure",
    "0",
    "SIG",
    '"',
]
TEXTS = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=8).map("".join))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    with suppress(BundleError):
        READERS[name](text)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_file_of_variables_is_read_or_refused(content: bytes) -> None:
    try:
        lines = environment.read_file(content, "f", {})
    except BundleError:
        return
    assert all("=" in line and not line.startswith("=") for line in lines)
