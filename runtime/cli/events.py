"""`entrepot events`: what happens to containers, images, networks and volumes."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from runtime.cli.listing import write_rows
from runtime.cli.logs import instant
from runtime.cli.machine import machine
from runtime.engine.clock import told
from runtime.engine.errors import EngineError
from runtime.engine.event_reader import read


def _named(event: Mapping[str, Any]) -> dict[str, object]:
    """An event with what templates call its fields; the JSON of it has them under small letters."""
    fields = {"Scope": "scope", "Time": "time", "TimeNano": "timeNano", "Status": "Action"}
    told: dict[str, object] = {name: lambda field=field: event[field] for name, field in fields.items()}
    of_actor = {"ID": event["Actor"]["ID"], "From": event["Actor"]["Attributes"].get("image", "")}
    return {**event, **told, **{name: lambda value=value: value for name, value in of_actor.items()}}


@click.command(help="Show events of containers, images, networks and volumes.")
@click.option("-f", "--filter", "given", metavar="KEY=VALUE", multiple=True, help="Show only matching ones.")
@click.option("--since", metavar="TIME", default="", help="Since a time or a duration ago.")
@click.option("--until", metavar="TIME", default="", help="Until a time or a duration ago.")
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
            write_rows([_named(event)], (), form)
        else:
            actor = event["Actor"]
            more = ", ".join(f"{name}={value}" for name, value in sorted(actor["Attributes"].items()))
            click.echo(f"{told(event['timeNano'])} {event['Type']} {event['Action']} {actor['ID']} ({more})")
        sys.stdout.flush()
