"""`entrepot history`: the steps an image was made in."""

import click

from runtime.cli import units
from runtime.cli.listing import write_rows
from runtime.cli.local_images import local_images
from runtime.images.describe import MISSING, history
from runtime.images.image import short

_COLUMNS = ("ID", "CreatedSince", "CreatedBy", "Size", "Comment")
_HEADINGS = {"ID": "IMAGE", "CreatedSince": "CREATED", "CreatedAt": "CREATED"}
_WIDEST = 45


@click.command(help="Show the history of an image.")
@click.argument("image")
@click.option("--format", "form", metavar="TEMPLATE", help="json, table, or a template.")
@click.option("-H", "--human/--no-human", default=True, help="Show sizes and times in readable form.")
@click.option("--no-trunc", is_flag=True, help="Do not truncate the output.")
@click.option("-q", "--quiet", is_flag=True, help="Show ids only.")
def command(image: str, form: str | None, human: bool, no_trunc: bool, quiet: bool) -> None:
    """Show the history of an image."""
    images = local_images()
    rows: list[dict[str, object]] = []
    for step in history(images, images.get(image)):
        whole = no_trunc or step["ID"] == MISSING
        by = (
            step["CreatedBy"]
            if no_trunc or len(step["CreatedBy"]) <= _WIDEST
            else f"{step['CreatedBy'][: _WIDEST - 1]}…"
        )
        rows.append(
            {
                "ID": step["ID"] if whole else short(step["ID"]),
                "CreatedSince": units.ago(step["Created"]) if human else step["Created"],
                "CreatedAt": step["Created"],
                "CreatedBy": by,
                "Size": units.size(step["Size"], 3) if human else str(step["Size"]),
                "Comment": step["Comment"],
            }
        )
    write_rows(rows, _COLUMNS, "{{.ID}}" if quiet and not form else form, _HEADINGS)
