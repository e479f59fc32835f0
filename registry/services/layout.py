"""The repository tree of the reference registry's layout, kept in step with the index.

The index is asked for everything; the tree is what another registry, or a rebuild of the index, reads. It follows the
events: each names a blob, manifest or tag of a repository, and the tree is given what the index says of it now. So an
event may be applied twice, or late, and a crash only means that some are applied again.
"""

from __future__ import annotations

import contextlib

from registry.metadata import blobs, events, manifests, repositories, tags
from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from registry.metadata.events import EventRow
from storage import paths
from storage.digest import Digest
from storage.driver import Driver
from storage.errors import NotFound

CURSOR = "layout"

BATCH = 500
"""Events applied between two looks at the cursor."""

LAST = "_last"
"""A file made only to be removed again; no repository has such a name."""


QUIET = 300
"""Milliseconds since the last event after which the registry is quiet."""


class Layout:
    """See the module. Blocking; called in a thread by its job."""

    def __init__(self, database: Database, driver: Driver) -> None:
        self._database = database
        self._driver = driver

    def follow(self) -> bool:
        """Apply the next events; whether there may be more."""
        start = self._database.read_now(lambda session: events.cursor(session, CURSOR))
        batch = self._database.read_now(lambda session: events.after(session, start, BATCH))
        if not batch:
            return False
        touched = list(dict.fromkeys(_touched(event) for event in batch))
        self._copy_manifests([(repository, name) for kind, repository, name in touched if kind == "manifest"])
        for kind, repository, name in touched:
            self._apply(kind, repository, name)
        for repository in dict.fromkeys(event.repository for event in batch if event.repository):
            self._clear(repository)
        # Only what is on the disk for good is behind the cursor.
        self._driver.sync()
        last = batch[-1].id
        self._database.write_now(lambda session: events.advance_cursor(session, CURSOR, last), durable=False)
        return len(batch) == BATCH

    def is_quiet(self) -> bool:
        """Whether nothing happened just now, in any worker."""
        at = self._database.read_now(events.last_at)
        return not 0 <= now_ms() - at < QUIET  # a clock set back is no reason to wait

    def _apply(self, kind: str, repository: str, name: str) -> None:
        if kind == "tag":
            self._tag(repository, name)
        elif kind == "manifest":
            self._manifest(repository, name)
        elif kind == "blob":
            self._blob(repository, name)

    def _tag(self, repository: str, tag: str) -> None:
        digest = self._database.read_now(lambda session: tags.digest_of(session, repository, tag))
        if digest is None:
            with contextlib.suppress(NotFound):
                self._driver.delete_tree(paths.tag_dir(repository, tag))
            return
        self._put(paths.tag_index_link(repository, tag, Digest.parse(digest)), digest)
        self._put(paths.tag_current_link(repository, tag), digest)

    def _manifest(self, repository: str, text: str) -> None:
        digest = Digest.parse(text)
        row = self._database.read_now(lambda session: manifests.by_digest(session, repository, text))
        if row is None:
            self._remove(paths.revision_link(repository, digest))
            return
        self._put(paths.revision_link(repository, digest), text)

    def _copy_manifests(self, named: list[tuple[str, str]]) -> None:
        """Manifests among the blobs, together.

        The same bytes may be a blob as well, published and acknowledged at this very moment: what replaces it must be
        as durable as it is. Where they are already, they are as durable as they are.
        """
        missing = {}
        for repository, text in named:
            row = self._database.read_now(lambda session: manifests.by_digest(session, repository, text))  # noqa: B023
            path = paths.blob_data(Digest.parse(text))
            if row is not None and not self._holds(path, row.payload):
                missing[path] = row.payload
        for error in self._driver.put_group(list(missing.items())) if missing else ():
            if error is not None:
                raise error

    def _blob(self, repository: str, text: str) -> None:
        digest = Digest.parse(text)
        path = paths.layer_link(repository, digest)
        if self._database.read_now(lambda session: blobs.linked(session, repository, text)):
            self._put(path, text)
        else:
            self._remove(path)

    def _clear(self, repository: str) -> None:
        """Remove a repository that holds nothing any more; not uploads into it, nor repositories below its name."""
        if self._database.read_now(lambda session: repositories.find(session, repository)) is not None:
            return
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
            self._remove(f"{folder}/{LAST}")

    def _holds(self, path: str, payload: bytes) -> bool:
        try:
            return self._driver.read(path, len(payload) + 1) == payload
        except NotFound:
            return False

    def _put(self, path: str, digest: str) -> None:
        self._driver.put(path, digest.encode(), durable=False)

    def _remove(self, path: str) -> None:
        with contextlib.suppress(NotFound):
            self._driver.delete(path)


def _touched(event: EventRow) -> tuple[str, str, str]:
    if event.tag:
        return ("tag", event.repository, event.tag)
    kind = event.kind.split(".")[0] if event.repository else ""
    return (kind, event.repository, event.digest)
