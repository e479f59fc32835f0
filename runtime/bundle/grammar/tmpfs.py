"""`--tmpfs /path[:options]` and the options of a tmpfs: docker's defaults, replaced by what is said."""

import re
from typing import Final

from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar.path import read_target

DEFAULTS: Final = ("noexec", "nosuid", "nodev", "rprivate")
# What excludes each other: of one line the last that was said counts.
_GROUPS: Final = (
    ("rw", "ro"),
    ("exec", "noexec"),
    ("suid", "nosuid"),
    ("dev", "nodev"),
    ("sync", "async"),
    ("atime", "noatime"),
    ("relatime", "norelatime", "strictatime", "nostrictatime"),
    ("diratime", "nodiratime"),
    ("dirsync",),
    ("mand", "nomand"),
    ("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"),
    ("defaults",),
)
_GROUP_OF: Final = {word: group[0] for group in _GROUPS for word in group}
_value = re.compile(r"(size|nr_blocks|nr_inodes|mode|uid|gid|mpol)=([0-9A-Za-z%:,.=-]{1,64})").fullmatch


def read(text: str) -> tuple[str, str]:
    """The destination and the options, checked and otherwise as they stand."""
    path, _, options = text.partition(":")
    merge(options)
    return read_target(path, f"tmpfs {text!r}"), options


def merge(options: str) -> list[str]:
    """The options a tmpfs is mounted with."""
    kept: dict[str, str] = {}
    for word in (*DEFAULTS, *(options.split(",") if options else ())):
        group = _GROUP_OF.get(word) or word.partition("=")[0]
        if word not in _GROUP_OF and _value(word) is None:
            raise ValueInvalid(
                f"invalid tmpfs option {word!r}: use size=, mode=, uid=, gid=, nr_inodes= or flags such as exec and ro"
            )
        kept.pop(group, None)
        kept[group] = word
    kept.pop("defaults", None)
    return list(kept.values())
