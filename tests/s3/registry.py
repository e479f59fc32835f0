"""A registry server whose blobs are in a bucket, and the bucket seen past it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.protocol.content import Repository
from tests.protocol.server import Server, running
from tests.s3.proxy import FaultProxy
from tests.s3.servers import S3Server, client, make_bucket

PART = 5 << 20
"""Of the servers here: the least that S3 takes."""

_numbers = itertools.count(1)


@dataclass
class Bucket:
    """One of the S3 server's, behind a proxy that counts."""

    server: S3Server
    proxy: FaultProxy
    name: str

    @property
    def variables(self) -> dict[str, str]:
        """Those that have a registry keep its blobs here."""
        return {
            "ENTREPOT_STORAGE_DRIVER": "s3",
            "ENTREPOT_S3_BUCKET": self.name,
            "ENTREPOT_S3_ENDPOINT": self.proxy.endpoint,
            "ENTREPOT_S3_ACCESS_KEY": self.server.access_key,
            "ENTREPOT_S3_SECRET_KEY": self.server.secret_key,
            "ENTREPOT_S3_PART_SIZE": str(PART),
            "ENTREPOT_S3_REDIRECT": "false",
        }

    @property
    def settings(self) -> dict[str, str]:
        """The same by the keys of the settings."""
        found = {}
        for name, value in self.variables.items():
            section, _, setting = name.removeprefix("ENTREPOT_").lower().partition("_")
            found[f"{section}.{setting}"] = value
        return found

    @property
    def s3(self) -> Any:  # noqa: ANN401 - boto3's clients have no types
        """A client that nobody counts."""
        return client(self.server)

    def keys(self, part: str = "") -> list[str]:
        """The keys of all objects with this in them."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [one["Key"] for page in pages for one in page.get("Contents", ()) if part in one["Key"]]

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """The operations that come meanwhile."""
        with self.proxy.counted() as found:
            yield found


@contextmanager
def bucket_of(server: S3Server) -> Iterator[Bucket]:
    """A new one."""
    name = f"bucket-{next(_numbers)}"
    make_bucket(server, name)
    with FaultProxy(server.endpoint) as proxy:
        yield Bucket(server, proxy, name)


@contextmanager
def registry_on(bucket: Bucket, folder: Path, **variables: str) -> Iterator[Server]:
    """A registry server over the bucket, with one worker unless said otherwise."""
    folder.mkdir(exist_ok=True)
    given = {"ENTREPOT_SERVER_WORKERS": "1", "ENTREPOT_VERIFY_ENABLED": "false"} | bucket.variables | variables
    with running(folder, given) as server:
        yield server


def repository(server: Server) -> Repository:
    """A name that no test has had."""
    return Repository(server.client, f"team-{next(_numbers)}/app")
