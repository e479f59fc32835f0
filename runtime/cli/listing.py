"""Lists as docker prints them: aligned columns under a heading, or each row by a template or as JSON."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from runtime.cli.template import parse, render
from runtime.cli.template.functions import shown, to_json

_GAP: Final = 3
_NARROWEST: Final = 10
_FIELDS: Final = re.compile(r"\.(\w+)")


def write_rows(
    rows: Iterable[Mapping[str, object]],
    columns: Sequence[str],
    form: str | None = None,
    headings: Mapping[str, str] | None = None,
) -> None:
    """Print rows: a table of these columns by default; `form` is what --format was given.

    That is `json` (an object a line), `table` alone or with a template whose fields make the columns (separated by
    `\\t`), or a template for each row. Headings are columns in capitals unless given otherwise. Raises TemplateError.
    """
    named = headings or {}
    form = (form or "table").strip().replace("\\t", "\t").replace("\\n", "\n")
    if form == "json":
        for row in rows:
            print(to_json(dict(row)))
    elif form == "table" or form.startswith("table "):
        wanted = form.removeprefix("table").strip() or "\t".join(f"{{{{.{column}}}}}" for column in columns)
        heading = re.sub(r"\{\{.*?\}\}", lambda action: _heading(action[0], named), wanted)
        nodes = parse(wanted)
        lines = [heading, *(render(nodes, row) for row in rows)]
        for line in aligned([line.split("\t") for line in lines]):
            print(line)
    else:
        nodes = parse(form)
        for row in rows:
            print(render(nodes, row))


def _heading(action: str, headings: Mapping[str, str]) -> str:
    found = _FIELDS.search(action)
    if found is None:
        return ""
    return headings.get(found[1], re.sub(r"(?<=[a-z])(?=[A-Z])", " ", found[1]).upper())


def aligned(lines: Sequence[Sequence[object]]) -> list[str]:
    """Lines whose cells stand under each other."""
    cells = [[shown(cell) for cell in line] for line in lines]
    count = max((len(line) for line in cells), default=0)
    widths = [max(len(line[place]) for line in cells if place < len(line)) for place in range(count)]
    padded = [[cell.ljust(max(widths[place] + _GAP, _NARROWEST)) for place, cell in enumerate(line)] for line in cells]
    return ["".join(line).rstrip() for line in padded]


def write_documents(documents: Sequence[Mapping[str, object]], form: str | None) -> None:
    """Print what was inspected: all as one indented JSON list, or each by a template (`json` is each in a line)."""
    if not form:
        print(json.dumps(list(documents), indent=4, ensure_ascii=False))
        return
    form = "{{json .}}" if form.strip() == "json" else form
    nodes = parse(form.replace("\\t", "\t").replace("\\n", "\n"))
    for document in documents:
        print(render(nodes, document))
