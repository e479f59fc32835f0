"""`entrepot save`: images into a file."""

import os
import secrets
import sys
from pathlib import Path

import click

from runtime.cli.local_images import local_images
from runtime.images.archive.save import save


@click.command(help="Write images to a tar file that docker, podman and skopeo read.")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of standard output.")
def command(images: tuple[str, ...], output: str | None) -> None:
    """Save images."""
    found = local_images()
    if output is None:
        if sys.stdout.isatty():
            raise click.UsageError(
                "a terminal is no place for a tar file, use --output or a pipe", click.get_current_context()
            )
        save(found, images, sys.stdout.buffer)
        return
    target = Path(output)
    if target.exists() and not target.is_file():  # a pipe or a device
        with target.open("wb") as file:
            save(found, images, file)
        return
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            save(found, images, file)
        aside.rename(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
