"""A bucket of each test's own, seen by the driver and past it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import pytest

from storage.checked import Checked
from storage.content import ContentStore
from storage.drivers import load
from storage.drivers.s3 import S3Driver
from tests.s3.proxy import FaultProxy
from tests.s3.servers import Client, S3Server, bucket_settings, client

PART = 5 << 20
"""Bytes of a part here: the least that S3 takes."""


@dataclass
class Store:
    """Where the driver goes, and what is really there."""

    server: S3Server
    settings: dict[str, object]

    @property
    def bucket(self) -> str:
        return str(self.settings["bucket"])

    @property
    def s3(self) -> Client:
        """Past the driver."""
        return client(self.server)

    def driver(self, **more: object) -> S3Driver:
        """A new one, as another process would have it."""
        return cast(S3Driver, load("s3", **{**self.settings, **more}))

    def content(self, **more: object) -> ContentStore:
        """Over a new driver."""
        return ContentStore(Checked(self.driver(**more)))

    def keys(self) -> list[str]:
        """Of all objects."""
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", ())]

    def uploads(self) -> list[str]:
        """Keys of multipart uploads that are not over."""
        return [one["Key"] for one in self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", ())]


SERVERS = [
    *("moto_server", "gateway_server"),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("swift_server", "seaweed_server")),
]


@pytest.fixture(params=SERVERS)
def store(request: pytest.FixtureRequest) -> Store:
    server: S3Server = request.getfixturevalue(request.param)
    return Store(server, bucket_settings(server, part_size=PART))


@pytest.fixture
def checking(gateway_server: S3Server) -> Store:
    """On the server that checks signatures."""
    return Store(gateway_server, bucket_settings(gateway_server, part_size=PART))


@pytest.fixture
def knowing(moto_server: S3Server) -> Store:
    """On the server that knows storage classes and the like."""
    return Store(moto_server, bucket_settings(moto_server, part_size=PART))


@pytest.fixture
def proxy(checking: Store) -> Iterator[FaultProxy]:
    """Between the drivers that `checking` makes from now on and its server."""
    with FaultProxy(checking.server.endpoint) as made:
        checking.settings["endpoint"] = made.endpoint
        yield made
