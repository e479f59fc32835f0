"""`--device /on/host[:/in/container][:rwm]` and `--device-cgroup-rule 'c 10:200 rwm'`."""

import re

from runtime.bundle.container import Device
from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar.path import clean

_rule = re.compile(r"([acb]) ([0-9]{1,9}|\*):([0-9]{1,9}|\*) ([rwm]{1,3})").fullmatch


def read(text: str) -> Device:
    """The device, its place in the container and what is allowed with it."""
    parts = text.split(":")
    if len(parts) > 3 or not parts[0] or "\0" in text:
        raise ValueInvalid(f"bad format for device: {text!r}; use /on/host[:/in/container][:rwm]")
    if len(parts) == 2 and _is_access(parts[1]):
        parts = [parts[0], parts[0], parts[1]]
    host, target, access = (*parts, *("", "")[: 3 - len(parts)])[:3]
    target = target or host
    if (access or len(parts) == 3) and not _is_access(access):
        raise ValueInvalid(f"bad mode specified: {access}, in device {text!r}; use letters of rwm, each once")
    if not host.startswith("/") or not target.startswith("/"):
        raise ValueInvalid(f"{target!r} in device {text!r} is not an absolute path")
    return Device(path_on_host=clean(host), path_in_container=clean(target), cgroup_permissions=access or "rwm")


def read_rule(text: str) -> tuple[str, int | None, int | None, str]:
    """The type, major, minor (None for all) and access of a rule."""
    found = _rule(text)
    if found is None or len(set(found[4])) != len(found[4]):
        raise ValueInvalid(f"invalid device cgroup format {text!r}: use 'type major:minor mode', as in 'c 10:200 rwm'")
    major, minor = (None if number == "*" else int(number) for number in (found[2], found[3]))
    return found[1], major, minor, found[4]


def _is_access(text: str) -> bool:
    return bool(text) and set(text) <= set("rwm") and len(set(text)) == len(text)
