"""`entrepot container inspect`: all that is known of containers."""

import click

from runtime.cli.listing import write_documents
from runtime.cli.machine import machine
from runtime.engine.describe import describe
from runtime.engine.errors import NoSuchContainer
from runtime.engine.machine import Machine


@click.command(help="Show details of containers.")
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
@click.option("-f", "--format", "form", metavar="TEMPLATE", help="json, or a template.")
@click.option("-s", "--size", is_flag=True, help="Show how much they have written too.")
def command(containers: tuple[str, ...], form: str | None, size: bool) -> int:
    """Inspect containers."""
    here, found, failed = machine(), [], 0
    for name in containers:
        try:
            found.append(document(here, name, size=size))
        except NoSuchContainer as error:
            click.echo(f"entrepot: {error}", err=True)
            failed = 1
    if found or not form:
        write_documents(found, form)
    return failed


def document(here: Machine, name: str, *, size: bool) -> dict[str, object]:
    """What is told of one. Raises NoSuchContainer."""
    told = describe(here, here.store.find(name))
    if size:
        told["SizeRw"] = here.snapshots.usage(told["Id"])
    return told
