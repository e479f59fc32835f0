"""`entrepot db copy`: the last step of a move. The registry takes no changes from its beginning on, and if all went
well, for good; the blobs that came since, and then the database, are copied and compared.
"""

import time

import click

from registry.cli.copying import Ends, Interrupted, copied, ends, of_blobs, tell_skipped
from registry.cli.flags import configured
from registry.cli.interrupts import Interrupts
from registry.moving import transfer
from registry.moving.blob_copy import BlobCopy
from registry.moving.read_only_window import ReadOnlyWindow
from registry.moving.transfer import Refused

PASSES = 4
SHORT_SECONDS = 5.0
"""How often, at most, what came meanwhile is copied before changes are refused, and seconds that are short enough."""


@click.command(help="Copy the last blobs and the database to another configuration; this one is read-only afterwards.")
@click.option("--to", required=True, metavar="FILE", help="The configuration file of the destination.")
@click.option("--replace", is_flag=True, help="Replace what the destination's database holds.")
@of_blobs
@configured
def command(
    given: tuple[str | None, dict[str, str]], to: str, replace: bool, threads: int, verify: bool, skip_damaged: bool
) -> None:
    """Copy, compare, leave the source read-only and say how it goes on."""
    with ends(given, to) as pair:
        if pair.same_database:
            raise click.UsageError(f"both configurations have the same database, {pair.database}")
        blobs = None if pair.same_storage else pair.blob_copy(threads, verify=verify, skip_damaged=skip_damaged)
        try:
            _move(pair, blobs, replace=replace)
        except Refused as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"the registry takes no changes any more; start the other: entrepot serve --config {to}")
    same = f" --config {given[0]}" if given[0] else ""
    click.echo(f"to go on with this one instead, stop the other and call: entrepot db writable{same}")
    tell_skipped(blobs)


def _move(pair: Ends, blobs: BlobCopy | None, *, replace: bool) -> None:
    if not replace:
        pair.destination.read_now(transfer.refuse_unless_empty)
    if blobs is not None:
        for _ in range(PASSES):  # most of it while changes are still taken
            started = time.monotonic()
            copied(blobs)
            if time.monotonic() - started < SHORT_SECONDS:
                break
    try:
        with Interrupts() as interrupts, ReadOnlyWindow(pair.source) as window:
            click.echo("the registry takes no changes from now on")
            if blobs is not None:
                copied(blobs)
            _copy_tables(pair, blobs, window, interrupts, replace=replace)
            window.keep()
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(
            "interrupted; the registry takes changes again, the same command copies its database anew"
        ) from None


def _copy_tables(
    pair: Ends, blobs: BlobCopy | None, window: ReadOnlyWindow, interrupts: Interrupts, *, replace: bool
) -> None:
    def still() -> None:
        window.check()
        interrupts.settle()  # what follows is the commit

    places = None if blobs is None else blobs.place
    for table, rows, checksum in transfer.copy(
        pair.source, pair.destination, places, replace=replace, still=still, go_on=interrupts.check
    ):
        click.echo(f"{table}: {rows} rows, the same in both, checksum {checksum[:16]}")
