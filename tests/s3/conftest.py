"""S3 servers and buckets for a module's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.application import Registry
from tests.s3.registry import Bucket, bucket_of
from tests.s3.servers import S3Server, gateway


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server that checks signatures, for tests that do not harm it."""
    with gateway(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server) -> Iterator[Bucket]:
    """One of the test's own."""
    with bucket_of(s3) as made:
        yield made


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def registry(tmp_path: Path, bucket: Bucket) -> AsyncIterator[Registry]:
    """Over the test's bucket, without the work in the background: only what a test asks for is done, and counted."""
    async with Registry(tmp_path / "root", bucket.settings) as running:
        yield running
