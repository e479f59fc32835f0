"""`entrepot rmi`: names taken from images, and images with their last name."""

import click

from runtime.cli.local_images import local_images
from runtime.cli.users import users
from runtime.images.errors import ImagesError, NoSuchImage
from runtime.images.remove import remove


@click.command(help="Remove images.")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("-f", "--force", is_flag=True, help="Also with several names, or with containers that are stopped.")
def command(images: tuple[str, ...], force: bool) -> int:
    """Remove images; every one is tried."""
    found, failed = local_images(), 0
    for name in images:
        try:
            removed = remove(found, name, users(), force=force)
        except ImagesError as error:
            if force and isinstance(error, NoSuchImage):
                continue
            click.echo(f"entrepot: {error}", err=True)
            failed = 1
            continue
        for one in removed.untagged:
            click.echo(f"Untagged: {one}")
        for one in removed.deleted:
            click.echo(f"Deleted: {one}")
    return failed
