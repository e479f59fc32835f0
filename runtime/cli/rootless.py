"""The command of a user who is not root becomes root of a namespace of its own, before anything else is begun."""

from __future__ import annotations

import os
import sys

from runtime.cli import place
from runtime.cli.options import ONE
from runtime.cli.reading import read
from runtime.cli.verbs import VERBS
from runtime.engine import rootless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOTS = ((("--root",), ONE, "", ""), (("--run-root",), ONE, "", ""))
_AS_THEY_ARE = ("login", "logout", "search")
"""Verbs that have nothing to do with containers or images here."""
_GROUPS = ("container", "image", "network", "system", "volume")


def enter(given: Sequence[str]) -> None:
    """Enter the user's namespaces if the line asks for something that is in them. Raises EngineError, OSError."""
    before = read(given, _ROOTS)
    words = before.rest if before is not None else ()
    if not words or words[0] not in VERBS or words[0] in _AS_THEY_ARE:
        return
    if "--help" in words[1 : 3 if words[0] in _GROUPS else 2]:
        return
    user = os.geteuid()
    warning = rootless.enter(place.shared(os.environ, user))
    place.enter(user)
    if warning:
        print(f"WARNING: {warning}", file=sys.stderr)
