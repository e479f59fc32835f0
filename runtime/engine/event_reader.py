"""Reading what happened (see `events`), from a moment on and as it goes on."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from runtime.engine.errors import EngineError
from runtime.engine.paths import Paths

PAUSE = 0.05
KEYS = ("container", "event", "image", "label", "network", "type", "volume")


def read(
    paths: Paths, since: int | None, until: int | None, wanted: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """Events that fit, from `since` (nanoseconds; None: from now) until `until` (None: without end)."""
    for key in wanted:
        if key not in KEYS:
            raise EngineError(f"invalid filter {key[:80]!r}, use one of {', '.join(KEYS)}")
    first = time.time_ns() if since is None else since
    for event in _lines(paths, until):
        if until is not None and event["timeNano"] > until:
            return
        if event["timeNano"] >= first and fits(event, wanted):
            yield event


def fits(event: Mapping[str, Any], wanted: Mapping[str, Sequence[str]]) -> bool:
    """Whether an event is one of those that are wanted."""
    id, attributes = event["Actor"]["ID"], event["Actor"]["Attributes"]
    labels = [f"{name}={value}" for name, value in attributes.items()]

    def is_the(kind: str, text: str) -> bool:
        return bool(event["Type"] == kind and (id.startswith(text) or attributes.get("name") == text))

    have: dict[str, Callable[[str], bool]] = {
        "container": lambda text: is_the("container", text),
        "network": lambda text: is_the("network", text),
        "event": lambda text: event["Action"].partition(":")[0] == text,
        "image": lambda text: attributes.get("image") == text or is_the("image", text),
        "label": lambda text: text in labels or text in attributes,
        "volume": lambda text: is_the("volume", text),
        "type": lambda text: event["Type"] == text,
    }
    return all(any(have[key](text) for text in texts) for key, texts in wanted.items())


def _lines(paths: Paths, until: int | None) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(FileNotFoundError), open(f"{paths.events}.1", "rb") as file:
        yield from _whole(file)
    os.close(os.open(paths.events, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600))
    file = open(paths.events, "rb")  # noqa: SIM115 - replaced below
    try:
        while True:
            yield from _whole(file)
            if until is not None and time.time_ns() > until:
                return
            if _replaced(paths.events, file):
                yield from _whole(file)
                file.close()
                file = open(paths.events, "rb")  # noqa: SIM115
                continue
            time.sleep(PAUSE)
    finally:
        file.close()


def _whole(file: BinaryIO) -> Iterator[dict[str, Any]]:
    while line := file.readline():
        if not line.endswith(b"\n"):
            file.seek(-len(line), os.SEEK_CUR)
            return
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def _replaced(path: str, file: BinaryIO) -> bool:
    try:
        return os.stat(path).st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False
