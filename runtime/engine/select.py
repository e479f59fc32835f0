"""Containers chosen by filters, docker's `ps --filter`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from runtime.engine import lifecycle, looking, networking, reconcile
from runtime.engine.errors import EngineError, NoSuchContainer
from runtime.engine.machine import Machine
from runtime.engine.matching import matches
from runtime.engine.record import Record
from runtime.engine.state import State

Found = tuple[Record, State]
Filters = Mapping[str, Sequence[str]]

_STATUSES: Final = (*lifecycle.ALIVE, lifecycle.CREATED, lifecycle.EXITED, lifecycle.REMOVING, lifecycle.DEAD)
_SHOW_ALL: Final = ("status", "exited")
"""Filters that look beyond running containers by themselves."""


def filters(texts: Iterable[str]) -> dict[str, list[str]]:
    """`key=value` each. Raises EngineError for a key that is not known."""
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise EngineError(f"invalid filter {text[:80]!r}, write it as key=value")
        if key not in _TESTS and key not in ("since", "before"):
            raise EngineError(
                f"invalid filter {key[:80]!r}, use one of {', '.join(sorted([*_TESTS, 'since', 'before']))}"
            )
        found.setdefault(key, []).append(value)
    for status in found.get("status", ()):
        if status not in _STATUSES:
            raise EngineError(f"invalid filter 'status={status[:80]}', use one of {', '.join(_STATUSES)}")
    return found


def select(machine: Machine, wanted: Filters, *, everything: bool, last: int = 0) -> list[Found]:
    """Those that fit, the newest first: the running ones, or all, or the `last` ones. Raises EngineError."""
    reconcile.remains(machine)
    found: list[Found] = []
    for record, _ in machine.store.all():
        try:
            found.append((record, looking.looked_at(machine, record.id)))
        except NoSuchContainer:
            continue
    found = _around(machine, found, wanted)
    everything = everything or last > 0 or any(key in wanted for key in _SHOW_ALL)
    found = [
        (record, now)
        for record, now in found
        if (everything or now.status in lifecycle.ALIVE) and _fits(record, now, wanted)
    ]
    return found[:last] if last > 0 else found


def _around(machine: Machine, found: list[Found], wanted: Filters) -> list[Found]:
    for text in wanted.get("before", ()):
        limit = machine.store.record(machine.store.find(text)).created
        found = [one for one in found if one[0].created < limit]
    for text in wanted.get("since", ()):
        limit = machine.store.record(machine.store.find(text)).created
        found = [one for one in found if one[0].created > limit]
    return found


def _fits(record: Record, now: State, wanted: Filters) -> bool:
    return all(
        (all if key == "label" else any)(_TESTS[key](record, now, value) for value in values)
        for key, values in wanted.items()
        if key in _TESTS
    )


def _label(record: Record, _: State, value: str) -> bool:
    key, equals, text = value.partition("=")
    return key in record.config.labels and (not equals or record.config.labels[key] == text)


def _volume(record: Record, _: State, value: str) -> bool:
    return any(value in (mount.name, mount.source, mount.destination) for mount in record.mounts)


def _published(record: Record, _: State, value: str) -> bool:
    bindings = record.host_config.port_bindings
    return _among(value, (f"{each.host_port}/{port.partition('/')[2]}" for port in bindings for each in bindings[port]))


def _exposed(record: Record, _: State, value: str) -> bool:
    return _among(value, record.config.exposed_ports)


def _among(wanted: str, ports: Iterable[str]) -> bool:
    """Whether a port is one that is wanted: 80, 80/udp or 8000-8080/tcp."""
    span, _, protocol = wanted.partition("/")
    first, _, last = span.partition("-")
    if not first.isdigit() or not (last or first).isdigit():
        raise EngineError(f"invalid filter: {wanted[:80]!r} is no port like 80, 80/udp or 8000-8080")
    for port in ports:
        number, _, kind = port.partition("/")
        if kind == (protocol or "tcp") and number.isdigit() and int(first) <= int(number) <= int(last or first):
            return True
    return False


def _health(_: Record, now: State, value: str) -> bool:
    return str((now.health or {}).get("Status", "none")) == value


def _ancestor(record: Record, _: State, value: str) -> bool:
    digits = record.image_id.removeprefix("sha256:")
    name = record.image if ":" in record.image.rpartition("/")[2] else f"{record.image}:latest"
    return value in (record.image, name, record.image_id) or (len(value) >= 4 and digits.startswith(value))


_TESTS: Final[dict[str, Callable[[Record, State, str], bool]]] = {
    "id": lambda record, _, value: matches(value, record.id),
    "name": lambda record, _, value: matches(value, record.name) or matches(value, f"/{record.name}"),
    "label": _label,
    "status": lambda _, now, value: now.status == value,
    "exited": lambda _, now, value: now.status == lifecycle.EXITED and str(now.exit_code) == value,
    "ancestor": _ancestor,
    "health": _health,
    "volume": _volume,
    "network": lambda record, _, value: value in (networking.names(record) or [record.host_config.network_mode]),
    "publish": _published,
    "expose": _exposed,
}
