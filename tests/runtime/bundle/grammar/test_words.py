"""Variables, labels, hosts, devices, modes, networks: the words of a command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.bundle.container import Device, Endpoint, LogConfig
from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import (
    detach_keys,
    device,
    environment,
    host,
    link,
    log_option,
    mac,
    mode,
    network,
    security,
    sysctl,
)


def test_a_bare_variable_takes_the_hosts_value() -> None:
    assert environment.read_variable("A", {"A": "1"}) == "A=1"
    assert environment.read_variable("A", {}) == "A"
    assert environment.read_variable("A=", {"A": "1"}) == "A="
    for text in ("", "=x", "A\0=1"):
        with pytest.raises(ValueInvalid):
            environment.read_variable(text, {})


def test_files_of_variables() -> None:
    content = b"\xef\xbb\xbf# comment\n\n  A=1\nB= two words \r\nHOST\nGONE\nC=d=e#f\n"
    assert environment.read_file(content, "f", {"HOST": "h"}) == ["A=1", "B= two words ", "HOST=h", "C=d=e#f"]
    assert environment.read_file(b"a\nb=c", "f") == ["a", "b=c"]


@pytest.mark.parametrize("content", [b"=x", b"A B=1", b"\xff=1", b"A\0=1", b"x" * (environment.MAX_FILE + 1)])
def test_what_is_no_file_of_variables(content: bytes) -> None:
    with pytest.raises(ValueInvalid, match="f"):
        environment.read_file(content, "f", {})


def test_variables_merge() -> None:
    assert environment.merge(["A=1", "B=2", "C=3"], ["B=4", "C", "D"]) == ("A=1", "B=4")


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.from_regex(r"[^\r\n\0]*", fullmatch=True)))
def test_variables_come_back_from_a_file(variables: dict[str, str]) -> None:
    lines = [f"{name}={value}" for name, value in variables.items()]
    assert environment.read_file("\n".join(lines).encode(), "f", {}) == lines


def test_labels() -> None:
    assert environment.read_label("a=b=c") == ("a", "b=c")
    assert environment.read_label("a") == ("a", "")
    with pytest.raises(ValueInvalid):
        environment.read_label("=b")


def test_hosts() -> None:
    assert host.read_extra("a:1.2.3.4") == host.read_extra("a=1.2.3.4") == "a:1.2.3.4"
    assert host.read_extra("a:[::1]") == host.read_extra("a:::1") == "a:::1"
    assert host.read_extra("a:host-gateway") == "a:host-gateway"
    for text in ("", "a", ":1.2.3.4", "a:", "a b:1.2.3.4", "a:1.2.3", "a:b:1.2.3.4"):
        with pytest.raises(ValueInvalid):
            host.read_extra(text)


def test_domains_to_search() -> None:
    assert host.read_search(" a.example. ") == "a.example."
    assert host.read_search(".") == "."
    for text in ("", "a b", "-a", "a" * 300):
        with pytest.raises(ValueInvalid):
            host.read_search(text)


def test_devices() -> None:
    assert device.read("/dev/a") == Device(path_on_host="/dev/a", path_in_container="/dev/a")
    assert device.read("/dev/a:r").cgroup_permissions == "r"
    assert device.read("/dev/a:/dev/b:rw") == Device(
        path_on_host="/dev/a", path_in_container="/dev/b", cgroup_permissions="rw"
    )
    assert device.read_rule("c 10:* rwm") == ("c", 10, None, "rwm")
    for text in ("", "a", ":/b", "/a:/b:", "/a:/b:x", "/a:/b:rr", "/a:b", "/a:/b:r:w"):
        with pytest.raises(ValueInvalid):
            device.read(text)
    for text in ("", "c 1:1", "x 1:1 r", "c 1 r", "c 1:1 rr", "c -1:1 r"):
        with pytest.raises(ValueInvalid):
            device.read_rule(text)


def test_modes() -> None:
    for kind, text in (
        ("pid", "host"),
        ("ipc", "container:a"),
        ("uts", ""),
        ("userns", "remap:me"),
        ("cgroupns", "host"),
    ):
        assert mode.read(kind, text) == text
    for kind, text in (
        ("pid", "what"),
        ("uts", "container:a"),
        ("ipc", "container:"),
        ("userns", "remap:"),
        ("pid", ":"),
    ):
        with pytest.raises(ValueInvalid, match=kind):
            mode.read(kind, text)
    assert mode.joined("container:a") == "a"
    assert [mode.is_user_defined(name) for name in ("bridge", "host", "container:a", "mine")] == [False] * 3 + [True]


@pytest.mark.parametrize("text", ["92:d0:c6:0a:29:33", "92-D0-C6-0A-29-33", "92d0.c60a.2933", " 92:d0:C6:0a:29:33 "])
def test_hardware_addresses(text: str) -> None:
    assert mac.read(text) == "92:d0:c6:0a:29:33"


@pytest.mark.parametrize(
    "text", ["", "92:d0:c6:0a:29", "92:d0:c6:0a:29:33:44", "92:d0-c6:0a:29:33", "93:d0:c6:0a:29:33", "0" * 12,
             "00:00:00:00:00:00", "g2:d0:c6:0a:29:33"]
)  # fmt: skip
def test_what_is_no_hardware_address(text: str) -> None:
    with pytest.raises(ValueInvalid, match="invalid MAC address"):
        mac.read(text)


def test_links() -> None:
    assert link.read("db") == link.read("db:db") == ("db", "db")
    assert link.read("db:store") == link.read("/db:/app/store") == ("db", "store")
    for text in ("", ":", "db:", ":store", "db:a:b", "d b", "db:a b"):
        with pytest.raises(ValueInvalid, match="bad format for links"):
            link.read(text)


def test_networks() -> None:
    assert network.read("mine") == ("mine", Endpoint())
    assert network.read("container:a") == ("container:a", Endpoint())
    assert network.read("name=mine,alias=a,alias=b,ip=1.2.3.4") == (
        "mine",
        Endpoint(aliases=("a", "b"), ipv4_address="1.2.3.4"),
    )
    assert network.read("name=mine,mac-address=02:00:00:00:00:01")[1].mac_address == "02:00:00:00:00:01"
    for text in (
        "",
        "a b",
        "container:",
        "alias=a",
        "name=a,name=b",
        "name=a,ip=::1",
        "name=a,what=1",
        "name=a,ip6=::1",
    ):
        with pytest.raises(ValueInvalid):
            network.read(text)


def test_log_options() -> None:
    assert log_option.read("", ["max-size=10m", "max-file=3"]) == LogConfig(config={"max-size": "10m", "max-file": "3"})
    assert log_option.read("none", []) == LogConfig(type="none")
    for driver, options in (
        ("syslog", []),
        ("", ["max-size"]),
        ("", ["what=1"]),
        ("", ["max-size=x"]),
        ("", ["max-size=0"]),
        ("", ["max-file=2"]),
        ("", ["max-size=1m", "max-file=0"]),
        ("none", ["max-size=1m"]),
    ):
        with pytest.raises(ValueInvalid):
            log_option.read(driver, options)


def test_security_options() -> None:
    assert security.read([]) == security.Security()
    assert security.read(["no-new-privileges", "seccomp=unconfined", "label=disable", "apparmor=unconfined"]) == (
        security.Security(no_new_privileges=True, seccomp="unconfined")
    )
    assert not security.read(["no-new-privileges", "no-new-privileges:false"]).no_new_privileges
    for text in ("", "seccomp", "seccomp=", "what=1", "apparmor=mine", "label=type:x", "no-new-privileges=maybe"):
        with pytest.raises(ValueInvalid):
            security.read([text])


def test_sysctls() -> None:
    assert sysctl.read("net/core/somaxconn=5") == ("net.core.somaxconn", "5")
    assert sysctl.read("kernel.shmmax=") == ("kernel.shmmax", "")
    for text in ("", "net.core.x", "kernel.panic=1", "vm.swappiness=1", "net.=1", "net.core..x=1", "net=1"):
        with pytest.raises(ValueInvalid, match="not allowed"):
            sysctl.read(text)


def test_detach_keys() -> None:
    assert detach_keys.read("") == b"\x10\x11"
    assert detach_keys.read("ctrl-a,q,CTRL-[,ctrl-@,ctrl-_") == b"\x01q\x1b\x00\x1f"
    for text in ("ctrl-", "ctrl-1", "aa", "a,,b", "\u00e9"):
        with pytest.raises(ValueInvalid):
            detach_keys.read(text)
