"""The rules of all networks as one ruleset for `nft -j`, in a table of our own. Pure: same networks, same rules.

    raw          what comes from a bridge and wants 127.0.0.0/8 is dropped, since bridges may route it (see bridge.py)
    prerouting   what is for an address of this host and a published port goes to its container
    output       the same for what this host sends to itself, localhost too
    forward      into a bridge: answers, published ports and its own traffic; an internal network neither in nor out
    postrouting  what leaves a bridge leaves it with this host's address; what returns to the bridge by a published
                 port, or comes from localhost, has the bridge's, so that the answer finds its way back

What is not about our bridges passes untouched. Chains stay, only rules are exchanged: the kernel waits for all its
processors when a chain goes, and a container would wait with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from runtime.network.endpoint import Published

TABLE: Final = "entrepot"

Rule = list[dict[str, Any]]

_LOOPBACK: Final = {"prefix": {"addr": "127.0.0.0", "len": 8}}
_HOOKS: Final = (
    ("raw", "filter", "prerouting", -300),
    ("prerouting", "nat", "prerouting", -100),
    ("output", "nat", "output", -100),
    ("forward", "filter", "forward", 0),
    ("postrouting", "nat", "postrouting", 100),
)
_PLAIN: Final = ("published", "guarded")


class Bridge(NamedTuple):
    """What the rules need to know of a network: its device and subnet (a.b.c.d and the bits), and what it allows."""

    device: str
    subnet: tuple[str, int]
    internal: bool
    masquerade: bool
    talking: bool
    """Whether its containers reach each other."""


class Target(NamedTuple):
    """A published port and the address of its container."""

    ip: str
    port: Published


def ruleset(table: str, bridges: Sequence[Bridge], targets: Iterable[Target]) -> dict[str, Any]:
    """Replace all rules of the table in one transaction."""
    commands: list[dict[str, Any]] = [{"add": {"table": {"family": "ip", "name": table}}}]
    commands += [
        {"add": {"chain": _chain(table, name) | {"type": kind, "hook": hook, "prio": priority, "policy": "accept"}}}
        for name, kind, hook, priority in _HOOKS
    ]
    commands += [{"add": {"chain": _chain(table, name)}} for name in _PLAIN]
    commands.append({"flush": {"table": {"family": "ip", "name": table}}})
    commands += [
        {"add": {"rule": {"family": "ip", "table": table, "chain": chain, "expr": rule}}}
        for chain, rule in _rules(bridges, targets)
    ]
    return {"nftables": commands}


def no_rules(table: str) -> dict[str, Any]:
    """Remove the table, if it is there."""
    named = {"table": {"family": "ip", "name": table}}
    return {"nftables": [{"add": named}, {"delete": named}]}


def _chain(table: str, name: str) -> dict[str, Any]:
    return {"family": "ip", "table": table, "name": name}


def _rules(bridges: Sequence[Bridge], targets: Iterable[Target]) -> Iterator[tuple[str, Rule]]:
    if bridges:
        everyone = {"set": [bridge.device for bridge in bridges]}
        yield "raw", [_meta("iifname", "==", everyone), _ip("daddr", "==", _LOOPBACK), _DROP]
    yield "prerouting", [_LOCAL, _ip("daddr", "!=", _LOOPBACK), _jump("published")]
    yield "output", [_LOCAL, _jump("published")]
    for target in targets:
        yield "published", _published(target)
    yield from _forward(bridges)
    for bridge in bridges:
        for rule in _postrouting(bridge):
            yield "postrouting", rule


def _published(target: Target) -> Rule:
    port = target.port
    where = [] if port.host_ip == "0.0.0.0" else [_ip("daddr", "==", port.host_ip)]  # noqa: S104 - docker's word
    return [
        *where,
        _match({"payload": {"protocol": port.protocol, "field": "dport"}}, "==", port.host_port),
        {"dnat": {"addr": target.ip, "port": port.port}},
    ]


def _forward(bridges: Sequence[Bridge]) -> Iterator[tuple[str, Rule]]:
    for bridge in bridges:
        if bridge.internal:
            yield "forward", [_meta("iifname", "==", bridge.device), _meta("oifname", "!=", bridge.device), _DROP]
            yield "forward", [_meta("oifname", "==", bridge.device), _meta("iifname", "!=", bridge.device), _DROP]
    guarded = [bridge.device for bridge in bridges if not bridge.internal]
    if guarded:
        yield "forward", [_meta("oifname", "==", {"set": guarded}), _jump("guarded")]
    yield "guarded", [_match({"ct": {"key": "state"}}, "in", ["established", "related"]), _ACCEPT]
    yield "guarded", [_DNATTED, _ACCEPT]
    for bridge in bridges:
        if bridge.talking and not bridge.internal:
            yield "guarded", [_meta("iifname", "==", bridge.device), _meta("oifname", "==", bridge.device), _ACCEPT]
    yield "guarded", [_DROP]


def _postrouting(bridge: Bridge) -> Iterator[Rule]:
    if bridge.internal:
        return
    address, bits = bridge.subnet
    inside = _ip("saddr", "==", {"prefix": {"addr": address, "len": bits}})
    if bridge.masquerade:
        yield [inside, _meta("oifname", "!=", bridge.device), _MASQUERADE]
    yield [inside, _meta("oifname", "==", bridge.device), _DNATTED, _MASQUERADE]
    yield [_ip("saddr", "==", _LOOPBACK), _meta("oifname", "==", bridge.device), _MASQUERADE]


def _match(left: dict[str, Any], op: str, right: Any) -> dict[str, Any]:  # noqa: ANN401 - as nft's schema has it
    return {"match": {"op": op, "left": left, "right": right}}


def _meta(key: str, op: str, right: str | dict[str, Any]) -> dict[str, Any]:
    return _match({"meta": {"key": key}}, op, right)


def _ip(field: str, op: str, right: str | dict[str, Any]) -> dict[str, Any]:
    return _match({"payload": {"protocol": "ip", "field": field}}, op, right)


def _jump(chain: str) -> dict[str, Any]:
    return {"jump": {"target": chain}}


_ACCEPT: Final = {"accept": None}
_DROP: Final = {"drop": None}
_MASQUERADE: Final = {"masquerade": None}
_DNATTED: Final = _match({"ct": {"key": "status"}}, "in", "dnat")
_LOCAL: Final = _match({"fib": {"flags": ["daddr"], "result": "type"}}, "==", "local")
