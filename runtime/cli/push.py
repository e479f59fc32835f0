"""`entrepot push`: an image, or all tags of a repository, to a registry."""

import click

from runtime.cli.local_images import local_images
from runtime.cli.progress import progress
from runtime.cli.registries import source
from runtime.images import names
from runtime.images.errors import NoSuchImage
from runtime.images.push import push


@click.command(help="Push an image to a registry.")
@click.argument("name", metavar="NAME[:TAG]")
@click.option("-a", "--all-tags", is_flag=True, help="Push all tags of the repository.")
@click.option("-q", "--quiet", is_flag=True, help="Print the name only.")
def command(name: str, all_tags: bool, quiet: bool) -> None:
    """Push an image."""
    images, registries, told = local_images(), source(), progress(quiet)
    parsed = names.parse(name, images.default)
    if parsed.digest or (all_tags and parsed.tag):
        raise click.UsageError("a digest cannot be pushed to, nor a tag with --all-tags", click.get_current_context())
    if not all_tags and not parsed.tag:
        parsed = parsed._replace(tag="latest")
        told.say("Using default tag: latest")
    chosen = [parsed]
    if all_tags:
        known = {names.parse(one) for image in images.all() for one in image.names}
        chosen = sorted(one for one in known if one.place == parsed.place)
    if not chosen:
        raise NoSuchImage(f"no image here has a tag of {names.short_repository(parsed, images.default)}")
    for one in chosen:
        pushed = push(images, registries.registry(one), one, told, registries.local_registry(one))
        told.say(f"{one.tag}: digest: {pushed.digest} size: {pushed.size}")
        if quiet:
            click.echo(str(one))
