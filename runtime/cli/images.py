"""`entrepot images`: the images of this machine."""

from collections.abc import Mapping
from typing import Any

from runtime.cli import units
from runtime.cli.listing import write_rows
from runtime.cli.local_images import local_images
from runtime.cli.options import MANY, ONE, SWITCH
from runtime.cli.verb import Verb
from runtime.images.image import short
from runtime.images.select import NONE, Row, filters, select

_COLUMNS = ("Repository", "Tag", "ID", "CreatedSince", "Size")
_WITH_DIGESTS = ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size")
_HEADINGS = {"ID": "IMAGE ID", "CreatedSince": "CREATED"}


def _images(values: dict[str, Any], words: list[str]) -> None:
    chosen, form = select(local_images(), filters(values["filter"]), *words[:1]), values["format"]
    rows = [_fields(row, whole=values["no_trunc"]) for row in chosen]
    if values["quiet"] and not form:
        form = "{{.ID}}"
        rows = list({row["ID"]: row for row in rows}.values())
    write_rows(rows, _WITH_DIGESTS if values["digests"] else _COLUMNS, form, _HEADINGS)


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


command = Verb(
    "List images.",
    _images,
    words=["[REPOSITORY[:TAG]]"],
    options=(
        (("-a", "--all"), SWITCH, "", "Accepted for compatibility; all are shown anyway."),
        (("--digests",), SWITCH, "", "Show digests."),
        (("-f", "--filter"), MANY, "KEY=VALUE", "Show only matching ones."),
        (("--format",), ONE, "TEMPLATE", "json, table, or a template."),
        (("--no-trunc",), SWITCH, "", "Do not truncate ids."),
        (("-q", "--quiet"), SWITCH, "", "Show ids only."),
    ),
)
