"""Which repositories are known to have which blobs, so that a push can ask a registry to mount what it has already.

Only a hint: a registry that does not agree is sent the bytes. Kept small: the last few places of each blob.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from runtime.images import locks, paths
from runtime.images.index import replace
from runtime.images.names import Name

_MOST: Final = 4


def read(root: Path) -> dict[str, list[str]]:
    """Places ("registry/repository") by digest, the latest first; what cannot be read is no hint."""
    try:
        return msgspec.json.decode(paths.origins(root).read_bytes(), type=dict[str, list[str]])
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def note(root: Path, name: Name, digests: Iterable[str], known: Iterable[str] | None = None) -> None:
    """Remember that a repository has these blobs; with `known`, forget all blobs but those."""
    with locks.held(paths.lock(root)):
        before = read(root)
        kept = before if known is None else {one: before[one] for one in set(known) & before.keys()}
        after = kept | {
            one: [name.place, *(place for place in kept.get(one, []) if place != name.place)][:_MOST] for one in digests
        }
        if after != before:
            replace(paths.origins(root), msgspec.json.encode(after))


def source(places: Iterable[str], target: Name) -> str:
    """The repository of the target's registry that a blob can be mounted from, empty when none is known."""
    for place in places:
        registry, _, repository = place.partition("/")
        if registry == target.registry and repository != target.repository:
            return repository
    return ""
