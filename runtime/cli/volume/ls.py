"""`entrepot volume ls`: the volumes of this machine."""

from collections.abc import Callable, Mapping, Sequence

import click

from runtime.cli.listing import write_rows
from runtime.cli.machine import machine
from runtime.engine.matching import matches
from runtime.engine.volumes import users
from runtime.images.select import filters, is_true, labelled
from runtime.volumes.volume import Volume

_COLUMNS = ("Driver", "Name")
_HEADINGS = {"Name": "VOLUME NAME"}
_FILTERS = ("dangling", "driver", "label", "name")


@click.command(help="List volumes.")
@click.option("-f", "--filter", "given", metavar="KEY=VALUE", multiple=True, help="Show only matching ones.")
@click.option("--format", "form", metavar="TEMPLATE", help="json, table, or a template.")
@click.option("-q", "--quiet", is_flag=True, help="Show names only.")
def command(given: tuple[str, ...], form: str | None, quiet: bool) -> None:
    """List volumes by name."""
    wanted = filters(given, _FILTERS)
    here = machine()
    rows = [
        _fields(volume, str(here.volumes.path(volume.name)))
        for volume in here.volumes.every()
        if _fits(volume, wanted, lambda name: bool(users(here, name)))
    ]
    write_rows(rows, _COLUMNS, "{{.Name}}" if quiet and not form else form, _HEADINGS)


def _fits(volume: Volume, wanted: Mapping[str, Sequence[str]], in_use: Callable[[str], bool]) -> bool:
    if "name" in wanted and not any(matches(value, volume.name) for value in wanted["name"]):
        return False
    if "driver" in wanted and "local" not in wanted["driver"]:
        return False
    dangling = is_true(wanted.get("dangling", ()))
    if dangling is not None and dangling == in_use(volume.name):
        return False
    return labelled(volume.labels, wanted.get("label", ()))


def _fields(volume: Volume, mountpoint: str) -> Mapping[str, object]:
    return {
        "Availability": "N/A",
        "Driver": "local",
        "Group": "N/A",
        "Label": lambda name: volume.labels.get(name, ""),
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(volume.labels.items())),
        "Links": "N/A",
        "Mountpoint": mountpoint,
        "Name": volume.name,
        "Scope": "local",
        "Size": "N/A",
        "Status": "N/A",
    }
