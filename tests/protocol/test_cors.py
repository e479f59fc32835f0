"""Cross-origin requests: refused by default, allowed by configuration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.protocol.client import Client, Response
from tests.protocol.content import new_repository
from tests.protocol.server import Server, running

ORIGIN = "https://ui.test"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "content-type, if-match",
}


def granted(response: Response) -> list[str]:
    """The headers that give another origin anything at all."""
    return [name for name, _ in response.headers if name.startswith("access-control-allow-")]


def words(value: str) -> set[str]:
    return {word.strip().lower() for word in value.split(",")}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    variables = {"ENTREPOT_CORS_ALLOW_ORIGINS": f"{ORIGIN},https://other.test"}
    with running(tmp_path_factory.mktemp("cors"), variables) as server:
        yield server


def test_nothing_by_default(client: Client) -> None:
    assert granted(client.get("/v2/", {"Origin": ORIGIN})) == []
    assert granted(client.request("OPTIONS", "/v2/", PREFLIGHT)) == []


def test_preflight(shared: Server) -> None:
    for target in ("/v2/", "/v2/team/app/manifests/latest", "/v2/team/app/blobs/uploads/"):
        response = shared.client.request("OPTIONS", target, PREFLIGHT)
        assert response.status in (200, 204), target
        assert response.header("access-control-allow-origin") == ORIGIN
        assert {"get", "head", "put", "post", "patch", "delete"} <= words(
            response.header("access-control-allow-methods")
        )
        allowed = words(response.header("access-control-allow-headers"))
        assert {"content-type", "if-match", "if-none-match", "authorization", "range", "content-range"} <= allowed
        assert response.header("access-control-max-age") == "600"
        assert "origin" in words(response.header("vary"))


def test_answers_may_be_read(shared: Server) -> None:
    repository = new_repository(shared.client)
    repository.tag("latest", repository.image())
    for target in ("/v2/", repository.manifest("latest"), repository.manifest("missing")):
        response = shared.client.get(target, {"Origin": ORIGIN})
        assert response.header("access-control-allow-origin") == ORIGIN
        exposed = words(response.header("access-control-expose-headers"))
        assert {"docker-content-digest", "location", "link", "etag", "range", "oci-subject"} <= exposed
        assert "origin" in words(response.header("vary"))
        assert response.get("access-control-allow-credentials") is None


def test_other_origins_get_nothing(shared: Server) -> None:
    for origin in ("https://evil.test", "http://ui.test", "https://ui.test.evil.test", "null", ORIGIN + ":8443"):
        assert granted(shared.client.get("/v2/", {"Origin": origin})) == [], origin
        refused = shared.client.request("OPTIONS", "/v2/", PREFLIGHT | {"Origin": origin})
        assert refused.get("access-control-allow-origin") is None, origin
        assert refused.get("access-control-allow-credentials") is None, origin


def test_without_origin(shared: Server) -> None:
    response = shared.client.get("/v2/")
    assert response.status == 200
    assert granted(response) == []


def test_credentials_when_asked_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    variables = {"ENTREPOT_CORS_ALLOW_ORIGINS": ORIGIN, "ENTREPOT_CORS_ALLOW_CREDENTIALS": "true"}
    with running(tmp_path_factory.mktemp("credentials"), variables) as server:
        response = server.client.get("/v2/", {"Origin": ORIGIN})
        assert response.header("access-control-allow-origin") == ORIGIN
        assert response.header("access-control-allow-credentials") == "true"


def test_any_origin(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("any"), {"ENTREPOT_CORS_ALLOW_ORIGINS": "*"}) as server:
        response = server.client.get("/v2/", {"Origin": "https://anything.test"})
        assert response.header("access-control-allow-origin") in ("*", "https://anything.test")
        assert response.get("access-control-allow-credentials") is None
