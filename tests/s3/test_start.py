"""A server on a bucket: what stands in the way of its start is said in one sentence, and readiness is the bucket's."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.application import Registry
from tests.ports import free_port
from tests.protocol.server import PROJECT, command, environment, wait_until
from tests.s3.calls import HOLD, RESET, Fault
from tests.s3.registry import Bucket, bucket_of, registry_on, repository
from tests.s3.servers import gateway


def refused(folder: Path, variables: dict[str, str]) -> str:
    """The one line that a start ends with."""
    ended = subprocess.run(
        command(folder / "root", "--listen", f"127.0.0.1:{free_port()}"),
        cwd=PROJECT,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("entrepot: bucket ")
    return line


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ENTREPOT_S3_BUCKET": "nowhere"}, "bucket nowhere is not there, create it or correct s3.bucket"),
        ({"ENTREPOT_S3_SECRET_KEY": "hushhush"}, "correct s3.access_key and s3.secret_key"),
        ({"ENTREPOT_S3_ACCESS_KEY": "nobody"}, "correct s3.access_key and s3.secret_key"),
        ({"ENTREPOT_S3_ENDPOINT": "http://127.0.0.1:1"}, "cannot be reached, check s3.endpoint"),
    ],
)
def test_a_bucket_that_cannot_be_used(bucket: Bucket, tmp_path: Path, changed: dict[str, str], said: str) -> None:
    line = refused(tmp_path, bucket.variables | changed)
    assert said in line
    assert "hush" not in line


def test_an_empty_bucket_is_not_the_one_that_the_database_knows(bucket: Bucket, tmp_path: Path) -> None:
    with registry_on(bucket, tmp_path) as server:
        repository(server).push(b"bytes")
    line = refused(tmp_path, bucket.variables | {"ENTREPOT_S3_PREFIX": "elsewhere"})
    assert "prefix elsewhere" in line
    assert "is empty, but the database knows of blobs in it; is it the right bucket and prefix?" in line


def test_readiness_is_the_buckets_and_comes_back_by_itself(tmp_path: Path) -> None:
    with (
        gateway(tmp_path / "gateway") as s3,
        bucket_of(s3) as bucket,
        registry_on(bucket, tmp_path / "server", ENTREPOT_S3_ATTEMPTS="1") as server,
    ):
        used = repository(server)
        digest = used.push(b"bytes")
        s3.kill()
        wait_until(lambda: used.client.get("/readyz").status == 503, 15, "a bucket that is gone is not noticed", 0.5)
        assert used.client.get("/healthz").status == 200
        assert used.client.head(used.blob(digest)).status == 200
        assert used.client.get(used.blob(digest)).status == 503
        s3.start()
        wait_until(lambda: used.client.get("/readyz").status == 200, 15, "a bucket that is back is not noticed", 0.5)
        assert used.client.get(used.blob(digest)).body == b"bytes"


@pytest.mark.anyio
async def test_the_bucket_is_not_probed_each_time(bucket: Bucket, tmp_path: Path) -> None:
    async with Registry(tmp_path / "root", bucket.settings) as registry:
        with bucket.counted() as found:
            for _ in range(20):
                assert (await registry.get("/readyz")).status_code == 200
    assert found == {"PutObject": 1, "GetObject": 1, "DeleteObject": 1}


@pytest.mark.anyio
@pytest.mark.parametrize("fault", [RESET, HOLD], ids=str)
async def test_an_unready_bucket_is_told_in_time(bucket: Bucket, tmp_path: Path, fault: Fault) -> None:
    settings = bucket.settings | {"s3.attempts": "1", "s3.timeout": "6s"}
    async with Registry(tmp_path / "root", settings) as registry:
        with bucket.proxy.planned(lambda call: fault):
            started = time.monotonic()
            answer = await registry.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["storage"] != "ok"
        assert time.monotonic() - started < 7
