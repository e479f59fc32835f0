"""`entrepot cp`: files between a container and this machine."""

import sys

import click

from runtime.cli.machine import machine
from runtime.engine import copy


@click.command(help="Copy files: CONTAINER:PATH to PATH, or the other way; - is a tar on standard input or output.")
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("-a", "--archive", is_flag=True, help="Preserve owners.")
@click.option("-L", "--follow-link", "follow", is_flag=True, help="Follow a symbolic link at SOURCE.")
@click.option("-q", "--quiet", is_flag=True, help="Accepted for compatibility.")
def command(source: str, target: str, archive: bool, follow: bool, quiet: bool) -> None:
    """Copy files."""
    here = machine()
    (from_, origin), (to, path) = _split(source), _split(target)
    if bool(from_) == bool(to):
        raise click.UsageError("one of SOURCE and TARGET must be CONTAINER:PATH", click.get_current_context())
    if from_:
        id = here.store.find(from_)
        if path == "-":
            copy.stream_out(here, id, origin, sys.stdout.buffer, follow=follow)
        else:
            copy.out(here, id, origin, path, follow=follow, archive=archive)
        return
    id = here.store.find(to)
    if origin == "-":
        copy.stream_in(here, id, sys.stdin.buffer, path, archive=archive)
    else:
        copy.in_(here, id, origin, path, follow=follow, archive=archive)


def _split(text: str) -> tuple[str, str]:
    """A container and a path; no container for a path of this machine, which may be written ./a:b."""
    name, colon, path = text.partition(":")
    return (name, path) if colon and not text.startswith((".", "/")) else ("", text)
