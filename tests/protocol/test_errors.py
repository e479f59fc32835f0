"""Error answers: one form for all of them, the right method for every path, JSON also where nothing is."""

from __future__ import annotations

import pytest

from registry.api.errors import FAULTS
from registry.api.routes import ROUTES
from tests.protocol.client import Client
from tests.protocol.content import OCI_MANIFEST, OCTETS, Repository, digest_of, with_query

METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
NOTHING = "sha256:" + "0" * 64


def provoked(repository: Repository) -> dict[str, tuple[str, str, dict[str, str], bytes]]:
    """For each code a request that must be answered with it."""
    session = repository.uploads + "0" * 32
    manifest = repository.manifest("latest")
    image = repository.image()
    typed = {"Content-Type": OCI_MANIFEST}
    full = repository.push(b"0123456789")
    missing = image.payload.replace(digest_of(b"")[:20].encode(), b"").replace(b"sha256:", b"sha256:0", 1)
    return {
        "NAME_INVALID": ("GET", "/v2/UPPER/tags/list", {}, b""),
        "NAME_UNKNOWN": ("GET", "/v2/never/was/tags/list", {}, b""),
        "TAG_INVALID": ("GET", repository.manifest("-tag"), {}, b""),
        "MANIFEST_INVALID": ("PUT", manifest, typed, missing),
        "MANIFEST_UNKNOWN": ("GET", repository.manifest("missing"), {}, b""),
        "BLOB_UNKNOWN": ("GET", repository.blob(NOTHING), {}, b""),
        "BLOB_UPLOAD_UNKNOWN": ("GET", session, {}, b""),
        "BLOB_UPLOAD_INVALID": ("PATCH", repository.start(), OCTETS | {"Content-Range": "x"}, b"x"),
        "DIGEST_INVALID": ("GET", repository.blob("sha256:00"), {}, b""),
        "SIZE_INVALID": ("PUT", manifest, typed, b" " * (4 * 1024 * 1024 + 1)),
        "RANGE_INVALID": ("GET", repository.blob(full), {"Range": "bytes=10-"}, b""),
        "PAGINATION_NUMBER_INVALID": ("GET", "/v2/_catalog?n=x", {}, b""),
        "PRECONDITION_FAILED": ("PUT", manifest, typed | {"If-Match": '"x"'}, image.payload),
        "UNSUPPORTED": ("POST", manifest, {}, b""),
    }


# Those that a healthy server in its default configuration does not give are provoked in other files.
ELSEWHERE = {"MANIFEST_BLOB_UNKNOWN", "DENIED", "UNAUTHORIZED", "TOOMANYREQUESTS", "UNAVAILABLE"}


def test_every_code_is_well_formed(repository: Repository) -> None:
    statuses = {(code, status) for code, status in FAULTS.values()}
    for code, (method, target, headers, body) in provoked(repository).items():
        response = repository.client.request(method, target, headers, body or None)
        assert response.code == code, response
        assert (code, response.status) in statuses
        error = response.json()["errors"][0]
        # A sentence that says what is wrong: lower case (names of headers and methods aside), no full stop.
        first = error["message"].split()[0]
        assert not (first.isalpha() and first.istitle()), error
        assert not error["message"].endswith(".")
        assert len(error["message"]) < 1000
        assert response.header("content-length") == str(len(response.body))
        assert response.get("x-request-id")


def test_every_code_of_the_table_is_provoked(repository: Repository) -> None:
    assert {code for code, _ in FAULTS.values()} == set(provoked(repository)) | ELSEWHERE


def test_codes_are_of_the_form_the_specification_asks_for() -> None:
    for code, status in FAULTS.values():
        assert code.replace("_", "").isalpha(), code
        assert code.isupper(), code
        assert 400 <= status < 600
        assert status != 500


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_other_methods(repository: Repository, route: object) -> None:
    chosen = next(entry for entry in ROUTES if entry is route)
    repository.push(b"so that it exists")
    upload = repository.start().rpartition("/")[2]
    target = chosen.path.replace("<name>", repository.name).replace("<digest>", NOTHING)
    target = target.replace("<reference>", "latest").replace("<id>", upload)
    allowed = set(chosen.methods)
    for method in METHODS:
        response = repository.client.request(method, target)
        if method in allowed or (method == "HEAD" and "GET" in allowed):
            assert response.status != 405, method
            continue
        if method == "OPTIONS" and response.status in (200, 204):
            continue
        assert response.status == 405, (method, target, response)
        assert {word.strip() for word in response.header("allow").split(",")} == allowed, method
        if method != "HEAD":
            assert response.code == "UNSUPPORTED"


