"""`entrepot pull`: an image, or all tags of a repository, from a registry."""

import click

from runtime.cli.local_images import local_images
from runtime.cli.progress import progress
from runtime.cli.registries import source
from runtime.images import names, platform
from runtime.images.names import Name
from runtime.images.pull import pull


@click.command(help="Pull an image from a registry.")
@click.argument("name", metavar="NAME[:TAG|@DIGEST]")
@click.option("-a", "--all-tags", is_flag=True, help="Pull all tags of the repository.")
@click.option("--platform", "wanted", metavar="OS/ARCH", help="The platform, when it is not this machine's.")
@click.option("--registry-root", metavar="DIR", help="The folder of the registry, if it is on this machine.")
@click.option("-q", "--quiet", is_flag=True, help="Print the name only.")
def command(name: str, all_tags: bool, wanted: str | None, registry_root: str | None, quiet: bool) -> None:
    """Pull an image."""
    images, told = local_images(), progress(quiet)
    parsed = names.parse(name, images.default)
    if all_tags and (parsed.tag or parsed.digest):
        raise click.UsageError("a tag cannot be given with --all-tags", click.get_current_context())
    registries = source({parsed.registry: registry_root} if registry_root else None)
    wanted_tags = list(registries.registry(parsed).tags(parsed.repository)) if all_tags else [parsed.tag]
    if not all_tags and not parsed.tag and not parsed.digest:
        wanted_tags = ["latest"]
        told.say("Using default tag: latest")
    for tag in wanted_tags:
        chosen = Name(parsed.registry, parsed.repository, tag, parsed.digest)
        asked = platform.parse(wanted) if wanted else None
        pulled = pull(images, registries, chosen, told, asked)
        shown = names.familiar(chosen, images.default)
        told.say(f"Digest: {pulled.digest}")
        told.say(f"Status: {'Downloaded newer image' if pulled.newer else 'Image is up to date'} for {shown}")
        click.echo(str(chosen))
