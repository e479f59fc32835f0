"""What an operator sees: health, readiness, metrics and logs."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.protocol.client import Client, encode
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise
from tests.protocol.server import Server, wait_until

DATA = noise(600_000, "operations")


def test_health(client: Client) -> None:
    for target in ("/healthz", "/readyz"):
        response = client.get(target)
        assert response.status == 200
        assert response.header("content-type").startswith("application/json")
        assert client.head(target).status == 200


def test_not_ready_without_storage(start: Callable[..., Server]) -> None:
    server = start()
    repository = new_repository(server.client)
    repository.push(b"before")
    storage = server.root / "storage"
    aside = server.root / "aside"
    storage.rename(aside)
    storage.write_text("a file where the folder was")
    try:
        response = server.client.get("/readyz")
        assert response.status == 503
        assert "storage" in response.json()
        assert server.client.get("/healthz").status == 200
        refused = server.client.post(repository.uploads + "?digest=" + digest_of(b"x"), b"x", OCTETS)
        assert (refused.status, refused.code) == (503, "UNAVAILABLE")
        assert int(refused.header("retry-after")) > 0
    finally:
        storage.unlink()
        aside.rename(storage)
    # What could not be looked at is not taken for damaged.
    wait_until(lambda: server.client.get("/readyz").status == 200, 10, "it does not get ready again")
    assert repository.push(b"x")
    assert server.client.get(repository.blob(digest_of(b"before"))).body == b"before"


def counters(client: Client) -> dict[str, float]:
    """Every sample of /metrics by its name and labels."""
    response = client.get("/metrics")
    assert response.status == 200
    assert response.header("content-type").startswith("text/plain")
    lines = [line for line in response.body.decode().splitlines() if line and not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def total(samples: dict[str, float], name: str, *labels: str) -> float:
    return sum(
        value
        for key, value in samples.items()
        if key.partition("{")[0] == name and all(label in key for label in labels)
    )


def test_every_request_has_a_line_and_an_id(start: Callable[..., Server], tmp_path: Path) -> None:
    """Also one outside of /v2, one that a browser asks first, one that is redirected, and one that is no HTTP."""
    access = tmp_path / "access.log"
    server = start(ENTREPOT_LOG_ACCESS_FILE=str(access), ENTREPOT_CORS_ALLOW_ORIGINS="https://ui.test")
    preflight = {"Origin": "https://ui.test", "Access-Control-Request-Method": "PUT"}
    sent = [
        ("GET", "/", {}, 200, "root"),
        ("HEAD", "/", {}, 200, "root"),
        ("OPTIONS", "/", {}, 200, "root"),
        ("GET", "/healthz", {}, 200, "healthz"),
        ("GET", "/readyz", {}, 200, "readyz"),
        ("GET", "/metrics", {}, 200, "metrics"),
        ("GET", "/favicon.ico", {}, 404, "unknown"),
        ("GET", "//v2/", {}, 301, "unknown"),
        ("OPTIONS", "/v2/", preflight, 204, "preflight"),
        ("OPTIONS", "/v2/", {"Origin": "https://evil.test", "Access-Control-Request-Method": "PUT"}, 403, "preflight"),
        ("GET", "/" + "x" * 9000, {}, 414, "unknown"),
        ("GET", "/v2/", {f"X-{number}": "x" for number in range(200)}, 431, "unknown"),
    ]
    ids = []
    for method, target, headers, status, _ in sent:
        response = server.client.request(method, target, headers)
        assert response.status == status, (method, target, response)
        ids.append(response.header("x-request-id"))
        server.client.close()
    with server.client.connect() as connection:
        connection.send(b"NONSENSE\r\n\r\n")
        nonsense = connection.read()
    sent.append(("", "", {}, nonsense.status, "unknown"))
    ids.append(nonsense.header("x-request-id"))

    def lines() -> dict[str, dict[str, object]]:
        return {entry["request_id"]: entry for entry in map(json.loads, access.read_text().splitlines())}

    wait_until(lambda: set(ids) <= set(lines()), 5, "the access log does not have the requests")
    assert len(set(ids)) == len(sent)
    for request_id, (method, _, _, status, route) in zip(ids, sent, strict=True):
        line = lines()[request_id]
        assert (line["status"], line["route"]) == (status, route), line
        assert line["method"] in (method, ""), line
        assert line["client"] == "127.0.0.1"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_metrics(start: Callable[..., Server], workers: str) -> None:
    server = start(ENTREPOT_SERVER_WORKERS=workers)
    repository = new_repository(server.client)
    repository.tag("latest", repository.image())
    digest = repository.push(DATA)
    for _ in range(40):
        with server.client.connect() as connection:
            assert connection.request("GET", repository.manifest("latest")).status == 200
            assert connection.request("GET", repository.manifest("missing")).status == 404
            assert connection.request("HEAD", repository.blob(digest)).status == 200
    assert server.client.get(repository.blob(digest)).status == 200

    def complete() -> bool:
        samples = counters(server.client)
        requests = "entrepot_requests_total"
        return (
            total(samples, requests, 'route="manifest"', 'method="GET"', 'status="200"') == 40
            and total(samples, requests, 'route="manifest"', 'method="GET"', 'status="404"') == 40
            and total(samples, requests, 'route="blob"', 'method="HEAD"', 'status="200"') == 40
            and total(samples, "entrepot_workers") == int(workers)  # also one that nobody asked anything
        )

    wait_until(complete, 10, lambda: str({k: v for k, v in counters(server.client).items() if "requests" in k}), 0.3)
    samples = counters(server.client)
    assert total(samples, "entrepot_request_seconds_count", 'route="manifest"') >= 80
    assert total(samples, "entrepot_received_bytes_total") >= len(DATA)
    assert total(samples, "entrepot_sent_bytes_total", 'route="blob"') >= len(DATA)
    assert total(samples, "entrepot_storage_seconds_count") > 0
    assert total(samples, "entrepot_database_seconds_count") > 0
    assert total(samples, "entrepot_uploads_in_progress") == 0
    assert total(samples, "entrepot_damaged_blobs_total") == 0
    assert total(samples, "entrepot_workers") == int(workers)
    assert 10_000_000 < total(samples, "entrepot_memory_bytes") < int(workers) * 300_000_000
    assert not any(repository.name in key or digest in key for key in samples), "labels must not grow with content"


def test_metrics_show_an_upload_in_progress(client: Client, repository: Repository) -> None:
    with client.connect() as connection:
        headers = OCTETS | {"Content-Length": str(len(DATA))}
        connection.send(encode("PATCH", repository.start(), headers) + DATA[:400_000])
        wait_until(lambda: total(counters(client), "entrepot_uploads_in_progress") >= 1, 5, "the gauge stays at 0")
    wait_until(lambda: total(counters(client), "entrepot_uploads_in_progress") == 0, 10, "the gauge does not go down")


def test_metrics_can_be_off(start: Callable[..., Server]) -> None:
    assert start(ENTREPOT_METRICS_ENABLED="false").client.get("/metrics").status == 404


def test_logs(start: Callable[..., Server], tmp_path: Path) -> None:
    access = tmp_path / "access.log"
    server = start(ENTREPOT_LOG_FORMAT="json", ENTREPOT_LOG_ACCESS_FILE=str(access))
    repository = new_repository(server.client)
    repository.tag("latest", repository.image())
    for target in (repository.manifest("latest"), repository.manifest("missing"), "/v2/"):
        server.client.get(target, {"X-Request-Id": "from-the-client", "User-Agent": 'te"st\\agent'})

    def lines() -> list[dict[str, object]]:
        entries = [json.loads(line) for line in access.read_text().splitlines()]
        return [entry for entry in entries if "from-the-client" in json.dumps(entry)]

    wait_until(lambda: len(lines()) == 3, 5, "the access log does not have the requests")
    found = lines()[0]
    assert repository.manifest("latest") in json.dumps(found)
    assert 200 in found.values()
    assert server.stop() == 0
    for line in server.log.splitlines():
        if line.startswith("{"):
            json.loads(line)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_access_log_is_rotated(start: Callable[..., Server], tmp_path: Path, workers: str) -> None:
    access, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    server = start(ENTREPOT_SERVER_WORKERS=workers, ENTREPOT_LOG_ACCESS_FILE=str(access))

    def all_in(path: Path, target: str) -> bool:
        """Whether the lines of many connections, so of every worker, are in the file."""
        return path.exists() and path.read_text().count(target) == 20

    def ask(target: str) -> None:
        for _ in range(20):
            with server.client.connect() as connection:
                connection.request("GET", target)

    ask("/v2/before/tags/list")
    access.rename(moved)
    server.process.send_signal(signal.SIGHUP)
    wait_until(access.exists, 5, "SIGHUP does not open the access log again")
    time.sleep(0.5)  # for each of the workers to have done it
    ask("/v2/after/tags/list")
    wait_until(lambda: all_in(access, "/v2/after/"), 5, "lines after the rotation are not in the new file")
    assert all_in(moved, "/v2/before/")
    assert "/v2/after/" not in moved.read_text()
    assert server.stop() == 0


def test_access_log_can_be_off(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_LOG_ACCESS="false")
    server.client.get("/v2/", {"X-Request-Id": "must-not-be-seen"})
    assert server.stop() == 0
    assert "must-not-be-seen" not in server.log
