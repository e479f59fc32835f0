"""update: change the limits of a container."""

from __future__ import annotations

from runtime.executor.arguments import VALUE
from runtime.executor.documents import as_object, compact, drain, read
from runtime.executor.errors import ExecutorError, NotRunning, UsageError
from runtime.executor.paths import replace
from runtime.executor.state import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.executor.program import Call

# Flag: the section of the resources and the key in it.
_NUMBERS = {
    "blkio-weight": ("blockIO", "weight"),
    "cpu-period": ("cpu", "period"),
    "cpu-quota": ("cpu", "quota"),
    "cpu-burst": ("cpu", "burst"),
    "cpu-share": ("cpu", "shares"),
    "cpu-rt-period": ("cpu", "realtimePeriod"),
    "cpu-rt-runtime": ("cpu", "realtimeRuntime"),
    "cpu-idle": ("cpu", "idle"),
    "pids-limit": ("pids", "limit"),
}
_SIZES = {
    "memory": ("memory", "limit"),
    "memory-reservation": ("memory", "reservation"),
    "memory-swap": ("memory", "swap"),
}
_TEXTS = {"cpuset-cpus": ("cpu", "cpus"), "cpuset-mems": ("cpu", "mems")}
_IGNORED = ("kernel-memory", "kernel-memory-tcp")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}

FLAGS = dict.fromkeys([*_NUMBERS, *_SIZES, *_TEXTS, *_IGNORED, "resources"], VALUE)
SHORT = {"r": "resources"}
STOP = None


def run(call: Call) -> int:
    """Change them. Raise ExecutorError, CgroupError."""
    state = load(call.root, call.given.only_id("update"))
    if state.status() == "stopped":
        raise NotRunning("container not running")
    group = state.cgroup()
    if group is None:
        raise ExecutorError("cannot update a container without a control group")
    resources = asked(call)
    group.apply(resources)
    if resources.get("devices"):
        group.allow_devices(resources["devices"])
    config = state.config()
    linux = config.setdefault("linux", {})
    linux["resources"] = merge(linux.get("resources") or {}, resources)
    replace(state.paths.config, compact(config))
    return 0


def asked(call: Call) -> dict[str, Any]:
    """The limits to set: a document, from a file or with - from the input, or what the flags say."""
    given = call.given
    source = given.text("resources")
    if source:
        return as_object(drain(0)) if source == "-" else read(source)
    found: dict[str, dict[str, Any]] = {}
    for table, convert in ((_NUMBERS, int), (_SIZES, size), (_TEXTS, str)):
        for flag, (section, key) in table.items():
            if flag not in given.flags:
                continue
            try:
                found.setdefault(section, {})[key] = convert(given.flags[flag])
            except ValueError:
                raise UsageError(f"invalid value for {flag}: {given.flags[flag]!r}") from None
    return found


def size(text: str) -> int:
    """Bytes, written as 512m, 1g or a plain number; -1 is no limit. Raise ValueError."""
    lowered = text.lower().removesuffix("b").removesuffix("i")
    unit = lowered[-1:] if lowered[-1:] in _UNITS else ""
    return int(lowered.removesuffix(unit) if unit else lowered) * _UNITS[unit]


def merge(before: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """What holds afterwards: sections are changed key by key."""
    merged = dict(before)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(before.get(name), dict)
        merged[name] = before[name] | value if both else value
    return merged
