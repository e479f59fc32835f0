"""Filters of system calls, compiled once and kept below the root of states.

For docker's profile libseccomp takes as long as all the rest of a start. What comes out depends on the rules alone (and
on the library, which knows more calls when it is newer: the root of states is usually gone after the next boot), so the
program is kept under the digest of the rules, and every other start with the same rules reads it.
"""

from __future__ import annotations

import _blake2
import os

from runtime.executor.documents import compact
from runtime.executor.loading import module
from runtime.executor.paths import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAGIC = b"entrepot filter 1"
_MOST_KEPT = 64
_LARGEST = 1 << 20


class Filter:
    """A program for the kernel, with its flags; `notifies` if an agent is to be asked about some calls."""

    def __init__(self, program: bytes, flags: int, *, notifies: bool) -> None:
        self.program = program
        self.flags = flags
        self.notifies = notifies


def filter_of(rules: dict[str, Any], directory: str) -> Filter:
    """The filter of the specification's `linux.seccomp`, kept in a directory. Raise InvalidSpec."""
    digest = _blake2.blake2b(f"{os.uname().machine} {compact(rules)}".encode(), digest_size=16).hexdigest()
    path = f"{directory}/{digest}"
    if found := _read(path):
        return found
    made: Filter = module("seccomp").compile_filter(rules)
    _keep(path, made)
    return made


def _read(path: str) -> Filter | None:
    """What is kept; nothing if it is not whole, or if others than us could have written it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        kept = os.fstat(descriptor)
        content = os.read(descriptor, _LARGEST)
    finally:
        os.close(descriptor)
    head, _, program = content.partition(b"\n")
    words = head.removeprefix(_MAGIC).split()
    whole = head.startswith(_MAGIC) and len(words) == 3 and words[2] == b"%d" % len(program)
    if kept.st_uid != os.geteuid() or kept.st_mode & 0o022 or not whole:
        return None
    return Filter(program, int(words[0]), notifies=words[1] == b"1")


def _keep(path: str, made: Filter) -> None:
    """Keep it; a disk that is full or not ours only means that it is compiled again."""
    directory = os.path.dirname(path)
    head = b"%s %d %d %d\n" % (_MAGIC, made.flags, made.notifies, len(made.program))
    try:
        if not os.path.isdir(directory):
            os.mkdir(directory, 0o700)
        kept = os.listdir(directory)
        if len(kept) >= _MOST_KEPT:
            for name in kept:
                os.unlink(f"{directory}/{name}")
        replace(path, head + made.program)
    except OSError:
        return
