"""`entrepot events`: what happens to containers."""

import sys

import click

from runtime.cli.listing import write_rows
from runtime.cli.logs import instant
from runtime.cli.machine import machine
from runtime.engine.clock import told
from runtime.engine.errors import EngineError
from runtime.engine.happenings import read


@click.command(help="Show what happens to containers.")
@click.option("-f", "--filter", "given", metavar="KEY=VALUE", multiple=True, help="Show those that fit.")
@click.option("--since", metavar="TIME", default="", help="From a time on, or so long ago.")
@click.option("--until", metavar="TIME", default="", help="Up to a time, or so long ago.")
@click.option("--format", "form", metavar="TEMPLATE", help="json, or a template.")
def command(given: tuple[str, ...], since: str, until: str, form: str | None) -> None:
    """Show events."""
    wanted: dict[str, list[str]] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise EngineError(f"invalid filter {text[:80]!r}, write it as key=value")
        wanted.setdefault(key, []).append(value)
    for event in read(machine().paths, instant(since), instant(until), wanted):
        if form:
            write_rows([event], (), form)
        else:
            actor = event["Actor"]
            more = ", ".join(f"{name}={value}" for name, value in sorted(actor["Attributes"].items()))
            click.echo(f"{told(event['timeNano'])} {event['Type']} {event['Action']} {actor['ID']} ({more})")
        sys.stdout.flush()
