"""`entrepot import`: an image of one layer out of a tar file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click

from runtime.cli.local_images import local_images
from runtime.images import changes, foreign, names, platform
from runtime.images.building import Step, commit


@click.command(help="Create an image from a tar file: a path, a URL, or - for standard input.")
@click.argument("source", metavar="FILE|URL|-")
@click.argument("name", metavar="[REPOSITORY[:TAG]]", required=False, default="")
@click.option(
    "-c", "--change", "instructions", metavar="INSTRUCTION", multiple=True, help="Apply an instruction of a Dockerfile."
)
@click.option("-m", "--message", default="", help="A comment on the image.")
@click.option("--platform", "wanted", metavar="OS/ARCH", help="The platform, when it is not this machine's.")
def command(source: str, name: str, instructions: tuple[str, ...], message: str, wanted: str | None) -> None:
    """Import an image."""
    images = local_images()
    run = changes.apply({}, instructions)
    given = [names.tagged(name, images.default)] if name else []
    step = Step.now(comment=message or f"Imported from {source}")
    with _opened(source) as stream:
        made = commit(images, None, stream, run, step, given, platform.parse(wanted) if wanted else None)
    images.told("import", made.id, made.id)
    click.echo(made.id)


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == "-":
        yield sys.stdin.buffer
    elif source.startswith(("http://", "https://")):
        with foreign.opened(source) as stream:
            yield stream
    else:
        with open(source, "rb") as stream:
            yield stream
