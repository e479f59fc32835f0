"""`entrepot network ls`: the networks of this machine."""

from collections.abc import Callable, Mapping, Sequence

import click

from runtime.cli import units
from runtime.cli.listing import write_rows
from runtime.cli.machine import machine
from runtime.engine.matching import matches
from runtime.images.select import filters, is_true, labelled
from runtime.network.network import Network
from runtime.network.networks import Networks

_COLUMNS = ("ID", "Name", "Driver", "Scope")
_HEADINGS = {"ID": "NETWORK ID", "IPv6": "IPV6"}
_FILTERS = ("dangling", "driver", "id", "label", "name", "scope", "type")
_SHORT = 12


@click.command(help="List networks.")
@click.option("-f", "--filter", "given", metavar="KEY=VALUE", multiple=True, help="Show only matching ones.")
@click.option("--format", "form", metavar="TEMPLATE", help="json, table, or a template.")
@click.option("--no-trunc", is_flag=True, help="Do not truncate ids.")
@click.option("-q", "--quiet", is_flag=True, help="Show ids only.")
def command(given: tuple[str, ...], form: str | None, no_trunc: bool, quiet: bool) -> None:
    """List networks by name."""
    wanted = filters(given, _FILTERS)
    networks = machine().networks
    found = sorted(networks.every(), key=lambda network: network.name)
    rows = [_fields(network, whole=no_trunc) for network in found if _fits(networks, network, wanted)]
    write_rows(rows, _COLUMNS, "{{.ID}}" if quiet and not form else form, _HEADINGS)


def _fits(networks: Networks, network: Network, wanted: Mapping[str, Sequence[str]]) -> bool:
    dangling = is_true(wanted.get("dangling", ()))
    if dangling is not None and dangling != (not network.predefined and not networks.endpoints(network)):
        return False
    kind = "builtin" if network.predefined else "custom"
    tests: dict[str, Callable[[str], bool]] = {
        "driver": lambda value: value == network.driver,
        "id": lambda value: matches(value, network.id),
        "name": lambda value: matches(value, network.name),
        "scope": lambda value: value == "local",
        "type": lambda value: value == kind,
    }
    if not all(any(test(value) for value in wanted[key]) for key, test in tests.items() if key in wanted):
        return False
    return labelled(network.labels, wanted.get("label", ()))


def _fields(network: Network, *, whole: bool) -> Mapping[str, object]:
    return {
        "CreatedAt": units.stamp(network.created),
        "Driver": network.driver,
        "ID": network.id if whole else network.id[:_SHORT],
        "IPv4": "true",
        "IPv6": "false",
        "Internal": "true" if network.internal else "false",
        "Label": lambda name: network.labels.get(name, ""),
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(network.labels.items())),
        "Name": network.name,
        "Scope": "local",
    }
