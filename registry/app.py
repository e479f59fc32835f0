"""The application, put together from a configuration: one readable list, nothing global."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version

from registry import cores
from registry.api.cors import Cors
from registry.api.dispatch import Dispatcher
from registry.api.fast_deferred import FastDeferred
from registry.api.fast_path import FastPath
from registry.api.origin import Origins
from registry.api.record import Recorder
from registry.api.redirects import Redirects
from registry.api.services import Services
from registry.auth.gate import Gate
from registry.auth.identity import Everyone
from registry.config import Config
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError
from registry.services.expiry import Orphans, expire_uploads
from registry.services.followers import Following, Lag, Pruning, lags
from registry.services.group import GroupPut
from registry.services.health import Health
from registry.services.jobs import Jobs, Work
from registry.services.layout import Layout
from registry.services.manifests import Manifests
from registry.services.orphan_sweeper import OrphanSweeper
from registry.services.publish import Publisher
from registry.services.pull import Pull
from registry.services.quarantine import Quarantine
from registry.services.scrubber import Scrubber
from registry.services.uploads import Uploads
from registry.storage_marker import driver_of, ensure_marker
from registry.telemetry import logs
from registry.telemetry.access_log import AccessLog
from registry.telemetry.flusher import Flusher
from registry.telemetry.metrics import Metrics
from registry.transport import peer_proof
from registry.transport.lanes import Lanes
from registry.transport.limits import Limits
from storage.checked import Checked
from storage.content import ContentStore
from storage.driver import Driver, Multipart

log = logging.getLogger(__name__)

VERSION = version("entrepot")

FOLLOWERS = [Layout.name]
"""Those whose cursors hold events."""

TURN = 5.0
"""Seconds one run of the check of stored bytes may take."""


class App:
    """What a worker serves: the ASGI application, its express lane, and the work behind it.

    Satisfies transport.application.Application. `start` and `stop` are called on the worker's event loop.
    """

    def __init__(self, config: Config, driver: Driver, metrics: Metrics, access_log: AccessLog) -> None:
        limits = config.limits
        self.limits = _limits(config)
        self.lanes = Lanes(config.uploads.threads, cores.anywhere)
        self.pool = ThreadPoolExecutor(_threads(config, driver), "storage", initializer=cores.anywhere)
        self.draining = False
        self._config = config
        self._metrics = metrics
        self._access_log = access_log
        self._flusher = Flusher(access_log, metrics)
        self.database = Database.open(
            config.database.url, observe=metrics.database, readers=config.database.connections
        )
        metrics.lags = self._lags
        checked = Checked(driver, metrics.storage)
        content = ContentStore(checked)
        ensure_marker(content, self.database, config)
        recorder = Recorder(metrics, access_log)
        quarantine = Quarantine(self.database, content, self.pool, metrics.damaged)
        pull = Pull(self.database, content, quarantine, self.pool)
        self._group = GroupPut(content)
        publisher = Publisher(self.database, content, self.pool, self._group)
        uploads = Uploads(
            self.database,
            content,
            publisher,
            self.pool,
            per_client=limits.uploads_per_client,
            shared=config.server.workers > 1 or not self.database.inline_reads,
            links=config.storage.links,
            count=metrics.uploads,
        )
        services = Services(
            database=self.database,
            content=content,
            health=Health(self.database, checked, self.pool, lambda: self.draining),
            metrics=metrics if config.metrics.enabled else None,
            pull=pull,
            uploads=uploads,
            publisher=publisher,
            manifests=Manifests(self.database, limits.json_depth, limits.json_values, sparse=config.manifests.sparse),
            manifest_size=limits.manifest_size,
            body_size=limits.body_size,
            page_size=limits.page_size,
            ranges=limits.ranges,
            public_url=config.server.public_url,
            absolute_locations=config.server.absolute_locations,
            redirects=_redirects(config),
        )
        gate = Gate(Everyone(config.access.anonymous))
        origins = Origins(config.server.trusted_proxies)
        cors = _cors(config)
        dispatcher = Dispatcher(services, gate, origins, cors, recorder, self.pool)
        fast_path = (FastPath if self.database.inline_reads else FastDeferred)(services, gate, origins, cors, recorder)
        self.serve, self.inline, self.refused = dispatcher.serve, dispatcher.inline, dispatcher.refused
        self.fast, self.cached = fast_path.fast, fast_path.cached
        verify = config.verify
        scrubber = Scrubber(self.database, content, quarantine, self.pool, verify.rate, verify.again_after)
        self._uploads = uploads
        self._jobs = Jobs(self.database, self._work(uploads, checked, scrubber, pull))

    def _work(self, uploads: Uploads, driver: Checked, scrubber: Scrubber, pull: Pull) -> list[Work]:
        expire_after = self._config.uploads.expire_after
        orphans = Orphans(self.database, driver, self.pool, expire_after)
        often = max(0.2, expire_after / 4)
        every = self._config.verify.every
        layout = Following(self.database, Layout(self.database, driver), self.pool)
        pruning = Pruning(self.database, FOLLOWERS, self._config.events.prune_after)
        work = [
            Work(
                "uploads.expire",
                min(60.0, often),
                partial(expire_uploads, self.database, uploads, expire_after),
            ),
            Work("uploads.sweep", min(600.0, often), orphans.sweep),
            Work("uploads.flush", 0.25, uploads.flush, leased=False),
            Work("layout.follow", 1.0, layout.run, due=layout.is_behind),
            Work("events.prune", 60.0, pruning.run, due=pruning.is_due),
        ]
        if isinstance(driver, Multipart):
            sweeper = OrphanSweeper(self.database, driver, self.pool, expire_after, self._config.s3.redirect_expires)
            work.append(Work("storage.leftovers", min(600.0, often), sweeper.sweep))
        if self._config.verify.enabled:
            work.append(Work("content.reads", every, partial(scrubber.remember, pull), leased=False))
            work.append(Work("content.verify", every, partial(scrubber.run, TURN)))
        return work

    def _lags(self) -> list[Lag]:
        """None where the database says nothing: the other metrics are wanted then more than ever."""
        try:
            return lags(self.database, FOLLOWERS)
        except DatabaseError:
            return []

    def reopen_logs(self) -> None:
        """Go on in a new access log after the old one was moved away. On the worker's event loop, as the log is."""
        try:
            self._access_log.reopen()
        except OSError as error:
            log.error("the access log cannot be opened again and goes on in the old file: %s", error)

    def out_of_descriptors(self) -> None:
        """Count a second in which the worker could accept no connection."""
        self._metrics.out_of_descriptors()

    def start(self) -> None:
        self._flusher.start()
        self._jobs.start()

    async def stop(self) -> None:
        self._flusher.stop()
        await self._jobs.stop()
        await self._uploads.flush()
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self.lanes.close()
        self._group.close()
        self.pool.shutdown(wait=True)
        self.database.close()
        self._metrics.flush(now=True)
        self._access_log.close()
        peer_proof.remove()


