"""Cross-origin requests: refused by default, allowed by configuration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.protocol.client import Client, Response
from tests.protocol.content import new_repository
from tests.protocol.server import Server, running, wait_until

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


def test_preflight_of_the_headers_that_pages_send(shared: Server) -> None:
    """Caching wrappers, tracing and old frameworks add these to every request."""
    asked = "Authorization, baggage,cache-control, pragma, traceparent , tracestate, x-request-id, X-Requested-With"
    headers = PREFLIGHT | {"Access-Control-Request-Headers": asked}
    response = shared.client.request("OPTIONS", "/v2/", headers)
    assert response.status == 204
    assert words(asked) <= words(response.header("access-control-allow-headers"))


def test_preflight_into_a_private_network(shared: Server) -> None:
    name = "access-control-allow-private-network"
    asked = PREFLIGHT | {"Access-Control-Request-Private-Network": "true"}
    response = shared.client.request("OPTIONS", "/v2/", asked)
    assert (response.status, response.get(name)) == (204, "true")
    assert shared.client.request("OPTIONS", "/v2/", PREFLIGHT).get(name) is None
    assert shared.client.request("OPTIONS", "/v2/", asked | {"Origin": "https://evil.test"}).get(name) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"Origin": "https://evil.test"}, "cors.allow_origins"),
        ({"Access-Control-Request-Method": "TRACE"}, "TRACE"),
        ({"Access-Control-Request-Headers": "if-match, x-strange"}, "x-strange"),
    ],
)
def test_refused_preflight_says_why(shared: Server, change: dict[str, str], named: str) -> None:
    response = shared.client.request("OPTIONS", "/v2/", PREFLIGHT | change)
    assert (response.status, response.code) == (403, "DENIED")
    assert named in response.json()["errors"][0]["message"]


def test_preflight_is_written_down(shared: Server) -> None:
    given = PREFLIGHT | {"X-Request-Id": "preflight-of-a-page"}
    for headers, target in ((given, "/v2/app/tags/list"), (given | {"Origin": "https://evil.test"}, "/healthz")):
        assert shared.client.request("OPTIONS", target, headers).header("x-request-id") == "preflight-of-a-page"
    assert shared.client.request("OPTIONS", "/v2/", PREFLIGHT).header("x-request-id")
    wait_until(lambda: shared.log.count("preflight-of-a-page") == 2, 5, lambda: shared.log)


def test_headers_by_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    origin = {"ENTREPOT_CORS_ALLOW_ORIGINS": "https://UI.test:443"}
    with running(tmp_path_factory.mktemp("one"), origin | {"ENTREPOT_CORS_ALLOW_HEADERS": "X-Mine"}) as server:
        mine = PREFLIGHT | {"Access-Control-Request-Headers": "x-mine, content-type"}
        assert server.client.request("OPTIONS", "/v2/", mine).status == 204
        assert server.client.request("OPTIONS", "/v2/", PREFLIGHT).status == 403
    with running(tmp_path_factory.mktemp("all"), origin | {"ENTREPOT_CORS_ALLOW_HEADERS": "*"}) as server:
        strange = PREFLIGHT | {"Access-Control-Request-Headers": "x-strange, authorization"}
        response = server.client.request("OPTIONS", "/v2/", strange)
        assert words(response.header("access-control-allow-headers")) == {"x-strange", "authorization"}


def test_every_header_may_be_read(shared: Server) -> None:
    """Those of the Fetch standard's safelist, and those that are of the connection, need not be exposed."""
    unsaid = {"cache-control", "content-type", "connection", "date", "keep-alive", "server", "vary"}
    unsaid |= {"access-control-allow-origin", "access-control-expose-headers", "x-content-type-options"}
    repository = new_repository(shared.client)
    image = repository.tag("latest", repository.image())
    blob, uploads = repository.push(b"some bytes"), f"/v2/{repository.name}/blobs/uploads/"
    artifact = repository.artifact(image.descriptor())
    assert repository.put(artifact.digest, artifact).status == 201
    origin, client = {"Origin": ORIGIN}, shared.client
    answers = [
        client.get(f"/v2/{repository.name}/blobs/{blob}", origin | {"Range": "bytes=1-2"}),
        client.get(f"/v2/{repository.name}/blobs/{blob}", origin | {"Range": "bytes=99-"}),
        client.get(f"/v2/{repository.name}/referrers/{image.digest}?artifactType=a", origin),
        client.get(f"/v2/{repository.name}/tags/list?n=0", origin),
        client.get("/v2/_catalog?n=1", origin),
        client.post(uploads, b"", origin),
        client.post("/v2/", b"", origin),
        client.put(repository.manifest(artifact.digest) + "?tag=a", artifact.payload, origin),
    ]
    assert {answer.status for answer in answers} == {200, 201, 202, 206, 405, 416}
    for answer in answers:
        exposed = words(answer.header("access-control-expose-headers"))
        assert {name for name, _ in answer.headers} <= exposed | unsaid, answer
    always = {"content-range", "accept-ranges", "retry-after", "oci-tag", "docker-upload-uuid", "www-authenticate"}
    assert always <= exposed


def test_a_cache_between_keeps_origins_apart(shared: Server) -> None:
    assert "origin" in words(shared.client.get("/v2/").header("vary"))


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
