"""`entrepot stop`: have containers end."""

from typing import Any

from runtime.bundle.grammar import signals
from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.cli.options import NUMBER, ONE
from runtime.cli.verb import Verb
from runtime.engine.stop import stop

OPTIONS = (
    (("-t", "--time", "--timeout"), NUMBER, "SECONDS", "Seconds before SIGKILL; -1 is never."),
    (("-s", "--signal"), ONE, "SIGNAL", "The signal instead of the container's."),
)


def _stop(values: dict[str, Any], containers: list[str]) -> int:
    here, number = machine(), signals.read(values["signal"]) if values["signal"] else None
    return each(here, containers, lambda id: stop(here, id, signal=number, timeout=values["time"]))


command = Verb(
    "Stop containers: their stop signal, and after a time SIGKILL.", _stop, words=["CONTAINER..."], options=OPTIONS
)
