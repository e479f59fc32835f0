"""The text of a container's /etc/resolv.conf. Pure."""

import ipaddress
from collections.abc import Sequence
from typing import Final

EMBEDDED: Final = "127.0.0.11"
"""Where containers on user networks find the resolver."""

_PUBLIC: Final = ("8.8.8.8", "8.8.4.4")


def public() -> list[str]:
    """The servers docker asks when a host has none that a container could reach."""
    return list(_PUBLIC)


def nameservers(host: str) -> list[str]:
    """The servers a resolv.conf names."""
    return [words[1] for line in host.splitlines() if len(words := line.split()) > 1 and words[0] == "nameserver"]


def resolv_conf(
    host: str,
    *,
    embedded: bool = False,
    shared: bool = False,
    dns: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
) -> str:
    """The container's file, made of the host's and of --dns, --dns-search and --dns-option.

    `embedded`: it is on a user network and asks the resolver. `shared`: it has the host's network, and may ask the
    host's local servers. A --dns-search of `.` means none at all, as docker has it.
    """
    servers = list(dns) or [each for each in nameservers(host) if shared or not _is_local(each)] or public()
    domains = list(search) or _last(host, "search") or _last(host, "domain")
    chosen = list(options) or _last(host, "options")
    if embedded:
        servers = [EMBEDDED]
        if not any(each.startswith("ndots:") for each in chosen):
            chosen = [*chosen, "ndots:0"]
    lines = [f"nameserver {each}" for each in servers]
    if domains and domains != ["."]:
        lines.append(f"search {' '.join(domains)}")
    if chosen:
        lines.append(f"options {' '.join(chosen)}")
    return "\n".join(lines) + "\n"


def _last(host: str, keyword: str) -> list[str]:
    found = [words[1:] for line in host.splitlines() if (words := line.split()) and words[0] == keyword]
    return found[-1] if found else []


def _is_local(server: str) -> bool:
    try:
        return ipaddress.ip_address(server.partition("%")[0]).is_loopback
    except ValueError:
        return True
