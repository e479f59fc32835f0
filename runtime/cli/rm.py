"""`entrepot rm`: remove containers."""

import click

from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.engine.errors import NoSuchContainer
from runtime.engine.machine import Machine
from runtime.engine.remove import remove


@click.command(help="Remove containers.")
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
@click.option("-f", "--force", is_flag=True, help="Kill those that run.")
@click.option("-v", "--volumes", is_flag=True, help="Remove their anonymous volumes too.")
def command(containers: tuple[str, ...], force: bool, volumes: bool) -> int:
    """Remove containers."""
    here = machine()
    if force:
        containers = tuple(name for name in containers if _is_there(here, name))
    return each(here, containers, lambda id: remove(here, id, force=force, with_volumes=volumes))


def _is_there(here: Machine, name: str) -> bool:
    try:
        return bool(here.store.find(name))
    except NoSuchContainer:
        return False
