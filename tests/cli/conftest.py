from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sides import Side
from tests.postgres.server import shared
from tests.protocol.server import Server
from tests.s3.registry import PART
from tests.s3.servers import S3Server, bucket_settings, gateway


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with gateway(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def small(tmp_path: Path) -> Side:
    return Side(tmp_path / "small", f"sqlite:///{tmp_path}/small/root/entrepot.db").written()


@pytest.fixture
def large(tmp_path: Path, s3: S3Server) -> Side:
    settings = bucket_settings(s3, part_size=PART, redirect=False)
    lines = [f"{name} = {value!r}".replace("False", "false") for name, value in settings.items()]
    storage = '[storage]\ndriver = "s3"\n[s3]\n' + "\n".join(lines) + "\n"
    return Side(tmp_path / "large", shared().empty_database(), storage, str(settings["bucket"])).written()


@pytest.fixture
def running(small: Side) -> Iterator[Server]:
    server = small.server()
    try:
        yield server.start()
    finally:
        server.kill()
