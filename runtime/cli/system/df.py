"""`entrepot system df`: what images, containers and volumes take on the disk."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import click

from runtime.cli import units
from runtime.cli.listing import aligned, write_rows
from runtime.cli.local_images import local_images
from runtime.cli.machine import machine
from runtime.cli.ps import quoted
from runtime.cli.status import status_of
from runtime.cli.users import users
from runtime.engine import volumes
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.engine.state import State
from runtime.engine.store import is_alive
from runtime.images.names import parse, short_repository
from runtime.images.select import NONE
from runtime.images.usage import Usage, usage
from runtime.snapshots.errors import NotFound
from runtime.volumes.usage import Usage as VolumeUsage
from runtime.volumes.usage import total

_COLUMNS = ("Type", "TotalCount", "Active", "Size", "Reclaimable")
_HEADINGS = {"TotalCount": "TOTAL"}
_IMAGE_COLUMNS = ("REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS")
_CONTAINER_COLUMNS = (
    *("CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES"),
    *("SIZE", "CREATED", "STATUS", "NAMES"),
)


class _Container(NamedTuple):
    record: Record
    state: State
    size: int


@click.command(help="Show the disk usage of images, containers and volumes.")
@click.option("-v", "--verbose", is_flag=True, help="Show each one.")
@click.option("--format", "form", metavar="TEMPLATE", help="json, table, or a template.")
def command(verbose: bool, form: str | None) -> None:
    """Show what is used."""
    images, engine = local_images(), machine()
    used = usage(images, users())
    containers = _containers(engine)
    kept = engine.volumes.usages(lambda name: volumes.users(engine, name))
    if not verbose:
        write_rows(_summary(used, containers, kept), _COLUMNS, form, _HEADINGS)
        return
    _section("Images", _images(used, images.default), _IMAGE_COLUMNS)
    _section("Containers", _listed(containers), _CONTAINER_COLUMNS)
    listed = [{"VOLUME NAME": one.name, "LINKS": one.links, "SIZE": units.size(one.size)} for one in kept]
    _section("Local Volumes", listed, ("VOLUME NAME", "LINKS", "SIZE"))


def _section(what: str, rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    click.echo(f"{what} space usage:\n")
    for line in aligned([columns, *([row[column] for column in columns] for row in rows)]):
        click.echo(line)
    click.echo("")


def _containers(engine: Machine) -> list[_Container]:
    found = []
    for record, state in engine.store.all():
        try:
            size = engine.snapshots.usage(record.id)
        except NotFound:
            size = 0
        found.append(_Container(record, state, size))
    return found


def _summary(used: Usage, containers: Sequence[_Container], kept: Sequence[VolumeUsage]) -> list[Mapping[str, object]]:
    alive = [one for one in containers if is_alive(one.state)]
    idle = sum(one.size for one in containers if not is_alive(one.state))
    of_volumes = total(kept)
    active = sum(bool(one.containers) for one in used.images)
    return [
        _row("Images", len(used.images), active, used.layers + used.content, used.reclaimable),
        _row("Containers", len(containers), len(alive), sum(one.size for one in containers), idle),
        _row("Local Volumes", of_volumes.volumes, of_volumes.active, of_volumes.size, of_volumes.reclaimable),
    ]


def _row(kind: str, count: int, active: int, size: int, free: int) -> Mapping[str, object]:
    share = f" ({free * 100 // size}%)" if size else ""
    return {
        "Type": kind,
        "TotalCount": count,
        "Active": active,
        "Size": units.size(size),
        "Reclaimable": f"{units.size(free)}{share}",
    }


def _images(used: Usage, default: str) -> list[Mapping[str, object]]:
    rows: list[Mapping[str, object]] = []
    for one in used.images:
        name = parse(one.image.names[0]) if one.image.names else None
        row = {
            "REPOSITORY": short_repository(name, default) if name else NONE,
            "TAG": name.tag if name else NONE,
            "IMAGE ID": one.image.short,
            "CREATED": units.ago(one.image.created),
            "SIZE": units.size(one.image.size),
            "SHARED SIZE": units.size(one.shared),
            "UNIQUE SIZE": units.size(one.unique),
            "CONTAINERS": one.containers,
        }
        rows.append(row)
    return rows


def _listed(containers: Sequence[_Container]) -> list[Mapping[str, object]]:
    rows: list[Mapping[str, object]] = []
    for one in containers:
        row = {
            "CONTAINER ID": one.record.id[:12],
            "IMAGE": one.record.image,
            "COMMAND": quoted(one.record.args),
            "LOCAL VOLUMES": sum(mount.type == "volume" for mount in one.record.mounts),
            "SIZE": units.size(one.size),
            "CREATED": units.ago(one.record.created),
            "STATUS": status_of(one.state),
            "NAMES": one.record.name,
        }
        rows.append(row)
    return rows
