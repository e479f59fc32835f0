"""The repository tree of the reference registry's layout, kept in step with the index.

The index is asked for everything; the tree is what another registry, or a rebuild of the index, reads. It follows the
events (see followers.py): each names a blob, manifest or tag of a repository, and the tree is given what the index says
of it now. So an event may be applied twice, or late, and of several that name the same thing the last is enough: a
batch is what was touched, each thing once, with one look-up of all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from registry.metadata import blobs, manifests, repositories, tags
from registry.metadata.database import Database
from registry.metadata.events import EventRow
from registry.metadata.session import Ask, Row
from storage import paths
from storage.digest import Digest
from storage.driver import Driver
from storage.errors import NotFound

ASKED = 256
"""Look-ups that share a round trip, and files that are stored together, at most."""

PAYLOADS = 8 * 1024 * 1024
"""Bytes of manifests held at a time, if there is more than one of them."""

LAST = "_last"
"""A file made only to be removed again; no repository has such a name."""


class _Touched(NamedTuple):
    """`name` is a tag, or the digest of a manifest or blob."""

    kind: str
    repository: str
    name: str


class Layout:
    """See the module. A Follower: blocking, called in a thread by its job."""

    name = "layout"

    def __init__(self, database: Database, driver: Driver) -> None:
        self._database = database
        self._driver = driver

    def apply(self, batch: Sequence[EventRow]) -> None:
        """Give the tree what the index says of all that these events name."""
        self._show(list(dict.fromkeys(_touched(event) for event in batch)))
        names = list(dict.fromkeys(event.repository for event in batch if event.repository))
        for name, rows in zip(names, self._ask([repositories.ask_id(name) for name in names]), strict=True):
            if not rows:
                self._clear(name)
        # Only what is on the disk for good is behind the cursor.
        self._driver.sync()

    def rebuild(self) -> Iterator[None]:
        """Give the tree all that the index says. What it has besides stays: it may be a folder that was adopted."""
        after = ""
        while names := self._database.read_now(lambda session: repositories.names(session, after, ASKED)):  # noqa: B023
            for name in names:
                for touched in self._content(name):
                    self._show(touched)
                    yield
            after = names[-1]
        self._driver.sync()

    def _content(self, repository: str) -> Iterator[list[_Touched]]:
        """All that a repository holds."""
        after_id = 0
        while linked := self._database.read_now(lambda s: blobs.linked_after(s, repository, after_id, ASKED)):  # noqa: B023
            yield [_Touched("blob", repository, digest) for _, digest in linked]
            after_id = linked[-1][0]
        for kind, list_after in (("manifest", manifests.digests), ("tag", tags.names)):
            after = ""
            while found := self._database.read_now(lambda s: list_after(s, repository, after, ASKED)):  # noqa: B023
                yield [_Touched(kind, repository, name) for name in found]
                after = found[-1]

    def _show(self, touched: list[_Touched]) -> None:
        """Have the tree say of each what the index says."""
        known = [thing for thing in touched if thing.kind in _ASKS]
        links: list[tuple[str, bytes]] = []
        payloads: list[tuple[_Touched, int]] = []
        for thing, rows in zip(known, self._ask([_ASKS[thing.kind](*thing[1:]) for thing in known]), strict=True):
            if not rows:
                self._hide(thing)
                continue
            if thing.kind == "manifest":
                payloads.append((thing, rows[0][0]))
            links += _links(thing, rows[0])
        self._copy_manifests(payloads)
        for start in range(0, len(links), ASKED):
            self._put(links[start : start + ASKED], durable=False)

    def _ask(self, asks: list[Ask]) -> Iterator[list[Row]]:
        for start in range(0, len(asks), ASKED):
            some = asks[start : start + ASKED]
            yield from self._database.read_now(lambda session: session.batch(some))  # noqa: B023 - run at once

    def _copy_manifests(self, sized: list[tuple[_Touched, int]]) -> None:
        """Manifests among the blobs, as many together as are small.

        The same bytes may be a blob as well, published and acknowledged at this very moment: what replaces it must be
        as durable as it is. Where they are already, they are as durable as they are.
        """
        some: list[_Touched] = []
        held = 0
        for thing, size in sized:
            if some and (held + size > PAYLOADS or len(some) == ASKED):
                self._copy(some)
                some, held = [], 0
            some.append(thing)
            held += size
        self._copy(some)

    def _copy(self, some: list[_Touched]) -> None:
        missing = {}
        for thing, rows in zip(some, self._ask([manifests.ask(*thing[1:]) for thing in some]), strict=True):
            path = paths.blob_data(Digest.parse(thing.name))
            for row in rows:
                if not self._holds(path, row[2]):
                    missing[path] = row[2]
        self._put(list(missing.items()), durable=True)

    def _hide(self, thing: _Touched) -> None:
        _, repository, name = thing
        with contextlib.suppress(NotFound):
            if thing.kind == "tag":
                self._driver.delete_tree(paths.tag_dir(repository, name))
            elif thing.kind == "manifest":
                self._driver.delete(paths.revision_link(repository, Digest.parse(name)))
            else:
                self._driver.delete(paths.layer_link(repository, Digest.parse(name)))

    def _clear(self, repository: str) -> None:
        """Remove a repository that holds nothing any more; not uploads into it, nor repositories below its name."""
        for folder in paths.content_dirs(repository):
            with contextlib.suppress(NotFound):
                self._driver.delete_tree(folder)
        self._prune(paths.uploads_dir(repository))
        parts = repository.split("/")
        for count in range(len(parts), 0, -1):
            self._prune(paths.repository_dir("/".join(parts[:count])))

    def _prune(self, folder: str) -> None:
        """Remove a folder if it is empty. A folder goes with its last file, so it is given one to lose."""
        if not any(self._driver.list(folder)):
            self._driver.put(f"{folder}/{LAST}", b"", durable=False)
            with contextlib.suppress(NotFound):
                self._driver.delete(f"{folder}/{LAST}")

    def _holds(self, path: str, payload: bytes) -> bool:
        try:
            return self._driver.read(path, len(payload) + 1) == payload
        except NotFound:
            return False

    def _put(self, files: list[tuple[str, bytes]], *, durable: bool) -> None:
        for error in self._driver.put_group(files, durable=durable) if files else ():
            if error is not None:
                raise error


_ASKS = {"tag": tags.ask_digest, "manifest": manifests.ask_size, "blob": blobs.ask_linked}


def _links(thing: _Touched, row: Row) -> list[tuple[str, bytes]]:
    """The files that say that it is there."""
    kind, repository, name = thing
    if kind == "tag":
        digest: str = row[0]
        index = paths.tag_index_link(repository, name, Digest.parse(digest))
        return [(index, digest.encode()), (paths.tag_current_link(repository, name), digest.encode())]
    link = paths.revision_link if kind == "manifest" else paths.layer_link
    return [(link(repository, Digest.parse(name)), name.encode())]


def _touched(event: EventRow) -> _Touched:
    if event.tag:
        return _Touched("tag", event.repository, event.tag)
    kind = event.kind.split(".")[0] if event.repository else ""
    return _Touched(kind, event.repository, event.digest)
