"""What a monitor is told of a container (see `monitor.plan`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from runtime.bundle.container import Healthcheck
from runtime.bundle.grammar import signals
from runtime.bundle.grammar import size as sizes
from runtime.engine import runtimes
from runtime.engine.launch import finisher
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.network.endpoint import Published

MAX_SIZE: Final = 10_000_000
MAX_FILE: Final = 3
"""Docker's own default would let a log grow until the disk is full."""
STOP_TIMEOUT: Final = 10
_NS: Final = 1_000_000_000
_TERM: Final = 15


def plan(
    machine: Machine,
    record: Record,
    runtime: str,
    process: Mapping[str, Any],
    size: tuple[int, int] | None,
    ports: Iterable[Published],
) -> dict[str, Any]:
    """The plan of one start; `process` is the spec's, `ports` are those of the host that lead to it."""
    policy = record.host_config.restart_policy
    return {
        "id": record.id,
        "root": machine.paths.root,
        "run": machine.paths.run,
        "runtime": [runtime],
        "ours": runtimes.is_ours(runtime),
        "tty": record.config.tty,
        "stdin": record.config.open_stdin,
        "stdin_once": record.config.stdin_once,
        "size": list(size) if size else None,
        "log": _log(record),
        "restart": {"name": policy.name, "maximum": policy.maximum_retry_count},
        "stop_signal": stop_signal(record),
        "stop_timeout": stop_timeout(record),
        "health": _health(record.config.healthcheck, process),
        "attributes": attributes(record),
        "ports": [(each.host_ip, each.host_port, each.protocol) for each in ports],
        "finish": finisher(machine.paths.root, machine.paths.run, record.id),
    }


def stop_signal(record: Record) -> int:
    """The signal that asks it to end."""
    return signals.read(record.config.stop_signal) if record.config.stop_signal else _TERM


def stop_timeout(record: Record) -> int:
    """Seconds it has to do so."""
    return STOP_TIMEOUT if record.config.stop_timeout is None else record.config.stop_timeout


def attributes(record: Record) -> dict[str, str]:
    """What events tell of it."""
    return {**record.config.labels, "image": record.image, "name": record.name}


def _log(record: Record) -> dict[str, int] | None:
    asked = record.host_config.log_config
    if asked.type == "none":
        return None
    size = asked.config.get("max-size", "")
    return {
        "max_size": sizes.read(size) if size and size != "-1" else -1 if size else MAX_SIZE,
        "max_file": int(asked.config.get("max-file", MAX_FILE)),
    }


def _health(check: Healthcheck | None, process: Mapping[str, Any]) -> dict[str, Any] | None:
    if check is None or not check.test or check.test[0] == "NONE":
        return None
    kind, *words = check.test
    args = ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words
    return {
        "process": {**process, "args": args, "terminal": False},
        "interval": (check.interval or 30 * _NS) / _NS,
        "timeout": (check.timeout or 30 * _NS) / _NS,
        "start_period": check.start_period / _NS,
        "start_interval": (check.start_interval or 5 * _NS) / _NS,
        "retries": check.retries or 3,
    }
