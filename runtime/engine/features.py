"""What OCI runtimes can do, as they say themselves (runtime-spec, features.md). Each is asked once; it is written down.

Ours is not asked: it is of the same release as this file, and tests hold both together.
"""

from __future__ import annotations

import contextlib
import json
import os
from importlib import import_module
from typing import Any, Final, NamedTuple

from runtime.engine import runtimes, state

_SECONDS: Final = 10.0


class Features(NamedTuple):
    """What the engine wants to know of a runtime."""

    time_namespaces: bool
    """It can give a container a time namespace."""
    recursive_read_only: bool
    """It can make a bind read-only with all that is mounted below it: the mount option `rro`."""


def of(folder: str, program: str) -> Features:
    """Those of a program; `folder` is where answers are kept. One that does not answer has none."""
    if runtimes.is_ours(program):
        return Features(time_namespaces=True, recursive_read_only=True)
    found = os.stat(program)
    stamp = [found.st_ino, found.st_size, found.st_mtime_ns]
    path = f"{folder}/{program.replace('%', '%25').replace('/', '%2F')}"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        with open(path, "rb") as file:
            known = json.load(file)
        if known["stamp"] == stamp:
            return Features(*known["features"])
    features = _read(_ask(program))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    state.replace(path, json.dumps({"stamp": stamp, "features": list(features)}).encode())
    return features


def _ask(program: str) -> dict[str, Any]:
    subprocess = import_module("subprocess")  # not when there is none to ask: a container is waiting to be started
    with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
        done = subprocess.run([program, "features"], capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
        said = json.loads(done.stdout)
        if isinstance(said, dict):
            return said
    return {}


def _read(said: dict[str, Any]) -> Features:
    """Out of a features document, in which everything may be missing or null."""
    linux = said.get("linux") or {}
    return Features(
        time_namespaces="time" in (linux.get("namespaces") or ()),
        recursive_read_only="rro" in (said.get("mountOptions") or ()),
    )
