"""`entrepot rm`: remove containers."""

from typing import Any

from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.cli.options import SWITCH
from runtime.cli.verb import Verb
from runtime.engine.errors import NoSuchContainer
from runtime.engine.machine import Machine
from runtime.engine.remove import remove


def _rm(values: dict[str, Any], containers: list[str]) -> int:
    here, force = machine(), values["force"]
    if force:
        containers = [name for name in containers if _is_there(here, name)]
    return each(here, containers, lambda id: remove(here, id, force=force, with_volumes=values["volumes"]))


def _is_there(here: Machine, name: str) -> bool:
    try:
        return bool(here.store.find(name))
    except NoSuchContainer:
        return False


command = Verb(
    "Remove containers.",
    _rm,
    words=["CONTAINER..."],
    options=(
        (("-f", "--force"), SWITCH, "", "Kill and remove running containers too."),
        (("-v", "--volumes"), SWITCH, "", "Remove their anonymous volumes too."),
    ),
)
