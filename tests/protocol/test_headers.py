"""Headers of answers: what HEAD says, where Location points, what is echoed, what other origins may do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.protocol.client import Client
from tests.protocol.content import (
    OCI_INDEX,
    OCI_MANIFEST,
    Repository,
    index_document,
    manifest_of,
    new_repository,
    noise,
    with_query,
)
from tests.protocol.server import Server, running

VARYING = {"date", "x-request-id", "connection", "server"}


def same_headers(client: Client, url: str) -> dict[str, str]:
    """The headers of GET, which must be those of HEAD."""
    got, headed = client.get(url), client.head(url)
    assert got.status == headed.status
    one = {name: value for name, value in got.headers if name not in VARYING}
    two = {name: value for name, value in headed.headers if name not in VARYING}
    assert two == one
    assert headed.body == b""
    assert one["content-length"] == str(len(got.body))
    return one


def test_head_of_a_manifest(repository: Repository) -> None:
    image = repository.tag("latest", repository.image())
    index = repository.tag("index", manifest_of(index_document([image.descriptor()])))
    for reference, manifest, media_type in (
        ("latest", image, OCI_MANIFEST),
        (image.digest, image, OCI_MANIFEST),
        ("index", index, OCI_INDEX),
        (index.digest, index, OCI_INDEX),
    ):
        headers = same_headers(repository.client, repository.manifest(reference))
        assert headers["content-type"] == media_type
        assert headers["content-length"] == str(len(manifest.payload))
        assert headers["docker-content-digest"] == manifest.digest


def test_head_of_a_blob(repository: Repository) -> None:
    for data in (noise(1), noise(5000), b""):
        digest = repository.push(data)
        headers = same_headers(repository.client, repository.blob(digest))
        assert headers["content-length"] == str(len(data))
        assert headers["content-type"] == "application/octet-stream"
        assert headers["docker-content-digest"] == digest
        assert headers["accept-ranges"] == "bytes"


def test_head_of_what_is_not_there(repository: Repository) -> None:
    repository.push(b"so that the repository exists")
    nothing = "sha256:" + "0" * 64
    for url in (repository.blob(nothing), repository.manifest(nothing), repository.manifest("missing")):
        response = repository.client.head(url)
        assert response.status == 404
        assert response.body == b""
        with repository.client.connect() as connection:
            assert connection.request("HEAD", url).status == 404
            # Nothing of a body may follow, or the next answer would be read from the wrong place.
            assert connection.request("GET", "/v2/").status == 200


def test_the_version_header_is_everywhere(client: Client, repository: Repository) -> None:
    repository.tag("latest", repository.image())
    for method, target in (
        ("GET", "/v2/"),
        ("GET", "/v2/_catalog"),
        ("GET", repository.manifest("latest")),
        ("GET", repository.manifest("missing")),
        ("GET", "/v2/no/such/route"),
        ("POST", repository.uploads),
        ("DELETE", "/v2/"),
    ):
        response = client.request(method, target)
        assert response.header("docker-distribution-api-version") == "registry/2.0", (method, target)


def test_ping(client: Client) -> None:
    response = client.get("/v2/")
    assert response.status == 200
    assert response.header("content-type") == "application/json"
    assert response.json() == {}
    assert client.head("/v2/").status == 200
    assert client.get("/v2").status in (200, 301, 307, 308)


def test_request_id_is_echoed(client: Client) -> None:
    for target in ("/v2/", "/v2/none/manifests/none", "/nowhere"):
        assert client.get(target, {"X-Request-Id": "build-42_a.b"}).header("x-request-id") == "build-42_a.b"


def test_request_id_is_made(client: Client) -> None:
    one, two = (client.get("/v2/").header("x-request-id") for _ in range(2))
    assert one != two
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", one)


def test_bad_request_ids_are_replaced(client: Client) -> None:
    """What is echoed also goes into logs, so only plain short names are taken over."""
    for value in ("x" * 1000, 'a" level="error', "a\tb", "a b", "é", "<script>", ""):
        response = client.get("/v2/", {"X-Request-Id": value})
        assert response.status in (200, 400)
        if response.status == 200:
            assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", response.header("x-request-id")), value


def path_of(location: str) -> str:
    """The path of a location on the server itself, without what a proxy adds."""
    return location[location.index("/v2/") :]


def locations(repository: Repository, headers: dict[str, str]) -> list[str]:
    """The locations of every kind of answer that has one, and the links of lists."""
    client = repository.client
    data = noise(100, repository.name)
    image = repository.image()
    opened = client.post(repository.uploads, headers=headers).header("location")
    patched = client.patch(path_of(opened), data, headers)
    status = client.get(path_of(patched.header("location")), headers)
    digest = repository.push(data)
    mounted = client.post(with_query(repository.uploads, mount=digest, **{"from": repository.name}), headers=headers)
    manifest = client.put(repository.manifest("latest"), image.payload, headers | {"Content-Type": OCI_MANIFEST})
    return [opened] + [answer.header("location") for answer in (patched, status, mounted, manifest)]


FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "registry.test", "X-Forwarded-Port": "8443"}


def test_locations_are_relative(repository: Repository) -> None:
    for headers in ({}, FORWARDED, {"Host": "other.test:1234"}):
        for location in locations(new_repository(repository.client), headers):
            assert location.startswith("/v2/"), location


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    variables = {
        "ENTREPOT_SERVER_ABSOLUTE_LOCATIONS": "true",
        "ENTREPOT_SERVER_TRUSTED_PROXIES": "192.0.2.0/24,127.0.0.1",
    }
    with running(tmp_path_factory.mktemp("proxy"), variables) as server:
        yield server


def test_forwarded_headers_of_a_trusted_address(behind_proxy: Server) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "registry.test"}
    for location in locations(new_repository(behind_proxy.client), headers):
        assert location.startswith("https://registry.test/v2/"), location


def test_absolute_locations_without_forwarded_headers(behind_proxy: Server) -> None:
    for location in locations(new_repository(behind_proxy.client), {"Host": "plain.test:5000"}):
        assert location.startswith("http://plain.test:5000/v2/"), location


def test_forwarded_nonsense_never_reaches_a_location(behind_proxy: Server) -> None:
    repository = new_repository(behind_proxy.client)
    for headers in (
        {"X-Forwarded-Host": "evil.test/path?query#"},
        {"X-Forwarded-Host": "a b"},
        {"X-Forwarded-Host": "user@evil.test"},
        {"X-Forwarded-Proto": "javascript"},
        {"X-Forwarded-Proto": "https://evil.test/"},
    ):
        response = behind_proxy.client.post(repository.uploads, headers={"Host": "plain.test"} | headers)
        assert response.status in (202, 400), headers
        if response.status == 202:
            assert response.header("location").startswith(("/v2/", "http://plain.test/v2/")), headers


def test_forwarded_headers_of_anybody_else(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_SERVER_ABSOLUTE_LOCATIONS="true", ENTREPOT_SERVER_TRUSTED_PROXIES="192.0.2.1")
    for location in locations(new_repository(server.client), FORWARDED | {"Host": "plain.test:5000"}):
        assert location.startswith("http://plain.test:5000/v2/"), location


def test_public_url(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_SERVER_ABSOLUTE_LOCATIONS="true", ENTREPOT_SERVER_PUBLIC_URL="https://public.test/registry")
    for location in locations(new_repository(server.client), FORWARDED):
        assert location.startswith("https://public.test/registry/v2/"), location
