"""`entrepot update`: other bounds and another restart policy for containers."""

from typing import Any

import click

from runtime.bundle.grammar import cpus, restart, size
from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.engine.update import update


@click.command(help="Change the resource limits and the restart policy of containers.")
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
@click.option("-m", "--memory", metavar="SIZE", help="Limit the memory.")
@click.option("--memory-swap", metavar="SIZE", help="Limit memory and swap together; -1 is unlimited.")
@click.option("--memory-reservation", metavar="SIZE", help="The memory that is kept when memory gets short.")
@click.option("--cpus", "nano_cpus", metavar="NUMBER", help="Limit the number of CPUs, as in 1.5.")
@click.option("-c", "--cpu-shares", type=int, metavar="NUMBER", help="The CPU weight relative to other containers.")
@click.option("--cpu-period", type=int, metavar="MICROSECONDS", help="The period of the CPU scheduler.")
@click.option("--cpu-quota", type=int, metavar="MICROSECONDS", help="The CPU time within a period.")
@click.option("--cpuset-cpus", metavar="LIST", help="The CPUs to run on.")
@click.option("--cpuset-mems", metavar="LIST", help="The memory nodes to use.")
@click.option("--pids-limit", type=int, metavar="NUMBER", help="Limit the number of processes; -1 is unlimited.")
@click.option("--restart", "policy", metavar="POLICY", help="no, on-failure[:TIMES], always or unless-stopped.")
def command(containers: tuple[str, ...], **values: Any) -> int:  # noqa: ANN401 - as the options say
    """Update containers."""
    reads = {
        "memory": size.read,
        "memory_swap": size.read_swap,
        "memory_reservation": size.read,
        "nano_cpus": cpus.read,
        "policy": restart.read,
    }
    changed = {
        "restart_policy" if name == "policy" else name: reads[name](value) if name in reads else value
        for name, value in values.items()
        if value is not None
    }
    if not changed:
        raise click.ClickException("you must provide one or more flags when using this command")
    here = machine()

    def one(id: str) -> None:
        for warning in update(here, id, changed):
            click.echo(f"WARNING: {warning}", err=True)

    return each(here, containers, one)