@pytest.mark.parametrize(
    "target",
    ["/v2/name", "/v2/name/", "/v2/name/tags", "/v2/name/tags/", "/v2/name/blobs/",
     "/v2/name/manifests/", "/v2/name/what/latest", "/v2/_other", "/v2/blobs/uploads/", "/v3/",
     "/favicon.ico", "/v2x", "/v2/name/manifests/a/b", "/v2/../etc/passwd", "/v2/name/referrers/", "/v2/%",
     "/v1/_ping", "/metrics/x", "/" + "x" * 3000],
)  # fmt: skip
def test_nothing_there(client: Client, target: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        response = client.request(method, target, body=b"" if method == "PUT" else None)
        assert response.status in (400, 404, 405, 414), (method, response)
        assert response.code
        assert response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("target", "meant"),
    [("//v2/", "/v2/"), ("/v2//", "/v2/"),
     ("//v2//_catalog?n=5", "/v2/_catalog?n=5"), ("/v2/_catalog/", "/v2/_catalog"),
     ("/v2/name/tags/list/", "/v2/name/tags/list"), ("/v2//a//manifests/b/", "/v2/a/manifests/b"),
     ("/healthz/", "/healthz"), ("//", "/"), ("/v2/a/./tags/list", "/v2/a/tags/list")],
)  # fmt: skip
def test_slashes_too_many_are_redirected(client: Client, target: str, meant: str) -> None:
    for method, status in (("GET", 301), ("HEAD", 301), ("PUT", 308)):
        response = client.request(method, target, body=b"" if method == "PUT" else None)
        assert (response.status, response.header("location")) == (status, meant), method
    assert client.get(meant).status in (200, 404)


def test_no_redirect_leads_to_another_host(client: Client) -> None:
    for target in ("//elsewhere.test/", "//elsewhere.test//v2/", "/\\elsewhere.test/v2/", "//elsewhere.test/../v2/"):
        response = client.get(target)
        assert response.get("location") is None, target
        assert response.status in (400, 404)


def test_head_has_the_headers_of_the_error_and_no_body(client: Client) -> None:
    got, headed = client.get("/v2/never/was/tags/list"), client.head("/v2/never/was/tags/list")
    assert headed.status == got.status == 404
    assert headed.header("content-type") == got.header("content-type")


def test_errors_do_not_echo_what_could_harm(client: Client) -> None:
    """What the client sent comes back only inside a JSON string, and not at any length."""
    for name in ('"}]}', "<script>", "\\", "%00", "%0d%0aSet-Cookie:x", "x" * 1500):
        response = client.get(f"/v2/{name}/UPPER/manifests/latest".replace(" ", "%20"))
        assert response.status in (400, 404)
        assert response.code
        assert response.get("set-cookie") is None
        assert len(response.body) < 3000


def test_a_refusal_leaves_the_connection_usable(repository: Repository) -> None:
    with repository.client.connect() as connection:
        for method, target, headers, body in provoked(repository).values():
            if len(body) > 100_000:
                continue
            response = connection.request(method, target, headers, body or None)
            assert 400 <= response.status < 500
            assert not response.closes, (method, target)
        assert connection.request("GET", "/v2/").status == 200


def test_unknown_parameters_are_ignored(repository: Repository) -> None:
    image = repository.tag("latest", repository.image())
    for query in ("?x=1", "?ns=docker.io", "?", "?&&", "?=", "?n=5"):
        assert repository.client.get(repository.manifest("latest") + query).body == image.payload


def test_bad_queries(client: Client, repository: Repository) -> None:
    for query in ("?n=%", "?n=%zz", "?last=%ff", "?" + "a=1&" * 500, "?" + "&" * 1000, "?digest=%00"):
        for target in ("/v2/_catalog", with_query(repository.uploads, x="1")):
            response = client.request("GET" if "catalog" in target else "POST", target.partition("?")[0] + query)
            assert response.status in (200, 202, 400, 404, 414), (target, query)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("missing", ["blob", "manifest", "digest", "repository"])
def test_what_is_missing_is_told_the_same_way_by_fast_path_and_handler(
    repository: Repository, method: str, missing: str
) -> None:
    """A condition leaves a request to the handler."""
    repository.push(b"known")
    target = {
        "blob": repository.blob(NOTHING),
        "manifest": repository.manifest("missing"),
        "digest": repository.manifest(NOTHING),
        "repository": f"/v2/never/was/blobs/{NOTHING}",
    }[missing]
    fast, handled = (
        repository.client.request(method, target, headers)
        for headers in ({}, {"If-Modified-Since": "never", "X-Request-Id": "by-the-handler"})
    )
    assert (fast.status, fast.body) == (handled.status, handled.body) == (404, handled.body)
    for name in ("content-type", "content-length", "docker-distribution-api-version"):
        assert fast.header(name) == handled.header(name)
    assert fast.header("x-request-id") != "by-the-handler" == handled.header("x-request-id")
    assert bool(fast.body) == (method == "GET")
