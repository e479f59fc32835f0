"""Ways between containers, to the outside, and those that are shut."""

import pytest

from runtime.network.definition import Wishes
from runtime.network.errors import NetworkError, NoFreeAddress
from tests.runtime.network.place import HOST, OUTSIDE, Place, route_to


def test_out_by_the_hosts_address_and_not_in(place: Place) -> None:
    web, endpoint = place.container("web")
    web.serve(80)
    place.outside.serve(90)
    assert web.ask(OUTSIDE, 90) == HOST
    route_to(place.outside, HOST)
    assert place.outside.cannot(endpoint.ip, 80), "not published"
    assert place.host.ask(endpoint.ip, 80)


def test_networks_are_apart(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine")
    one, _ = place.container("one")
    two, at_two = place.container("two")
    three, at_three = place.container("three", "mine")
    for each in (one, two, three):
        each.serve(80)
    assert one.ask(at_two.ip, 80)
    assert one.cannot(at_three.ip, 80)
    assert three.cannot(at_two.ip, 80)
    place.container("one", "mine")
    assert one.ask(at_three.ip, 80), "connected to both"


def test_an_internal_network(place: Place) -> None:
    with place.inside() as networks:
        networks.create("closed", Wishes(internal=True))
    one, endpoint = place.container("one", "closed")
    two, _ = place.container("two", "closed")
    one.serve(80)
    place.outside.serve(90)
    assert (endpoint.gateway, endpoint.default_route) == ("", False)
    assert two.ask(endpoint.ip, 80)
    route_to(one, "172.18.0.1")
    assert one.cannot(OUTSIDE, 90)
    route_to(place.outside, HOST)
    assert place.outside.cannot(endpoint.ip, 80)


@pytest.mark.parametrize("filtering", [True, False])
def test_options_of_a_bridge(place: Place, filtering: bool) -> None:
    place.filter_bridges(filtering)
    options = {
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.name": "quiet0",
        "com.docker.network.driver.mtu": "1300",
        "com.docker.network.bridge.enable_ip_masquerade": "false",
    }
    with place.inside() as networks:
        networks.create("quiet", Wishes(subnet="10.9.0.0/24", ip_range="10.9.0.128/25", options=options))
    one, endpoint = place.container("one", "quiet")
    two, at_two = place.container("two", "quiet", ip="10.9.0.7")
    one.serve(80)
    place.outside.serve(90)
    assert (endpoint.ip, at_two.ip, endpoint.mac) == ("10.9.0.128", "10.9.0.7", "02:42:0a:09:00:80")
    assert "quiet0" in place.devices()
    assert "mtu 1300" in one.run("ip", "link", "show", "eth0")
    assert "inet6" not in one.run("ip", "address", "show", "eth0")
    assert two.cannot(endpoint.ip, 80)
    route_to(place.outside, HOST)
    assert one.ask(OUTSIDE, 90) == endpoint.ip, "not masqueraded"


def test_the_default_route_moves(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine")
    web, first = place.container("web")
    _, second = place.container("web", "mine")
    assert (first.interface, second.interface) == ("eth0", "eth1")
    assert (first.default_route, second.default_route) == (True, False)
    with place.inside() as networks:
        networks.detach(place.id("web"), "bridge")
        assert [each.default_route for each in networks.of(place.id("web"))] == [True]
    place.outside.serve(90)
    assert web.ask(OUTSIDE, 90) == HOST
    assert "172.18.0.1 dev eth1" in web.run("ip", "route")


def test_addresses_that_cannot_be(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine", Wishes(subnet="10.9.0.0/30"))
    place.container("one", "mine", ip="10.9.0.2")
    with pytest.raises(NoFreeAddress, match=r"address 10\.9\.0\.2 is already in use on network mine"):
        place.container("two", "mine", ip="10.9.0.2")
    with pytest.raises(NoFreeAddress, match="no available IPv4 addresses"):
        place.container("two", "mine")
    with pytest.raises(NetworkError, match="invalid address"):
        place.container("two", "mine", ip="10.8.0.2")
    with pytest.raises(NetworkError, match="user defined networks only"):
        place.container("two", ip="172.17.0.9")
    with pytest.raises(NetworkError, match="already exists in network mine"):
        place.container("one", "mine")
