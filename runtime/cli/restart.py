"""`entrepot restart`: stop containers and start them again."""

from typing import Any

from runtime.bundle.grammar import signals
from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.cli.stop import OPTIONS
from runtime.cli.verb import Verb
from runtime.engine import events, planning
from runtime.engine.start import start
from runtime.engine.stop import stop


def _restart(values: dict[str, Any], containers: list[str]) -> int:
    here, number = machine(), signals.read(values["signal"]) if values["signal"] else None

    def again(id: str) -> None:
        stop(here, id, signal=number, timeout=values["time"])
        if connection := start(here, id):
            connection.close()
        events.append(here.paths.events, "restart", id, planning.attributes(here.store.record(id)))

    return each(here, containers, again)


command = Verb("Stop containers and start them again.", _restart, words=["CONTAINER..."], options=OPTIONS)
