"""`entrepot storage copy`: the bytes of all blobs go to another storage while the registry runs; again for the rest."""

import click

from registry.cli.copying import copied, ends, of_blobs, tell_skipped
from registry.cli.flags import configured


@click.command(help="Copy all blobs to the storage of another configuration and verify each; may be run again.")
@click.option("--to", required=True, metavar="FILE", help="The configuration file of the destination.")
@of_blobs
@configured
def command(given: tuple[str | None, dict[str, str]], to: str, threads: int, verify: bool, skip_damaged: bool) -> None:
    """Copy, and say what was copied."""
    with ends(given, to) as pair:
        if pair.same_storage:
            raise click.UsageError(f"both configurations have the same storage, {pair.storage}")
        blobs = pair.blob_copy(threads, verify=verify, skip_damaged=skip_damaged)
        copied(blobs)
        tell_skipped(blobs)
