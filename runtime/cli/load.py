"""`entrepot load`: images out of a file."""

import sys

import click

from runtime.cli.local_images import local_images
from runtime.cli.progress import progress
from runtime.images import names
from runtime.images.archive.load import load


@click.command(help="Load images from a tar file: docker's, or an OCI layout; gzip and zstd are understood.")
@click.option("-i", "--input", "path", metavar="FILE", help="Read from a file instead of standard input.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(path: str | None, quiet: bool) -> None:
    """Load images."""
    images = local_images()
    if path is None:
        if sys.stdin.isatty():
            raise click.UsageError("nothing comes from a terminal, use --input or a pipe", click.get_current_context())
        loaded = load(images, sys.stdin.buffer, progress(quiet))
    else:
        with open(path, "rb") as file:
            loaded = load(images, file, progress(quiet))
    for one in loaded:
        for name in one.names:
            click.echo(f"Loaded image: {names.familiar(name, images.default)}")
        if not one.names:
            click.echo(f"Loaded image ID: {one.image.id}")
