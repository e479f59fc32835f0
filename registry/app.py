"""The application, put together from a configuration: one readable list, nothing global."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from importlib.metadata import version

from registry import cores
from registry.api.cors import Cors
from registry.api.dispatch import Dispatcher
from registry.api.fast_deferred import FastDeferred
from registry.api.fast_path import FastPath
from registry.api.freed_memory import FreedMemory
from registry.api.origin import Origins
from registry.api.proxy_files import ProxyFiles
from registry.api.record import Recorder
from registry.api.redirects import Redirects
from registry.api.services import Services
from registry.auth.gate import Gate
from registry.auth.identity import Everyone, Identities
from registry.background import FOLLOWERS, recurring
from registry.config import Config
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError
from registry.services.followers import Lag, lags
from registry.services.group import GroupPut
from registry.services.health import Health
from registry.services.jobs import Jobs
from registry.services.lists import Lists
from registry.services.manifests import Manifests
from registry.services.noted import Noted
from registry.services.publish import Publisher
from registry.services.pull import Pull
from registry.services.quarantine import Quarantine
from registry.services.uploads.buffers import SharedBuffers
from registry.services.uploads.uploads import Uploads
from registry.storage_marker import driver_of, ensure_marker
from registry.telemetry import logs
from registry.telemetry.access_log import AccessLog
from registry.telemetry.flusher import Flusher
from registry.telemetry.metrics import Metrics
from registry.transport.lanes import Lanes
from registry.transport.limits import Limits
from storage.checked import Checked
from storage.content import ContentStore
from storage.driver import Driver

log = logging.getLogger(__name__)

VERSION = version("entrepot")


class App:
    """What a worker serves: what the transport asks, and the work behind it.

    Satisfies transport.application.Application. `start` and `stop` are called on the worker's event loop.
    """

    def __init__(
        self, config: Config, driver: Driver, metrics: Metrics, access_log: AccessLog, identities: Identities
    ) -> None:
        self._config, self._metrics, self._access_log = config, metrics, access_log
        self._flusher = Flusher(access_log, metrics)
        self.draining = False
        self.limits = _limits(config)
        self.lanes = Lanes(config.uploads.threads, cores.anywhere)
        self.pool = pool = ThreadPoolExecutor(_threads(config, driver), "storage", initializer=cores.anywhere)
        self.database = database = Database.open(
            config.database.url, observe=metrics.database, readers=config.database.connections
        )
        metrics.lags = self._lags
        checked = Checked(driver, metrics.storage)
        content = ContentStore(checked)
        ensure_marker(content, database, config)
        quarantine = Quarantine(database, content, pool, metrics.damaged)
        lease_seconds = config.uploads.expire_after
        self._noted = Noted(database, lease_seconds)
        pull = Pull(database, content, quarantine, pool, self._noted)
        self._group = GroupPut(content)
        publisher = Publisher(database, content, pool, self._group, lease_seconds)
        self._uploads = uploads = _uploads(config, database, content, publisher, pool, metrics)
        health = Health(database, checked, pool, lambda: self.draining)
        services = _services(config, database, content, health, metrics, pull, uploads, publisher)
        self.gate = Gate(identities)
        answering = (
            services,
            self.gate,
            Origins(config.server.trusted_proxies),
            _cors(config),
            Recorder(metrics, access_log),
        )
        dispatcher = Dispatcher(*answering, pool)
        fast_path = FastPath(*answering) if database.inline_reads else FastDeferred(*answering)
        self.serve, self.inline, self.refused = dispatcher.serve, dispatcher.inline, dispatcher.refused
        self.fast, self.cached = fast_path.fast, fast_path.cached
        work = recurring(config, database, checked, content, pool, uploads, quarantine, self._noted)
        self._jobs = Jobs(database, work)
        uploads.used = self._jobs.wake

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
        await self._uploads.upkeep.flush()
        with contextlib.suppress(DatabaseError):
            await self._noted.flush()
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self.lanes.close()
        self._group.close()
        self.pool.shutdown(wait=True)
        self.database.close()
        self._metrics.flush(now=True)
        self._access_log.close()


def build(
    config: Config, *, driver: Driver | None = None, metrics_folder: str = "", identities: Identities | None = None
) -> App:
    """An application over `driver`, or the configured one. The database must have been migrated.

    Without `identities` all requests are anonymous, as `access.anonymous` says.
    """
    access_log = AccessLog(config.log.access_file, enabled=config.log.access)
    metrics = Metrics(metrics_folder, version=VERSION)
    metrics.watch_dropped("access", lambda: access_log.dropped)
    metrics.watch_dropped("server", logs.dropped)
    return App(
        config, driver or driver_of(config), metrics, access_log, identities or Everyone(config.access.anonymous)
    )


def _threads(config: Config, driver: Driver) -> int:
    """How many threads wait for the storage."""
    threads = max(8, config.uploads.threads * 2)
    return threads if driver.local else max(threads, config.s3.connections // 2)


def _uploads(
    config: Config,
    database: Database,
    content: ContentStore,
    publisher: Publisher,
    pool: ThreadPoolExecutor,
    metrics: Metrics,
) -> Uploads:
    shared = config.server.workers > 1 or not database.inline_reads
    return Uploads(
        database,
        content,
        publisher,
        pool,
        per_client=config.limits.uploads_per_client,
        shared=shared,
        buffers=_buffers(config) if shared else None,
        links=config.storage.links,
        count=metrics.uploads,
    )


def _buffers(config: Config) -> SharedBuffers:
    """In which all workers of this server find the first bytes of uploads."""
    otherwise = os.path.join(config.server.root, "buffers")
    buffers = SharedBuffers.of(f"{config.database.url} {config.storage.path}", otherwise)
    buffers.sweep(time.time() - config.uploads.expire_after)  # what killed workers have left
    return buffers


def _services(
    config: Config,
    database: Database,
    content: ContentStore,
    health: Health,
    metrics: Metrics,
    pull: Pull,
    uploads: Uploads,
    publisher: Publisher,
) -> Services:
    limits = config.limits
    return Services(
        database=database,
        content=content,
        health=health,
        metrics=metrics if config.metrics.enabled else None,
        pull=pull,
        uploads=uploads,
        publisher=publisher,
        manifests=Manifests(
            database,
            limits.json_depth,
            limits.json_values,
            limits.manifest_descriptors,
            sparse=config.manifests.sparse,
        ),
        manifest_size=limits.manifest_size,
        body_size=limits.body_size,
        lists=Lists(database, limits.page_size),
        ranges=limits.ranges,
        public_url=config.server.public_url,
        absolute_locations=config.server.absolute_locations,
        redirects=_redirects(config),
        proxy_files=ProxyFiles(config.server.proxy_sends_files, config.storage.path),
        freed_memory=FreedMemory(),
    )


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
    trusted = tuple(ipaddress.ip_network(network, strict=False) for network in config.server.trusted_proxies)
    given = {
        field.name: getattr(config.limits, field.name) for field in fields(Limits) if hasattr(config.limits, field.name)
    }
    return Limits(**given, trusted=trusted, reserved=frozenset((b"/healthz", b"/readyz")))
