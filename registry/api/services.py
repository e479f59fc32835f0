"""The use-cases that handlers call, in one place, and the few settings that shape answers."""

from __future__ import annotations

from dataclasses import dataclass

from registry.api.freed_memory import FreedMemory
from registry.api.proxy_files import ProxyFiles
from registry.api.redirects import Redirects
from registry.metadata.database import Database
from registry.services.health import Health
from registry.services.lists import Lists
from registry.services.manifests import Manifests
from registry.services.publish import Publisher
from registry.services.pull import Pull
from registry.services.uploads.uploads import Uploads
from registry.telemetry.metrics import Metrics
from storage.content import ContentStore


@dataclass(frozen=True, slots=True)
class Services:
    """Sizes in bytes. Locations are relative unless there is a `public_url`, or they are made from the request."""

    database: Database
    content: ContentStore
    health: Health
    metrics: Metrics | None
    pull: Pull
    uploads: Uploads
    publisher: Publisher
    manifests: Manifests
    lists: Lists
    manifest_size: int
    body_size: int
    ranges: int
    public_url: str
    absolute_locations: bool
    redirects: Redirects
    proxy_files: ProxyFiles
    freed_memory: FreedMemory
