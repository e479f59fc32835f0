"""`entrepot logs`: what a container has written."""

import contextlib
import sys
import time

import click

from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import duration
from runtime.cli import units
from runtime.cli.machine import machine
from runtime.engine.clock import told
from runtime.engine.logs import read


@click.command(help="Show what a container has written.")
@click.argument("container", metavar="CONTAINER")
@click.option("-f", "--follow", is_flag=True, help="Show what it writes until it ends.")
@click.option("-n", "--tail", metavar="NUMBER", default="all", help="So many lines from the end.")
@click.option("--since", metavar="TIME", default="", help="From a time on, or so long ago: 2013-01-02T13:23:37Z, 42m.")
@click.option("--until", metavar="TIME", default="", help="Up to a time, or so long ago.")
@click.option("-t", "--timestamps", is_flag=True, help="Show when it was written.")
@click.option("--details", is_flag=True, help="Accepted, as docker's; there are none.")
def command(container: str, follow: bool, tail: str, since: str, until: str, timestamps: bool, details: bool) -> None:
    """Show a log."""
    here = machine()
    first, last = moment(since), moment(until)
    count = int(tail) if tail.isdigit() else None
    for entry in read(here, here.store.find(container), tail=count, follow=follow):
        if entry.time < first:
            continue
        if last and entry.time > last:
            break
        out = sys.stderr.buffer if entry.stream == "stderr" else sys.stdout.buffer
        text = f"{entry.time} {entry.text}" if timestamps else entry.text
        out.write(text.encode("utf-8", "surrogateescape"))
        if follow or entry.stream == "stderr":
            sys.stdout.flush()
            out.flush()


def moment(text: str) -> str:
    """A time as the log has it; empty for an empty text."""
    found = instant(text)
    return "" if found is None else told(found)


def instant(text: str) -> int | None:
    """Nanoseconds since the epoch, of a time in RFC 3339, of seconds, or of a duration before now; None for no text."""
    if not text:
        return None
    seconds, _, fraction = text.partition(".")
    if seconds.isdigit():
        return int(seconds) * 10**9 + int(fraction[:9].ljust(9, "0") if fraction.isdigit() else 0)
    with contextlib.suppress(ValueInvalid):
        return time.time_ns() - duration.read(text)
    if (read := units.moment(text)) is None:
        raise click.UsageError(f"invalid time {text!r}, use 2013-01-02T13:23:37Z or 42m", click.get_current_context())
    return int(read.timestamp() * 10**6) * 1000
