"""`entrepot image prune`: images that are not used."""

import click

from runtime.cli import units
from runtime.cli.asking import confirm
from runtime.cli.local_images import local_images
from runtime.cli.pruning import fitting
from runtime.cli.users import users
from runtime.images.remove import Removed, prune

_DANGLING = "This will remove all images without a tag."
_UNUSED = "This will remove all images without at least one container made of them."


@click.command(help="Remove unused images: those without a tag, or all that no container uses.")
@click.option("-a", "--all", "unused", is_flag=True, help="Remove all images that no container uses.")
@click.option("--filter", "given", metavar="KEY=VALUE", multiple=True, help="until=TIME, label=KEY[=VALUE].")
@click.option("-f", "--force", is_flag=True, help="Do not ask for confirmation.")
def command(unused: bool, given: tuple[str, ...], force: bool) -> None:
    """Prune images."""
    fits = fitting(given)
    confirm(_UNUSED if unused else _DANGLING, force)
    removed = prune(local_images(), users(), unused=unused, fits=lambda image: fits(image.created, image.config.labels))
    report(removed)
    click.echo(f"Total reclaimed space: {units.size(removed.freed)}")


def report(removed: Removed) -> None:
    """Tell what went."""
    if removed.untagged or removed.deleted:
        click.echo("Deleted Images:")
        for one in removed.untagged:
            click.echo(f"untagged: {one}")
        for one in removed.deleted:
            click.echo(f"deleted: {one}")
        click.echo("")
