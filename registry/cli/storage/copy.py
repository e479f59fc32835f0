"""`entrepot storage copy`: the bytes of all blobs go to another storage while the registry runs; again for the rest."""

import click

from registry.cli.copying import copied, ends, verified
from registry.cli.flags import configured


@click.command(
    help="Copy the bytes of all blobs to the storage of another configuration, each verified; go on if ended."
)
@click.option("--to", required=True, metavar="FILE", help="The configuration file of the destination.")
@click.option("--threads", default=8, type=click.IntRange(1, 64), metavar="N", help="Blobs copied at the same time.")
@verified
@configured
def command(given: tuple[str | None, dict[str, str]], to: str, threads: int, verify: bool) -> None:
    """Copy, and say what was copied."""
    with ends(given, to) as pair:
        if pair.same_storage:
            raise click.UsageError(f"both configurations have the same storage, {pair.storage}")
        copied(pair.blob_copy(threads, verify=verify))
