"""`entrepot commit`: an image of what a container has written."""

import click

from runtime.cli.local_images import local_images
from runtime.cli.machine import machine
from runtime.engine.commit import commit
from runtime.images import names


@click.command(help="Create an image from a container's changes.")
@click.argument("container", metavar="CONTAINER")
@click.argument("name", metavar="[REPOSITORY[:TAG]]", required=False, default="")
@click.option("-a", "--author", default="", help="The author.")
@click.option(
    "-c", "--change", "instructions", metavar="INSTRUCTION", multiple=True, help="Apply an instruction of a Dockerfile."
)
@click.option("-m", "--message", default="", help="A comment on the image.")
@click.option("-p", "--pause/--no-pause", "pausing", default=True, help="Pause the container meanwhile.")
def command(container: str, name: str, author: str, instructions: tuple[str, ...], message: str, pausing: bool) -> None:
    """Commit a container."""
    here, images = machine(), local_images()
    made = commit(
        here,
        images,
        here.store.find(container),
        [names.tagged(name, images.default)] if name else [],
        message=message,
        author=author,
        instructions=instructions,
        pausing=pausing,
    )
    click.echo(made.id)
