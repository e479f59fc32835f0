"""What the settings do, and what is said of those that cannot work."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import urllib3

from storage import paths
from storage.checked import Checked
from storage.drivers import load
from storage.drivers.s3.client import Settings
from storage.errors import NotFound, ReadOnly, StorageError, Unavailable
from tests.s3.calls import SLOW, Call, Fault
from tests.s3.proxy import FaultProxy
from tests.s3.servers import free_port, moto
from tests.storage.s3.conftest import PART, Store
from tests.storage.s3.test_writer import noise

UPLOAD = paths.upload_data("team/app", "1")
BLOB = "docker/registry/v2/blobs/sha256/ab/abc/data"


def fetch(url: str, **headers: str) -> urllib3.BaseHTTPResponse:
    with urllib3.PoolManager() as pool:
        return pool.request("GET", url, headers=headers, preload_content=True)


def test_a_prefix_is_a_storage_of_its_own(store: Store) -> None:
    first, second = store.driver(prefix="one/deep"), store.driver(prefix="/two/")
    first.put(BLOB, b"first")
    writer = first.create(UPLOAD)
    writer.write(noise(PART))
    place = writer.commit(BLOB)
    with pytest.raises(NotFound):
        second.stat(BLOB)
    second.put(BLOB, b"second")
    writer = second.create(UPLOAD)
    writer.write(noise(PART))
    assert list(first.abandoned(time.time() + 60)) == []
    writer.cancel()
    assert sorted(store.keys()) == sorted([f"one/deep/{BLOB}", f"one/deep/{place}", f"two/{BLOB}"])
    assert list(first.list("")) == list(second.list("")) == ["docker"]
    assert sorted(path for path, _ in first.walk("docker")) == [BLOB, place]
    second.delete_tree("docker")
    assert first.read(BLOB, 10) == b"first"
    first.probe()


def test_a_presigned_url_is_all_one_needs(store: Store) -> None:
    driver, data = store.driver(), noise(100_000)
    driver.put(BLOB, data)
    before = dict(driver.requests)
    url = driver.presign(BLOB, 60, {"content-type": "application/x-test", "cache-control": "max-age=9"})
    assert dict(driver.requests) == before
    answer = fetch(url)
    assert (answer.status, answer.data) == (200, data)
    assert answer.headers["content-type"] == "application/x-test"
    assert answer.headers["cache-control"] == "max-age=9"
    answer = fetch(url, Range="bytes=10-19")
    assert (answer.status, answer.data) == (206, data[10:20])


def test_a_presigned_url_is_for_this_object_and_for_a_while(checking: Store) -> None:
    driver = checking.driver()
    driver.put(BLOB, b"one")
    driver.put("other", b"another")
    url = driver.presign(BLOB, 1, {})
    assert fetch(url).status == 200
    assert fetch(url.replace(BLOB, "other")).status == 403
    deadline = time.monotonic() + 10
    while fetch(url).status != 403:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_urls_can_name_another_endpoint(checking: Store) -> None:
    public = f"http://localhost:{checking.server.endpoint.rpartition(':')[2]}"
    driver = checking.driver(redirect_endpoint=public)
    driver.put(BLOB, b"one")
    url = driver.presign(BLOB, 60, {})
    assert url.startswith(f"{public}/")
    assert fetch(url).data == b"one"


def test_encryption_and_storage_class(knowing: Store) -> None:
    driver = knowing.driver(encryption="aws:kms", kms_key="alias/registry", storage_class="STANDARD_IA")
    driver.put(BLOB, b"one")
    driver.put(UPLOAD, b"not a blob")
    writer = driver.create(UPLOAD)
    writer.write(noise(PART))
    place = writer.commit(BLOB)
    for key, kept in ((BLOB, "STANDARD_IA"), (place, "STANDARD_IA"), (UPLOAD, "STANDARD")):
        found = knowing.s3.head_object(Bucket=knowing.bucket, Key=key)
        assert found["ServerSideEncryption"] == "aws:kms"
        assert found["SSEKMSKeyId"] == "alias/registry"
        assert found.get("StorageClass", "STANDARD") == kept


def test_a_bucket_that_is_not_there(store: Store) -> None:
    driver = Checked(store.driver(bucket="no-such-bucket"))
    for call in (driver.probe, lambda: driver.read("a", 1), lambda: driver.put("a", b""), lambda: driver.list("a")):
        with pytest.raises(Unavailable, match=r"bucket no-such-bucket is not there, create it or correct s3\.bucket"):
            call()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"access_key": "nobody"}, r"S3 does not know the keys \(InvalidAccessKeyId\), correct s3.access_key"),
        ({"secret_key": "guessedguessed"}, r"S3 does not know the keys \(SignatureDoesNotMatch\)"),
    ],
)
def test_wrong_keys(checking: Store, wrong: dict[str, object], said: str) -> None:
    driver = Checked(checking.driver(**wrong))
    for call in (driver.probe, lambda: driver.read("a", 1)):
        with pytest.raises(ReadOnly, match=said):
            call()


def test_nobody_listens(checking: Store) -> None:
    driver = Checked(checking.driver(endpoint=f"http://127.0.0.1:{free_port()}", attempts=1))
    with pytest.raises(Unavailable, match=r"the S3 server cannot be reached, check s3\.endpoint"):
        driver.probe()


def test_no_more_requests_at_a_time_than_connections(checking: Store, proxy: FaultProxy) -> None:
    arrived: list[float] = []

    def plan(call: Call) -> Fault:
        arrived.append(time.monotonic())
        return SLOW

    driver = checking.driver(connections=1)
    with proxy.planned(plan):
        assert driver.put_group([(f"a/{number}", b"x") for number in range(4)]) == [None] * 4
    assert len(arrived) == 4
    assert min(later - earlier for earlier, later in itertools.pairwise(arrived)) >= SLOW.seconds


def test_a_server_that_does_not_answer(checking: Store) -> None:
    checking.server.stop()
    try:
        driver = Checked(checking.driver(attempts=1, timeout=0.5))
        with pytest.raises(Unavailable, match="the S3 server does not answer in time"):
            driver.read("a", 1)
    finally:
        checking.server.go_on()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bucket": ""}, "s3.bucket is not set"),
        ({"part_size": 1 << 20}, "s3.part_size is 1048576"),
        ({"endpoint": "s3.example.com"}, "s3.endpoint is 's3.example.com', begin it with http"),
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(StorageError, match=said):
        load("s3", **{"bucket": "some", **wrong})


def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run([*asked, *names], check=True, capture_output=True)
    with moto(tmp_path, (certificate, key)) as server:
        settings: dict[str, object] = {
            "bucket": "some",
            "endpoint": server.endpoint,
            "attempts": 1,
            "addressing": "path",
        }
        settings |= {"access_key": server.access_key, "secret_key": server.secret_key}
        with pytest.raises(Unavailable, match="the S3 server's certificate is not trusted, set s3"):
            Checked(load("s3", **settings)).probe()
        with pytest.raises(Unavailable, match="bucket some is not there"):
            Checked(load("s3", **settings, ca_bundle=str(certificate))).probe()
        with pytest.raises(Unavailable, match="No such file or directory"):
            Checked(load("s3", **settings, ca_bundle=str(tmp_path / "none"))).probe()


def test_a_secret_is_not_shown() -> None:
    shown = repr(Settings(bucket="b", access_key="key", secret_key="hidden", session_token="hidden"))
    assert "hidden" not in shown
    assert "key" in shown


def test_a_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    driver = Checked(load("s3", bucket="some"))
    for call in (driver.probe, lambda: driver.put_group([("a", b""), ("b", b"")])):
        with pytest.raises(ReadOnly, match="nobody"):
            call()


def test_no_keys_anywhere(monkeypatch: pytest.MonkeyPatch, checking: Store) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    driver = Checked(checking.driver(access_key="", secret_key=""))
    with pytest.raises(ReadOnly, match="no S3 credentials were found, set s3"):
        driver.probe()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", checking.server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", checking.server.secret_key)
    Checked(checking.driver(access_key="", secret_key="")).probe()


def test_without_boto3_the_extra_is_named() -> None:
    script = "import sys; sys.modules['boto3'] = None; from storage.drivers import load; load('s3', bucket='b')"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stderr.rstrip().endswith("storage driver s3 needs boto3, install entrepot[s3]")


def test_a_fork_has_connections_of_its_own(store: Store) -> None:
    """In a process of its own: this one has threads."""
    script = """if True:
        import json, os, sys
        from storage.drivers import load
        driver = load("s3", **json.loads(sys.argv[1]))
        driver.put("parent", b"one")
        child = os.fork()
        for number in range(20):
            assert driver.put_group([(f"{child}-{number}-{i}", b"x") for i in range(3)]) == [None] * 3
            assert driver.read("parent", 3) == b"one"
        if child == 0:
            assert driver.requests["PutObject"] == 60
            sys.stdout.flush()
            os._exit(0)
        assert driver.requests["PutObject"] == 61
        assert os.waitpid(child, 0)[1] == 0
    """

    ended = subprocess.run([sys.executable, "-c", script, json.dumps(store.settings)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert len(store.keys()) == 121
