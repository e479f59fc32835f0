"""list: print the containers of a root."""

from __future__ import annotations

import os

from runtime.executor.arguments import SWITCH, VALUE
from runtime.executor.documents import compact
from runtime.executor.errors import ExecutorError, UsageError
from runtime.executor.state import State, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call

FLAGS = {"format": VALUE, "quiet": SWITCH}
SHORT = {"f": "format", "q": "quiet"}
STOP = None
_COLUMNS = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")


def run(call: Call) -> int:
    """Print them. Raise UsageError."""
    form = call.given.text("format", "table")
    if form not in ("table", "json"):
        raise UsageError(f"invalid format option {form!r}, use table or json")
    states = _all(call.root)
    if call.given.has("quiet"):
        text = "".join(f"{state.identity}\n" for state in states)
    elif form == "json":
        documents = [state.document(state.status()) | _more(state) for state in states]
        text = compact(documents) + "\n"
    else:
        text = table([_row(state) for state in states])
    os.write(1, text.encode("utf-8", "surrogateescape"))
    return 0


def _all(root: str) -> list[State]:
    try:
        names = sorted(os.listdir(root))
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        try:
            found.append(load(root, name))
        except (ExecutorError, OSError):
            continue  # being made or being removed just now
    return found


def _more(state: State) -> dict[str, object]:
    values = state.values
    return {"rootfs": values["rootfs"], "created": values["created"], "owner": _owner(state)}


def _row(state: State) -> list[str]:
    document = state.document(state.status())
    created = str(state.values["created"])
    return [state.identity, str(document["pid"]), document["status"], state.bundle, created, _owner(state)]


def _owner(state: State) -> str:
    owner = int(state.values["owner"])
    return "root" if not owner else f"#{owner}"


def table(rows: list[list[str]]) -> str:
    """Rows below their headings, in columns."""
    everything = [list(_COLUMNS), *rows]
    widths = [max(12, *(len(row[place]) + 1 for row in everything)) for place in range(len(_COLUMNS))]
    lines = ("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in everything)
    return "".join(f"{line}\n" for line in lines)
