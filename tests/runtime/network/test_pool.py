"""Subnets and addresses: docker's pools, and the user's wishes."""

from ipaddress import IPv4Network

import pytest

from runtime.network.definition import Wishes, define, flag
from runtime.network.errors import NetworkError, NetworkExists, NoFreeSubnet, PoolOverlap
from runtime.network.network import Network
from runtime.network.pool import choose_subnet

OTHER = Network(id="0" * 64, name="other", created="", device="br-other", subnet="10.9.0.0/24", gateway="10.9.0.1")


def test_the_pool_is_dockers() -> None:
    used: list[IPv4Network] = []
    for _ in range(15 + 16):
        used.append(choose_subnet(used))
    with pytest.raises(NoFreeSubnet, match="all predefined address pools have been fully subnetted"):
        choose_subnet(used)
    assert [str(each) for each in used[:2]] == ["172.17.0.0/16", "172.18.0.0/16"]
    assert [str(each) for each in used[14:17]] == ["172.31.0.0/16", "192.168.0.0/20", "192.168.16.0/20"]


def test_what_the_host_uses_is_left_alone() -> None:
    used = [IPv4Network("172.17.0.1/32"), IPv4Network("172.18.0.0/15"), IPv4Network("172.21.128.0/17")]
    assert str(choose_subnet(used)) == "172.20.0.0/16"


def test_wishes_are_followed() -> None:
    wishes = Wishes(
        subnet="10.8.0.9/24", gateway="10.8.0.254", ip_range="10.8.0.128/25", internal=True, labels={"a": "b"}
    )
    made = define("mine", wishes, [OTHER], [IPv4Network("10.8.0.0/16")])
    assert (made.subnet, made.gateway, made.ip_range) == ("10.8.0.0/24", "10.8.0.254", "10.8.0.128/25")
    assert made.device == f"br-{made.id[:12]}"
    assert (made.internal, made.labels, made.has_names) == (True, {"a": "b"}, True)
    assert define("mine", Wishes(), [OTHER], []).gateway == "172.17.0.1"
    assert flag(made, "com.docker.network.bridge.enable_icc", otherwise=True)


@pytest.mark.parametrize(
    ("name", "wishes", "kind", "told"),
    [
        ("other", Wishes(), NetworkExists, "network with name other already exists"),
        ("host", Wishes(), NetworkError, "not permitted on predefined host network"),
        ("default", Wishes(), NetworkError, "predefined"),
        ("-x", Wishes(), NetworkError, "invalid network name"),
        ("a b", Wishes(), NetworkError, "invalid network name"),
        ("x" * 200, Wishes(), NetworkError, "invalid network name"),
        ("mine", Wishes(driver="overlay"), NetworkError, "driver overlay is not known"),
        ("mine", Wishes(subnet="10.9.0.128/25"), PoolOverlap, "overlaps with 10.9.0.0/24 of network other"),
        ("mine", Wishes(subnet="10.9"), NetworkError, "invalid subnet"),
        ("mine", Wishes(subnet="10.8.0.0/31"), NetworkError, "no room"),
        ("mine", Wishes(subnet="fd00::/64"), NetworkError, "version 4 only"),
        ("mine", Wishes(gateway="10.8.0.1"), NetworkError, "add --subnet"),
        ("mine", Wishes(subnet="10.8.0.0/24", gateway="10.7.0.1"), NetworkError, "invalid gateway"),
        ("mine", Wishes(subnet="10.8.0.0/24", gateway="10.8.0.255"), NetworkError, "invalid gateway"),
        ("mine", Wishes(subnet="10.8.0.0/24", ip_range="10.7.0.0/25"), NetworkError, "invalid ip range"),
        ("mine", Wishes(options={"com.docker.network.bridge.name": "br-other"}), NetworkError, "belongs to another"),
        ("mine", Wishes(options={"com.docker.network.bridge.name": "a/b"}), NetworkError, "invalid device name"),
        ("mine", Wishes(options={"com.docker.network.bridge.enable_icc": "x"}), NetworkError, "true or false"),
        ("mine", Wishes(options={"com.docker.network.driver.mtu": "-1"}), NetworkError, "number of bytes"),
    ],
)
def test_wishes_that_cannot_be(name: str, wishes: Wishes, kind: type[NetworkError], told: str) -> None:
    with pytest.raises(kind, match=told):
        define(name, wishes, [OTHER], [])
