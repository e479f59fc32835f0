"""Ports, published and exposed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.bundle.container import PortBinding
from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import port


def one(text: str) -> tuple[str, str, str]:
    ((name, binding),) = port.read_published(text)
    return name, binding.host_ip, binding.host_port


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("80", ("80/tcp", "", "")),
        ("80/UDP", ("80/udp", "", "")),
        ("8080:80", ("80/tcp", "", "8080")),
        ("1.2.3.4:8080:80/sctp", ("80/sctp", "1.2.3.4", "8080")),
        ("1.2.3.4::80", ("80/tcp", "1.2.3.4", "")),
        ("[::1]:8080:80", ("80/tcp", "::1", "8080")),
        ("::1:8080:80", ("80/tcp", "::1", "8080")),
        (":80", ("80/tcp", "", "")),
        ("8000-8010:80", ("80/tcp", "", "8000-8010")),
        ("target=80,published=8080,protocol=udp", ("80/udp", "", "8080")),
        ("target=80", ("80/tcp", "", "")),
    ],
)
def test_one_published_port(text: str, read: tuple[str, str, str]) -> None:
    assert one(text) == read


def test_ranges_go_together() -> None:
    found = port.read_published("9000-9001:80-81/udp")
    assert found == [("80/udp", PortBinding(host_port="9000")), ("81/udp", PortBinding(host_port="9001"))]
    assert port.read_exposed("80-81") == ["80/tcp", "81/tcp"]


def test_one_port_is_published_at_several_places() -> None:
    found = port.bindings(["8080:80", "8081:80", "8080:80"])
    assert found == {"80/tcp": (PortBinding(host_port="8080"), PortBinding(host_port="8081"))}


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "80:",
        "0",
        "65536",
        "a",
        "80/",
        "80/xyz",
        "80-79",
        "1-3:1-2",
        "1.2.3:80:80",
        "80:80:80",
        "-1",
        "8 0",
        "target=80,target=81",
        "published=80",
        "target=80,what=1",
        "80-",
        "1:2:3:4:5:6:7:8:9:80:80",
        "8080:[80]",
    ],
)
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(ValueInvalid):
        port.read_published(text)


@given(
    st.sampled_from(["", "0.0.0.0", "10.1.2.3", "[2001:db8::1]"]),
    st.integers(1, 65535),
    st.integers(1, 65535),
    st.sampled_from(port.PROTOCOLS),
)
def test_what_is_written_is_read(ip: str, outside: int, inside: int, protocol: str) -> None:
    text = f"{ip}:{outside}:{inside}/{protocol}" if ip else f"{outside}:{inside}/{protocol}"
    assert one(text) == (f"{inside}/{protocol}", ip.strip("[]"), str(outside))
