"""`entrepot kill`: a signal to containers."""

from typing import Any

from runtime.bundle.grammar import signals
from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.cli.options import ONE
from runtime.cli.verb import Verb
from runtime.engine.stop import kill


def _kill(values: dict[str, Any], containers: list[str]) -> int:
    name = values["signal"]
    here, number = machine(), signals.read("KILL" if name is None else name)
    return each(here, containers, lambda id: kill(here, id, number))


command = Verb(
    "Send containers a signal, SIGKILL unless another is named.",
    _kill,
    words=["CONTAINER..."],
    options=((("-s", "--signal"), ONE, "SIGNAL", "The signal."),),
)
