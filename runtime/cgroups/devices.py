"""Rules of devices: the runtime-spec's, and those every container needs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RW = "rwm"

# What stands behind every list of rules, as with runc: making any node, the default devices, and terminals.
DEFAULT_RULES: list[dict[str, Any]] = [
    {"allow": True, "type": "c", "access": "m"},
    {"allow": True, "type": "b", "access": "m"},
    {"allow": True, "type": "c", "major": 1, "minor": 3, "access": _RW},
    {"allow": True, "type": "c", "major": 1, "minor": 8, "access": _RW},
    {"allow": True, "type": "c", "major": 1, "minor": 7, "access": _RW},
    {"allow": True, "type": "c", "major": 5, "minor": 0, "access": _RW},
    {"allow": True, "type": "c", "major": 1, "minor": 5, "access": _RW},
    {"allow": True, "type": "c", "major": 1, "minor": 9, "access": _RW},
    {"allow": True, "type": "c", "major": 136, "access": _RW},
    {"allow": True, "type": "c", "major": 5, "minor": 2, "access": _RW},
]


def fields(rule: dict[str, Any]) -> tuple[str, int, int, str]:
    """The type, the numbers (-1 for any) and the access of a rule, with the spec's defaults."""
    major, minor = rule.get("major"), rule.get("minor")
    return (
        str(rule.get("type") or "a"),
        -1 if major is None else int(major),
        -1 if minor is None else int(minor),
        str(rule.get("access") or _RW),
    )


def line(rule: dict[str, Any]) -> str:
    """A rule as `devices.allow` and `devices.deny` of version 1 read it."""
    kind, major, minor, access = fields(rule)
    if kind == "a":
        return "a"
    return f"{kind} {'*' if major < 0 else major}:{'*' if minor < 0 else minor} {access}"
