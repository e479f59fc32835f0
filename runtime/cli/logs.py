"""`entrepot logs`: what a container has written."""

import contextlib
import sys
import time
from typing import Any

from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import duration
from runtime.cli import units
from runtime.cli.machine import machine
from runtime.cli.options import ONE, SWITCH
from runtime.cli.verb import Verb
from runtime.engine.clock import told
from runtime.engine.logs import read


def _logs(values: dict[str, Any], words: list[str]) -> None:
    here, follow, tail = machine(), values["follow"], values["tail"] or ""
    first, last = moment(values["since"] or ""), moment(values["until"] or "")
    count = int(tail) if tail.isdigit() else None
    for entry in read(here, here.store.find(words[0]), tail=count, follow=follow):
        if entry.time < first:
            continue
        if last and entry.time > last:
            break
        out = sys.stderr.buffer if entry.stream == "stderr" else sys.stdout.buffer
        text = f"{entry.time} {entry.text}" if values["timestamps"] else entry.text
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
        raise ValueInvalid(f"invalid time {text!r}, use 2013-01-02T13:23:37Z or 42m")
    return int(read.timestamp() * 10**6) * 1000


command = Verb(
    "Show the logs of a container.",
    _logs,
    words=["CONTAINER"],
    options=(
        (("-f", "--follow"), SWITCH, "", "Follow the output."),
        (("-n", "--tail"), ONE, "NUMBER", "Show this many lines from the end."),
        (("--since",), ONE, "TIME", "Since a time or a duration ago: 2013-01-02T13:23:37Z, 42m."),
        (("--until",), ONE, "TIME", "Until a time or a duration ago."),
        (("-t", "--timestamps"), SWITCH, "", "Show timestamps."),
        (("--details",), SWITCH, "", "Accepted for compatibility; has no effect."),
    ),
)
