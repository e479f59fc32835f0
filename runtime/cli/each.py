"""Verbs that do one thing to each of several containers: every one is tried, and each failure is told."""

import sys
from collections.abc import Callable, Iterable

from runtime.engine.errors import EngineError
from runtime.engine.machine import Machine
from runtime.network.errors import NetworkError


def each(here: Machine, names: Iterable[str], do: Callable[[str], None], *, told: bool = True) -> int:
    """Do it to the id that each name means and print the name; 1 if any failed."""
    failed = 0
    for name in names:
        try:
            do(here.store.find(name))
        except (EngineError, NetworkError) as error:
            print(f"entrepot: {error}", file=sys.stderr, flush=True)
            failed = 1
            continue
        if told:
            print(name, flush=True)
    return failed
