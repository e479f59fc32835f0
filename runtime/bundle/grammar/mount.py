"""`--mount`: one line of CSV, `type=bind,source=/host,target=/in,readonly` and what else docker takes."""

import csv
from collections.abc import Callable
from typing import Final

import msgspec

from runtime.bundle.container import BindOptions, Mount, TmpfsOptions, VolumeOptions
from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import boolean, size
from runtime.bundle.grammar.path import clean, read_target
from runtime.bundle.grammar.volume import check_name
from runtime.bundle.mount_point import PROPAGATIONS

_ALIASES: Final = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_FLAGS: Final = frozenset({"readonly", "volume-nocopy", "bind-create-src"})
_MANY: Final = frozenset({"volume-label", "volume-opt"})
_KEYS: Final = frozenset(
    {"type", "source", "target", "consistency", "bind-propagation", "bind-recursive", "volume-driver"}
    | {"volume-subpath", "tmpfs-size", "tmpfs-mode"}
    | _FLAGS
    | _MANY
)
_KINDS: Final = ("bind", "volume", "tmpfs")
_MOST_MODE: Final = 0o7777


def read(text: str) -> Mount:
    """The mount that `text` asks for. A relative source is left as it stands for the command line to complete."""
    fields = _fields(text)
    one = {key: values[-1] for key, values in fields.items()}
    kind = one.get("type", "volume").lower()
    if kind not in _KINDS:
        raise ValueInvalid(f"invalid mount {text!r}: mount type unknown: {kind!r}; use {', '.join(_KINDS)}")
    for key in fields:
        owner = key.partition("-")[0]
        if owner in _KINDS and owner != kind:
            raise ValueInvalid(f"cannot mix '{owner}-*' options with mount type '{kind}': {key} in {text!r}")
    if "target" not in one:
        raise ValueInvalid(f"invalid mount {text!r}: target is required, as in target=/data")
    mount = Mount(
        type=kind,
        source=one.get("source", ""),
        target=read_target(one["target"], f"mount {text!r}"),
        read_only=_flag("readonly", one),
    )
    return _OPTIONS[kind](mount, fields, one, text)


def _fields(text: str) -> dict[str, list[str]]:
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise ValueInvalid(f"invalid mount {text!r}: {error}; use key=value,...") from None
    fields: dict[str, list[str]] = {}
    for field in rows[0] if len(rows) == 1 else []:
        key, equals, value = field.partition("=")
        name = _ALIASES.get(key.lower(), key.lower())
        if name not in _KEYS:
            raise ValueInvalid(f"unknown option {key!r} in mount {text!r}; allowed are {', '.join(sorted(_KEYS))}")
        if not equals and name not in _FLAGS:
            raise ValueInvalid(f"invalid field {field!r} in mount {text!r}: must be a key=value pair")
        if equals and (not value.strip() or value.strip() != value):
            raise ValueInvalid(f"invalid value for {key!r} in mount {text!r}: value is empty or has white space around")
        fields.setdefault(name, []).append(value if equals else "true")
    return fields


def _flag(key: str, one: dict[str, str]) -> bool:
    return boolean.read(one[key], key) if key in one else False


def _bind(mount: Mount, fields: dict[str, list[str]], one: dict[str, str], text: str) -> Mount:
    if not mount.source:
        raise ValueInvalid(f"invalid mount {text!r}: source is required for a bind mount")
    if not mount.source.startswith(("/", ".")):
        raise ValueInvalid(f"invalid mount path {mount.source!r} in mount {text!r}: mount path must be absolute")
    propagation = one.get("bind-propagation", "").lower()
    if propagation and propagation not in PROPAGATIONS:
        raise ValueInvalid(f"invalid propagation mode: {propagation}; use one of {', '.join(PROPAGATIONS)}")
    recursive = one.get("bind-recursive", "enabled")
    if recursive not in ("enabled", "disabled"):
        raise ValueInvalid(f"invalid value for bind-recursive: {recursive}; use enabled or disabled")
    options = BindOptions(
        propagation=propagation,
        non_recursive=recursive == "disabled",
        create_mountpoint=_flag("bind-create-src", one),
    )
    source = clean(mount.source) if mount.source.startswith("/") else mount.source
    return msgspec.structs.replace(mount, source=source, bind_options=None if options == BindOptions() else options)


def _volume(mount: Mount, fields: dict[str, list[str]], one: dict[str, str], text: str) -> Mount:
    if mount.source:
        check_name(mount.source)
    subpath = one.get("volume-subpath", "")
    if subpath and (not mount.source or subpath.startswith("/") or ".." in subpath.split("/")):
        raise ValueInvalid(f"invalid mount {text!r}: volume-subpath must be a relative path inside a named volume")
    options = VolumeOptions(
        no_copy=_flag("volume-nocopy", one),
        labels=dict(_pair(value) for value in fields.get("volume-label", ())),
        driver=one.get("volume-driver", ""),
        driver_options=dict(_pair(value) for value in fields.get("volume-opt", ())),
        subpath=subpath,
    )
    return msgspec.structs.replace(mount, volume_options=None if options == VolumeOptions() else options)


def _tmpfs(mount: Mount, fields: dict[str, list[str]], one: dict[str, str], text: str) -> Mount:
    if mount.source:
        raise ValueInvalid(f"invalid mount {text!r}: source must not be specified for a tmpfs mount")
    mode = None
    if "tmpfs-mode" in one:
        digits = one["tmpfs-mode"]
        mode = int(digits, 8) if digits.isascii() and digits.isdigit() and set(digits) <= set("01234567") else -1
        if not 0 <= mode <= _MOST_MODE:
            raise ValueInvalid(f"invalid value for tmpfs-mode: {digits}; use octal permissions, as in 1777")
    bound = size.read(one["tmpfs-size"]) if "tmpfs-size" in one else 0
    options = TmpfsOptions(size_bytes=bound, mode=mode)
    return msgspec.structs.replace(mount, tmpfs_options=None if options == TmpfsOptions() else options)


def _pair(value: str) -> tuple[str, str]:
    key, _, rest = value.partition("=")
    return key, rest


_OPTIONS: Final[dict[str, Callable[[Mount, dict[str, list[str]], dict[str, str], str], Mount]]] = {
    "bind": _bind,
    "volume": _volume,
    "tmpfs": _tmpfs,
}
