"""Published ports: who reaches them, by which address, and who is told that a port is taken."""

import socket

import pytest

from runtime.network.endpoint import Publish, Published
from runtime.network.errors import NetworkError, PortInUse
from tests.runtime.network.place import HOST, OUTSIDE, Place


@pytest.mark.parametrize("filtering", [True, False])
def test_a_published_port_is_reached_from_everywhere(place: Place, filtering: bool) -> None:
    place.filter_bridges(filtering)
    web, endpoint = place.container("web", ports=[Publish(80, host_port=8080)])
    other, _ = place.container("other")
    web.serve(80)
    assert endpoint.ports == (Published(80, "tcp", "0.0.0.0", 8080),)
    assert place.outside.ask(HOST, 8080) == OUTSIDE
    assert place.host.ask("127.0.0.1", 8080) == endpoint.gateway
    assert place.host.ask(HOST, 8080) == HOST
    assert other.ask(HOST, 8080) == endpoint.gateway, "by the host's address, from the same bridge"
    assert web.ask(HOST, 8080) == endpoint.gateway, "by the host's address, to itself"
    assert web.ask(endpoint.gateway, 8080) == endpoint.gateway


def test_other_networks_reach_a_published_port_by_the_host(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine")
    web, _ = place.container("web", ports=[Publish(80, host_port=8080)])
    other, endpoint = place.container("other", "mine")
    web.serve(80)
    assert other.ask(HOST, 8080) is not None
    assert other.ask(endpoint.gateway, 8080) is not None


def test_datagrams(place: Place) -> None:
    dns, endpoint = place.container("dns", ports=[Publish(53, "udp", host_port=5353)])
    dns.serve(53, socket.SOCK_DGRAM)
    assert place.outside.ask(HOST, 5353, socket.SOCK_DGRAM) == OUTSIDE
    assert place.host.ask("127.0.0.1", 5353, socket.SOCK_DGRAM) == endpoint.gateway


def test_datagrams_of_one_conversation_find_the_container_of_the_moment(place: Place) -> None:
    with place.outside.within():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(1)
        client.sendto(b"nobody is there yet", (HOST, 5353))
        first, _ = place.container("first", ports=[Publish(53, "udp", host_port=5353)])
        first.serve(53, socket.SOCK_DGRAM)
        client.sendto(b"who", (HOST, 5353))
        assert client.recv(64).decode() == OUTSIDE
        place.container("between")
        with place.inside() as networks:
            networks.detach(place.id("first"))
        place.container("takes its address")
        second, _ = place.container("second", ports=[Publish(53, "udp", host_port=5353)])
        second.serve(53, socket.SOCK_DGRAM)
        client.sendto(b"who", (HOST, 5353))
        assert client.recv(64).decode() == OUTSIDE


def test_a_port_on_localhost_is_the_hosts_alone(place: Place) -> None:
    web, _ = place.container("web", ports=[Publish(80, host_ip="127.0.0.1", host_port=8080)])
    web.serve(80)
    place.host.serve(9000, address="127.0.0.1")
    assert place.host.ask("127.0.0.1", 8080)
    assert place.outside.cannot(HOST, 8080)
    # A neighbour, and a container, that sends to 127.0.0.1 by the cable: the host must not route it to localhost.
    for namespace, gateway in ((place.outside, HOST), (web, "172.17.0.1")):
        namespace.run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
        namespace.run("sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1")
        namespace.run("ip", "route", "replace", "127.0.0.1/32", "via", gateway, "dev", "eth0")
        assert namespace.cannot("127.0.0.1", 8080)
        assert namespace.cannot("127.0.0.1", 9000)


def test_ports_that_nobody_chose(place: Place) -> None:
    _, first = place.container("first", ports=[Publish(80), Publish(81), Publish(81, "udp")])
    _, second = place.container("second", ports=[Publish(80), Publish(90, host_port=7000, host_port_end=7002)])
    _, third = place.container("third", ports=[Publish(90, host_port=7000, host_port_end=7002)])
    used = [(port.protocol, port.host_port) for each in (first, second) for port in each.ports]
    assert len(set(used)) == 5
    assert min(number for _, number in used[:4]) == int(
        place.host.run("sysctl", "-n", "net.ipv4.ip_local_port_range").split()[0]
    )
    assert (second.ports[1].host_port, third.ports[0].host_port) == (7000, 7001)


def test_a_port_of_another_container_is_taken(place: Place) -> None:
    place.container("web", ports=[Publish(80, host_port=8080)])
    told = r"driver failed programming external connectivity on endpoint next \([0-9a-f]{64}\): Bind for "
    with pytest.raises(PortInUse, match=told + r"0\.0\.0\.0:8080 failed: port is already allocated$"):
        place.container("next", ports=[Publish(81, host_port=8080)])
    with pytest.raises(PortInUse, match=r"Bind for 127\.0\.0\.1:8080 failed"):
        place.container("next", ports=[Publish(81, host_ip="127.0.0.1", host_port=8080)])
    place.container("next", ports=[Publish(81, "udp", host_port=8080)])


def test_a_port_of_a_process_is_taken(place: Place) -> None:
    place.host.serve(8080, address="127.0.0.1")
    with pytest.raises(PortInUse, match=r"failed to bind host port 0\.0\.0\.0:8080/tcp: address already in use$"):
        place.container("web", ports=[Publish(80, host_port=8080)])
    assert not [device for device in place.devices() if device.startswith("veth")]
    place.container("web", ports=[Publish(80, host_ip=HOST, host_port=8080)])
    with pytest.raises(NetworkError, match="cannot assign requested address"):
        place.container("far", ports=[Publish(80, host_ip="203.0.113.9", host_port=8080)])


@pytest.mark.parametrize(
    "wrong",
    [Publish(0), Publish(70000), Publish(80, "icmp"), Publish(80, host_ip="::1"), Publish(80, host_port=-1)],
)
def test_what_cannot_be_published(place: Place, wrong: Publish) -> None:
    with pytest.raises(NetworkError, match="invalid"):
        place.container("web", ports=[wrong])
