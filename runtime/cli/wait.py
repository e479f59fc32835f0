"""`entrepot wait`: until containers end."""

from typing import Any

from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.cli.verb import Verb
from runtime.engine.stop import wait


def _wait(_: dict[str, Any], containers: list[str]) -> int:
    here = machine()
    return each(here, containers, lambda id: print(wait(here, id), flush=True), told=False)


command = Verb("Wait until containers end and print their exit codes.", _wait, words=["CONTAINER..."])
