"""`entrepot search`: the repositories of a registry by a part of their name."""

import click

from runtime.cli.listing import write_rows
from runtime.cli.local_images import local_images
from runtime.cli.registries import source

_COLUMNS = ("Name",)


@click.command(help="Search the catalog of a registry: [REGISTRY/]WORD.")
@click.argument("term", metavar="[REGISTRY/]WORD")
@click.option("--format", "form", metavar="TEMPLATE", help="json, table, or a template.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=25, show_default=True, help="The most results to show."
)
def command(term: str, form: str | None, limit: int) -> None:
    """Search a registry."""
    default = local_images().default
    first, slash, rest = term.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    host, word = (first, rest) if named else (default, term)
    rows: list[dict[str, object]] = []
    for repository in source().client(host).catalog():
        if word.lower() in repository:
            rows.append({"Name": repository if host == default else f"{host}/{repository}"})
            if len(rows) == limit:
                break
    write_rows(rows, _COLUMNS, form)
