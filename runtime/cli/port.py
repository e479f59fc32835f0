"""`entrepot port`: where the ports of a container are published."""

import click

from runtime.cli.machine import machine
from runtime.engine import looking
from runtime.engine.describe import endpoints_of
from runtime.engine.errors import EngineError
from runtime.engine.networking import published


@click.command(help="Show where the ports of a container are published.")
@click.argument("container", metavar="CONTAINER")
@click.argument("wanted", metavar="[PORT[/PROTO]]", required=False, default="")
def command(container: str, wanted: str) -> None:
    """Show ports."""
    here = machine()
    id = here.store.find(container)
    found = published(endpoints_of(here, here.store.record(id), looking.looked_at(here, id)))
    if wanted:
        name = wanted if "/" in wanted else f"{wanted}/tcp"
        if name not in found:
            raise EngineError(f"no public port '{name}' published for {container}")
        for binding in found[name]:
            click.echo(f"{binding.host_ip}:{binding.host_port}")
        return
    for name, bindings in sorted(found.items()):
        for binding in bindings:
            click.echo(f"{name} -> {binding.host_ip}:{binding.host_port}")
