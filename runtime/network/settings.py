"""Networks and endpoints as docker's `inspect` shows them. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from runtime.network.endpoint import Endpoint
from runtime.network.network import Network


def network_settings(network: Network, connected: Iterable[Endpoint]) -> dict[str, Any]:
    """One network, as `network inspect` has it."""
    config = {"Subnet": network.subnet, "IPRange": network.ip_range, "Gateway": network.gateway}
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": network.created,
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default",
            "Options": {},
            "Config": [{key: value for key, value in config.items() if value}] if network.subnet else [],
        },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {
            each.container: {
                "Name": each.name,
                "EndpointID": each.id,
                "MacAddress": each.mac,
                "IPv4Address": f"{each.ip}/{each.prefix}",
                "IPv6Address": "",
            }
            for each in connected
        },
        "Options": dict(network.options),
        "Labels": dict(network.labels),
    }


def endpoint_settings(endpoint: Endpoint) -> dict[str, Any]:
    """One entry of a container's NetworkSettings.Networks."""
    names = [endpoint.name, *endpoint.aliases, endpoint.container[:12]]
    return {
        "IPAMConfig": {"IPv4Address": endpoint.given_ip} if endpoint.given_ip else None,
        "Links": None,
        "Aliases": list(endpoint.aliases) or None,
        "MacAddress": endpoint.mac,
        "NetworkID": endpoint.network_id,
        "EndpointID": endpoint.id,
        "Gateway": endpoint.gateway,
        "IPAddress": endpoint.ip,
        "IPPrefixLen": endpoint.prefix,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DriverOpts": None,
        "DNSNames": list(dict.fromkeys(names)),
    }


def port_settings(endpoints: Sequence[Endpoint], exposed: Iterable[str] = ()) -> dict[str, list[dict[str, str]] | None]:
    """A container's NetworkSettings.Ports; a port that is exposed and not published leads nowhere (None)."""
    found: dict[str, list[dict[str, str]] | None] = dict.fromkeys(exposed)
    for endpoint in endpoints:
        for port in endpoint.ports:
            where = found.get(f"{port.port}/{port.protocol}") or []
            entry = {"HostIp": port.host_ip, "HostPort": str(port.host_port)}
            found[f"{port.port}/{port.protocol}"] = [*where, entry]
    return found
