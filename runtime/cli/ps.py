"""`entrepot ps`: the containers of this machine."""

from collections.abc import Mapping

import click

from runtime.cli import units
from runtime.cli.listing import write_rows
from runtime.cli.machine import machine
from runtime.cli.status import status_of
from runtime.engine.describe import endpoints_of
from runtime.engine.machine import Machine
from runtime.engine.networking import names
from runtime.engine.record import Record
from runtime.engine.select import filters, select
from runtime.engine.state import State
from runtime.network.endpoint import Endpoint

_COLUMNS = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")
_HEADINGS = {"ID": "CONTAINER ID", "RunningFor": "CREATED", "CreatedAt": "CREATED AT"}
_SHOWN = 20


@click.command(help="List containers.")
@click.option("-a", "--all", "everything", is_flag=True, help="Show those that do not run too.")
@click.option("-f", "--filter", "given", metavar="KEY=VALUE", multiple=True, help="Show those that fit.")
@click.option("--format", "form", metavar="TEMPLATE", help="json, table, or a template.")
@click.option("-n", "--last", type=int, default=0, help="Show the last ones created, whether they run or not.")
@click.option("-l", "--latest", is_flag=True, help="Show the last one created, whether it runs or not.")
@click.option("--no-trunc", is_flag=True, help="Show all there is.")
@click.option("-q", "--quiet", is_flag=True, help="Show ids alone.")
@click.option("-s", "--size", is_flag=True, help="Show how much they have written.")
def command(
    everything: bool,
    given: tuple[str, ...],
    form: str | None,
    last: int,
    latest: bool,
    no_trunc: bool,
    quiet: bool,
    size: bool,
) -> None:
    """List containers."""
    here = machine()
    found = select(here, filters(given), everything=everything, last=1 if latest else last)
    if quiet and not form:
        for record, _ in found:
            click.echo(record.id if no_trunc else record.id[:12])
        return
    rows = [_fields(here, record, now, whole=no_trunc, size=size) for record, now in found]
    write_rows(rows, (*_COLUMNS, "Size") if size else _COLUMNS, form, _HEADINGS)


def _fields(here: Machine, record: Record, now: State, *, whole: bool, size: bool) -> Mapping[str, object]:
    command = " ".join(record.args)
    if not whole and len(command) > _SHOWN:
        command = f"{command[: _SHOWN - 1]}…"
    volumes = [mount.name or mount.source for mount in record.mounts if mount.type != "tmpfs"]
    return {
        "ID": record.id if whole else record.id[:12],
        "Image": record.image,
        "Command": f'"{command}"',
        "CreatedAt": units.stamp(record.created),
        "RunningFor": units.ago(record.created),
        "State": now.status,
        "Status": status_of(now),
        "Ports": ports_of(endpoints_of(here, record, now), record),
        "Names": record.name,
        "Labels": ",".join(f"{name}={value}" for name, value in record.config.labels.items()),
        "Mounts": ",".join(volumes),
        "LocalVolumes": str(sum(mount.type == "volume" for mount in record.mounts)),
        "Networks": ",".join(names(record) or [record.host_config.network_mode]),
        "Size": units.size(here.snapshots.usage(record.id), 3) if size else "0B",
    }


def ports_of(endpoints: tuple[Endpoint, ...], record: Record) -> str:
    """Published ports with where they are, and those that are only exposed."""
    published = [each for endpoint in endpoints for each in endpoint.ports]
    told = [f"{each.host_ip}:{each.host_port}->{each.port}/{each.protocol}" for each in published]
    bound = {f"{each.port}/{each.protocol}" for each in published}
    told += [name for name in record.config.exposed_ports if endpoints and name not in bound]
    return ", ".join(told)
