"""`entrepot stats`: what containers use."""

import sys
import time
from collections.abc import Mapping

import click

from runtime.cli import units
from runtime.cli.listing import write_rows
from runtime.cli.machine import machine
from runtime.engine.errors import EngineError
from runtime.engine.groups import Usage, usage
from runtime.engine.machine import Machine
from runtime.engine.select import select

_COLUMNS = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")
_HEADINGS = {
    "ID": "CONTAINER ID",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
    "PIDs": "PIDS",
}
_EVERY = 1.0


@click.command(help="Show the resource usage of containers, updated until interrupted.")
@click.argument("containers", metavar="[CONTAINER]...", nargs=-1)
@click.option("-a", "--all", "everything", is_flag=True, help="Show stopped containers too.")
@click.option("--format", "form", metavar="TEMPLATE", help="json, table, or a template.")
@click.option("--no-stream", is_flag=True, help="Show the usage once and exit.")
@click.option("--no-trunc", is_flag=True, help="Do not truncate ids.")
def command(containers: tuple[str, ...], everything: bool, form: str | None, no_stream: bool, no_trunc: bool) -> None:
    """Show usage."""
    here = machine()
    before: dict[str, Usage] = {}
    while True:
        ids = [here.store.find(name) for name in containers]
        ids = ids or [record.id for record, _ in select(here, {}, everything=everything)]
        now = {id: found for id in ids if (found := _usage(here, id))}
        if before or not now:
            if not no_stream and sys.stdout.isatty():
                click.echo("\x1b[H\x1b[2J", nl=False)
            rows = [_fields(here, id, before.get(id), now.get(id), whole=no_trunc) for id in ids]
            write_rows(rows, _COLUMNS, form, _HEADINGS)
            sys.stdout.flush()
            if no_stream:
                return
        before = now
        time.sleep(_EVERY)


def _usage(here: Machine, id: str) -> Usage | None:
    try:
        return usage(here, id)
    except (EngineError, OSError):
        return None


def _fields(here: Machine, id: str, before: Usage | None, now: Usage | None, *, whole: bool) -> Mapping[str, object]:
    cpu = 0.0
    if now and before and now.moment > before.moment:
        cpu = (now.cpu - before.cpu) / (now.moment - before.moment) * 100
    now = now or Usage(0, 0, 0, 0, 0, 0, 0, 0, 0)
    return {
        "ID": id if whole else id[:12],
        "Container": id[:12],
        "Name": here.store.record(id).name,
        "CPUPerc": f"{cpu:.2f}%",
        "MemUsage": f"{units.binary(now.memory)} / {units.binary(now.limit)}",
        "MemPerc": f"{now.memory / now.limit * 100 if now.limit else 0:.2f}%",
        "NetIO": f"{units.size(now.received, 3)} / {units.size(now.sent, 3)}",
        "BlockIO": f"{units.size(now.read, 3)} / {units.size(now.written, 3)}",
        "PIDs": str(now.pids),
    }
