"""`entrepot system prune`: everything that is not used."""

import click

from runtime.cli import units
from runtime.cli.asking import confirm
from runtime.cli.image.prune import report
from runtime.cli.local_images import local_images
from runtime.cli.machine import machine
from runtime.cli.users import users
from runtime.engine import volumes
from runtime.engine.prune import prune as prune_containers
from runtime.images.remove import prune


@click.command(help="Remove stopped containers, unused networks and images without a tag.")
@click.option("-a", "--all", "unused", is_flag=True, help="Remove all images that no container uses.")
@click.option("--volumes", "with_volumes", is_flag=True, help="Remove anonymous volumes that no container uses, too.")
@click.option("-f", "--force", is_flag=True, help="Do not ask for confirmation.")
def command(unused: bool, with_volumes: bool, force: bool) -> None:
    """Prune everything."""
    parts = ["all stopped containers", "all networks not used by a container"]
    parts += ["all anonymous volumes not used by a container"] if with_volumes else []
    parts += ["all images without a container" if unused else "all images without a tag"]
    confirm("This will remove:\n  - " + "\n  - ".join(parts), force)
    engine = machine()
    stopped, freed = prune_containers(engine)
    _named("Containers", stopped)
    _named("Networks", [network.name for network in engine.networks.prune()])
    if with_volumes:
        gone = engine.volumes.prune(lambda name: volumes.users(engine, name), lambda volume: volume.anonymous)
        _named("Volumes", [one.name for one in gone])
        freed += sum(one.size for one in gone)
    removed = prune(local_images(), users(), unused=unused)
    report(removed)
    click.echo(f"Total reclaimed space: {units.size(freed + removed.freed)}")


def _named(what: str, names: list[str]) -> None:
    if names:
        click.echo("\n".join([f"Deleted {what}:", *names, ""]))
