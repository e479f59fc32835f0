"""`entrepot images`: the images of this machine."""

from collections.abc import Mapping

import click

from runtime.cli import units
from runtime.cli.listing import write_rows
from runtime.cli.local_images import local_images
from runtime.images.image import short
from runtime.images.select import NONE, Row, filters, select

_COLUMNS = ("Repository", "Tag", "ID", "CreatedSince", "Size")
_WITH_DIGESTS = ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size")
_HEADINGS = {"ID": "IMAGE ID", "CreatedSince": "CREATED"}


@click.command(help="List images.")
@click.argument("repository", metavar="[REPOSITORY[:TAG]]", required=False, default="")
@click.option("-a", "--all", "everything", is_flag=True, help="Accepted, as docker's; all are shown anyway.")
@click.option("--digests", is_flag=True, help="Show digests.")
@click.option("-f", "--filter", "given", metavar="KEY=VALUE", multiple=True, help="Show those that fit.")
@click.option("--format", "form", metavar="TEMPLATE", help="json, table, or a template.")
@click.option("--no-trunc", is_flag=True, help="Show whole ids.")
@click.option("-q", "--quiet", is_flag=True, help="Show ids alone.")
def command(
    repository: str,
    everything: bool,
    digests: bool,
    given: tuple[str, ...],
    form: str | None,
    no_trunc: bool,
    quiet: bool,
) -> None:
    """List images."""
    rows = [_fields(row, whole=no_trunc) for row in select(local_images(), filters(given), repository)]
    if quiet and not form:
        form = "{{.ID}}"
        rows = list({row["ID"]: row for row in rows}.values())
    write_rows(rows, _WITH_DIGESTS if digests else _COLUMNS, form, _HEADINGS)


def _fields(row: Row, *, whole: bool) -> Mapping[str, object]:
    image = row.image
    return {
        "ID": image.id if whole else short(image.id),
        "Repository": row.repository,
        "Tag": row.tag,
        "Digest": row.digest or NONE,
        "CreatedSince": units.ago(image.created),
        "CreatedAt": units.stamp(image.created),
        "Size": units.size(image.size, 3),
        "VirtualSize": units.size(image.size, 3),
        "SharedSize": "N/A",
        "UniqueSize": "N/A",
        "Containers": "N/A",
    }
