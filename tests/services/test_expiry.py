"""Partial files that a crash has left without a session: removed when old, and nothing else is."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from registry.metadata import uploads
from registry.metadata.uploads import UploadRow
from registry.services import expiry
from registry.services.expiry import Orphans
from storage import paths
from storage.content import Ingest
from storage.errors import NotFound
from tests.services.parts import Parts

pytestmark = pytest.mark.anyio

OLD = 0.1
"""Seconds after which a file is swept here."""

_numbers = count(1)


def begin(parts: Parts, repository: str, upload: str = "") -> tuple[str, Ingest]:
    """A partial file under its lock, and where it is."""
    path = paths.upload_data(repository, upload or f"{next(_numbers):032x}")
    ingest = parts.content.begin(path)
    ingest.write(b"bytes")
    return path, ingest


def leave(parts: Parts, repository: str, upload: str = "") -> str:
    """A partial file that nobody has open, as a crash leaves it."""
    path, ingest = begin(parts, repository, upload)
    ingest.suspend()
    return path


def is_there(parts: Parts, path: str) -> bool:
    try:
        parts.driver.stat(path)
    except NotFound:
        return False
    return True


def orphans(parts: Parts, expire_after: float = OLD) -> Orphans:
    return Orphans(parts.database, parts.driver, parts.pool, expire_after)


async def test_what_a_crash_has_left_goes(parts: Parts) -> None:
    left = [leave(parts, repository) for repository in ("app", "team/app", "team/app", "team/app/more")]
    await asyncio.sleep(OLD * 2)
    sweeper = orphans(parts)
    assert await sweeper.sweep() == len(left)
    assert not any(is_there(parts, path) for path in left)
    assert list(parts.driver.list(paths.uploads_dir("app"))) == []
    assert await sweeper.sweep() == 0
    late = leave(parts, "new")
    await asyncio.sleep(OLD * 2)
    assert await sweeper.sweep() == 1
    assert not is_there(parts, late)


async def test_what_is_somebodys_stays(parts: Parts) -> None:
    row = UploadRow("a" * 32, "app", "127.0.0.1", "sha256", 5, "", 0, 0)
    parts.database.write_now(lambda session: uploads.create(session, row))
    session = leave(parts, "app", row.id)
    foreign = leave(parts, "app", "6ba7b810-9dad-11d1-80b4-00c04fd430c8")
    digest = await parts.push("app", b"a blob")
    written, ingest = begin(parts, "app")
    await asyncio.sleep(OLD * 2)
    young = leave(parts, "app")
    assert await orphans(parts).sweep() == 0
    assert all(is_there(parts, path) for path in (session, foreign, written, young, paths.blob_data(digest)))
    ingest.suspend()
    assert await orphans(parts).sweep() == 1
    assert not is_there(parts, written)


async def test_a_run_is_short_and_the_next_goes_on(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "LOOKS", 3)
    for number in range(8):
        leave(parts, f"app-{number}")
    await asyncio.sleep(OLD * 2)
    sweeper = orphans(parts)
    removed = [await sweeper.sweep() for _ in range(6)]
    assert sum(removed) == 8
    assert max(removed) <= 2
