"""What the tests of replicas share: one gateway, a bucket and a database of their own, and two replicas over both."""

from collections.abc import Iterator

import pytest

from tests.faults.conftest import seed
from tests.faults.fleet import Fleet, settings
from tests.postgres.server import shared
from tests.s3.servers import S3Server, gateway

__all__ = ["seed"]


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with gateway(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture(scope="module")
def replicas(storage: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two replicas that nobody troubles; they send clients to the bucket."""
    environment = settings(shared().empty_database(), storage) | {"ENTREPOT_S3_REDIRECT": "true"}
    with Fleet(tmp_path_factory.mktemp("replicas"), "replicas", environment) as fleet:
        fleet.start()
        yield fleet
        fleet.stop()