def build(config: Config, *, driver: Driver | None = None, metrics_folder: str = "") -> App:
    """An application over `driver`, or the configured one. The database must have been migrated."""
    access_log = AccessLog(config.log.access_file, enabled=config.log.access)
    metrics = Metrics(metrics_folder, version=VERSION)
    metrics.watch_dropped("access", lambda: access_log.dropped)
    metrics.watch_dropped("server", logs.dropped)
    return App(config, driver or driver_of(config), metrics, access_log)


def _threads(config: Config, driver: Driver) -> int:
    """How many threads wait for the storage."""
    threads = max(8, config.uploads.threads * 2)
    return threads if driver.local else max(threads, config.s3.connections // 2)


def _cors(config: Config) -> Cors | None:
    cors = config.cors
    if not cors.allow_origins:
        return None
    return Cors(cors.allow_origins, cors.allow_headers, credentials=cors.allow_credentials, max_age=int(cors.max_age))


def _redirects(config: Config) -> Redirects:
    s3 = config.s3
    networks = [ipaddress.ip_network(network) for network in s3.redirect_except_networks]
    return Redirects(s3.redirect, int(s3.redirect_expires), networks, s3.redirect_except_agents)


def _limits(config: Config) -> Limits:
    limits = config.limits
    return Limits(
        header_size=limits.header_size,
        header_count=limits.header_count,
        request_line=limits.request_line,
        header_timeout=limits.header_timeout,
        body_timeout=limits.body_timeout,
        body_rate=limits.body_rate,
        keep_alive=limits.keep_alive,
        connections=limits.connections,
    )
