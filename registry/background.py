"""The work that recurs in the background, each kind with its pace: one list."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from registry.config import Config
from registry.metadata.database import Database
from registry.services.expiry import Orphans, any_expired, expire_uploads
from registry.services.followers import Following
from registry.services.jobs import Work
from registry.services.layout import Layout
from registry.services.noted import INTERVAL_SECONDS, Noted
from registry.services.orphan_sweeper import OrphanSweeper
from registry.services.pruning import Pruning
from registry.services.quarantine import Quarantine
from registry.services.scrubber import Scrubber
from registry.services.uploads.uploads import Uploads
from storage.checked import Checked
from storage.content import ContentStore
from storage.driver import Multipart

FOLLOWERS = [Layout.name]
"""Those whose cursors hold events."""

TURN_SECONDS = 5.0
"""How long one run of the check of stored bytes may take."""


def recurring(
    config: Config,
    database: Database,
    driver: Checked,
    content: ContentStore,
    pool: ThreadPoolExecutor,
    uploads: Uploads,
    quarantine: Quarantine,
    noted: Noted,
) -> list[Work]:
    expire_after = config.uploads.expire_after
    orphans = Orphans(database, driver, pool, expire_after)
    often = max(0.2, expire_after / 4)
    layout = Following(database, Layout(database, driver), pool)
    pruning = Pruning(
        database,
        FOLLOWERS,
        events_seconds=config.events.prune_after,
        deleted_seconds=config.manifests.prune_deleted_after,
    )
    work = [
        Work(
            "uploads.expire",
            min(60.0, often),
            partial(expire_uploads, database, uploads.upkeep, expire_after),
            due=partial(any_expired, database, expire_after),
        ),
        Work("uploads.sweep", min(600.0, often), orphans.sweep, due=orphans.is_due),
        Work("uploads.flush", 0.25, uploads.upkeep.flush, leased=False, due=uploads.upkeep.is_due, rests=True),
        Work("layout.follow", 1.0, layout.run, due=layout.is_behind, rests=True),
        Work("content.noted", min(INTERVAL_SECONDS, config.verify.every), noted.flush, leased=False),
        Work("index.prune", 60.0, pruning.run, due=pruning.is_due),
    ]
    if isinstance(driver, Multipart):
        sweeper = OrphanSweeper(database, driver, pool, expire_after, config.s3.redirect_expires)
        work.append(Work("storage.leftovers", min(600.0, often), sweeper.sweep, due=sweeper.is_due))
    if config.verify.enabled:
        verify = config.verify
        scrubber = Scrubber(database, content, quarantine, pool, verify.rate, verify.again_after)
        work.append(Work("content.verify", verify.every, partial(scrubber.run, TURN_SECONDS), due=scrubber.is_due))
    return work
