"""`entrepot unpause`."""

from typing import Any

from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.cli.verb import Verb
from runtime.engine.stop import pause


def _unpause(_: dict[str, Any], containers: list[str]) -> int:
    here = machine()
    return each(here, containers, lambda id: pause(here, id, paused=False))


command = Verb("Resume paused containers.", _unpause, words=["CONTAINER..."])
