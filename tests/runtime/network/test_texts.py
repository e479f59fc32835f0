"""The texts of a container's files, and what `inspect` shows."""

import pytest

from runtime.network.endpoint import Endpoint, Published
from runtime.network.errors import NetworkError
from runtime.network.hosts import hosts
from runtime.network.network import Network
from runtime.network.resolv_conf import resolv_conf
from runtime.network.settings import endpoint_settings, network_settings, port_settings

HOST = (
    "# by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch one.example\nsearch a.example b.example\n"
    "options edns0\n"
)
ALWAYS = (
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n"
    "ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
)
ENDPOINT = Endpoint(
    id="e1",
    container="c" * 64,
    name="web",
    network="mine",
    network_id="n1",
    ip="172.18.0.2",
    prefix=16,
    mac="02:42:ac:12:00:02",
    gateway="172.18.0.1",
    interface="eth0",
    device="veth0",
    netns="/run/netns/c1",
    aliases=("app",),
    ports=(Published(80, "tcp", "0.0.0.0", 8080), Published(80, "tcp", "127.0.0.1", 9090)),
)


def test_resolv_conf() -> None:
    assert resolv_conf(HOST) == "nameserver 10.0.0.1\nsearch a.example b.example\noptions edns0\n"
    assert resolv_conf(HOST, shared=True).startswith("nameserver 127.0.0.53\nnameserver 10.0.0.1\n")
    assert resolv_conf("nameserver 127.0.0.1\n") == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
    assert resolv_conf(HOST, embedded=True) == (
        "nameserver 127.0.0.11\nsearch a.example b.example\noptions edns0 ndots:0\n"
    )
    asked = resolv_conf(HOST, dns=["1.1.1.1"], search=["."], options=["ndots:2"])
    assert asked == "nameserver 1.1.1.1\noptions ndots:2\n"
    assert resolv_conf(HOST, embedded=True, options=["ndots:2"]).endswith("options ndots:2\n")


def test_hosts() -> None:
    assert hosts(["172.17.0.2"], "web") == ALWAYS + "172.17.0.2\tweb\n"
    made = hosts(["172.17.0.2", "172.18.0.2"], "web", domain="example", extra=["db:10.0.0.9", "six=fd00::1"])
    assert made == ALWAYS + "10.0.0.9\tdb\nfd00::1\tsix\n172.17.0.2\tweb.example web\n172.18.0.2\tweb.example web\n"
    assert hosts([], "web", extra=["me:host-gateway"], gateway="172.17.0.1") == ALWAYS + "172.17.0.1\tme\n"
    assert hosts([], "web", extra=["x:10.0.0.9"], shared="127.0.0.1 me\n\n") == "127.0.0.1 me\n10.0.0.9\tx\n"
    assert hosts([], "web", extra=["six:[fd00::1]"]) == ALWAYS + "fd00::1\tsix\n"
    made = hosts(["172.17.0.3"], "web", extra=["x:10.0.0.9"], linked=[("172.17.0.2", "alias db")])
    assert made == ALWAYS + "10.0.0.9\tx\n172.17.0.2\talias db\n172.17.0.3\tweb\n"


@pytest.mark.parametrize("wrong", ["db", ":10.0.0.1", "db:", "db:nothing", "a\nb:10.0.0.1", "me:host-gateway"])
def test_hosts_that_are_none(wrong: str) -> None:
    with pytest.raises(NetworkError, match="invalid host"):
        hosts([], "web", extra=[wrong])


def test_settings_of_a_container() -> None:
    assert port_settings([ENDPOINT], ["80/tcp", "443/tcp"]) == {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "127.0.0.1", "HostPort": "9090"}],
        "443/tcp": None,
    }
    mine = endpoint_settings(ENDPOINT)
    assert (mine["IPAddress"], mine["IPPrefixLen"], mine["Gateway"]) == ("172.18.0.2", 16, "172.18.0.1")
    assert mine["DNSNames"] == ["web", "app", "c" * 12]


def test_settings_of_a_network() -> None:
    network = Network(id="n1", name="mine", created="", subnet="172.18.0.0/16", gateway="172.18.0.1")
    made = network_settings(network, [ENDPOINT])
    assert made["IPAM"]["Config"] == [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]
    assert made["Containers"] == {
        "c" * 64: {
            "Name": "web",
            "EndpointID": "e1",
            "MacAddress": "02:42:ac:12:00:02",
            "IPv4Address": "172.18.0.2/16",
            "IPv6Address": "",
        }
    }
