"""Anything at all sent to a running server: it never answers 500, never breaks off without a reason, and lives."""

from __future__ import annotations

import string
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from registry.oci.errors import RegistryFault
from tests.protocol.client import Closed, Connection, Response, encode
from tests.protocol.content import OCI_INDEX, OCI_MANIFEST, Repository
from tests.protocol.server import Server, running
from tests.protocol.test_api_page import given as given_refusal
from tests.protocol.test_api_page import refusals_by_route

LIMITS = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

known: list[str] = ["sha256:" + "0" * 64, "sha512:" + "0" * 128, "latest"]
"""References that exist or nearly do; the fixture adds real ones."""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("fuzz"), {"ENTREPOT_LIMITS_UPLOADS_PER_CLIENT": "20"}) as server:
        repository = Repository(server.client, "fuzz/app")
        image = repository.tag("latest", repository.image())
        known.extend([image.digest, repository.push(b"blob"), repository.start().rpartition("/")[2]])
        yield server
        assert server.client.get("/v2/").status == 200
        assert repository.client.get(repository.manifest("good")).status in (200, 404)
        assert "Traceback" not in server.log, server.log[server.log.index("Traceback") - 500 :][:4000]


def words(*choices: str) -> SearchStrategy[str]:
    return st.sampled_from(choices)


printable = st.text(string.digits + string.ascii_letters + string.punctuation, max_size=30)
latin = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
names = st.one_of(words("fuzz/app", "fuzz/other", "a", "A", "a//b", "..", "a/blobs/uploads", "tags/list"), printable)
references = st.one_of(st.deferred(lambda: st.sampled_from(known)), printable)
numbers = st.one_of(st.integers().map(str), words("", "0", "-1", "1e5", "9" * 400, "0x1", "NaN"), printable)
methods = st.one_of(
    words("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "PRI"),
    st.text(string.ascii_uppercase, min_size=1, max_size=10),
)
queries = st.lists(
    st.tuples(
        words("n", "last", "digest", "mount", "from", "digest-algorithm", "tag", "artifactType", "ns", "x"),
        st.one_of(numbers, references, names, words("%", "%00", "%ff", "%2F", "&", "=")),
    ).map("=".join),
    max_size=4,
).map(lambda pairs: "?" + "&".join(pairs) if pairs else "")
paths = st.one_of(
    st.builds("/v2/{}/manifests/{}".format, names, references),
    st.builds("/v2/{}/blobs/{}".format, names, references),
    st.builds("/v2/{}/blobs/uploads/{}".format, names, st.one_of(st.just(""), references)),
    st.builds("/v2/{}/referrers/{}".format, names, references),
    st.builds("/v2/{}/tags/list".format, names),
    words("/v2/", "/v2/_catalog", "/", "/healthz", "/readyz", "/metrics", "*", "//", "/v2", "http://a/v2/"),
    printable.map("/".__add__),
)
ranges = st.one_of(
    st.builds("bytes={}-{}".format, numbers, numbers), st.builds("{}-{}".format, numbers, numbers), printable
)
tags = st.one_of(words("*", '"x"', 'W/"x"', ",", '"'), references.map('"{}"'.format), latin)
headers = st.lists(
    st.one_of(
        st.tuples(words("Range", "Content-Range"), ranges),
        st.tuples(words("If-Match", "If-None-Match", "If-Range"), tags),
        st.tuples(st.just("Content-Type"), st.one_of(words(OCI_MANIFEST, OCI_INDEX, "application/json", ""), latin)),
        st.tuples(words("Accept", "Origin", "Authorization", "X-Request-Id", "X-Forwarded-Host", "Expect"), latin),
        st.tuples(words("Connection"), words("close", "keep-alive", "upgrade", "TE, close")),
        st.tuples(words("Upgrade"), words("websocket", "h2c")),
        st.tuples(st.text(string.ascii_letters, min_size=1, max_size=10).map("X-".__add__), latin),
    ),
    max_size=6,
)
json_values: SearchStrategy[str] = st.recursive(
    st.one_of(words("null", "true", "1", "-1", "1e400", "NaN", '""', f'"{OCI_MANIFEST}"', "{}", "[]"), numbers),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + ",".join(items) + "]"),
        st.lists(
            st.tuples(
                words("schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "digest", "size", "x"),
                inner,
            ).map(lambda pair: f'"{pair[0]}":{pair[1]}'),
            max_size=6,
        ).map(lambda items: "{" + ",".join(items) + "}"),
    ),
    max_leaves=12,
)
bodies = st.one_of(st.just(b""), st.binary(max_size=200), json_values.map(str.encode), st.just(b"x" * 70_000))


def answers(connection: Connection, method: str) -> Response:
    """The next answer is whole and no server error; breaking off is only for what is not HTTP."""
    response = connection.read(method)
    assert response.status < 500 or response.status in (501, 505), response
    if response.status >= 400 and method != "HEAD":
        assert response.code
    return response


def is_documented(method: str, path: str, response: Response) -> bool:
    """A refusal of a route is one that the page of the API has."""
    try:
        refusal = given_refusal(method, path, response)
    except RegistryFault:
        return True  # no route
    return refusal is None or refusal in refusals_by_route()


@given(methods, paths, queries, headers, bodies)
@settings(LIMITS, max_examples=500)
def test_requests(
    fuzzed: Server, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    request = encode(method, path + query, headers, body or None)
    with fuzzed.client.connect(10) as connection:
        connection.send(request)
        try:
            response = answers(connection, method)
        except Closed:
            assert method == "CONNECT", request
            return
    if path.startswith("/v2/") and response.get("docker-distribution-api-version"):
        assert is_documented(method, path, response), (request, response)


@given(st.lists(st.tuples(words("GET", "HEAD", "DELETE", "POST"), paths, headers), min_size=2, max_size=5))
@settings(LIMITS, max_examples=60)
def test_pipelines(fuzzed: Server, requests: list[tuple[str, str, list[tuple[str, str]]]]) -> None:
    """Answers come in order and none is lost, until one says that the connection ends."""
    kept = [(method, path, [pair for pair in given if pair[0] not in ("Expect", "Upgrade", "Connection")])
            for method, path, given in requests]  # fmt: skip
    with fuzzed.client.connect(10) as connection:
        connection.send(b"".join(encode(method, path, given) for method, path, given in kept))
        for method, _, _ in kept:
            response = connection.read(method)
            assert response.status < 500
            if response.closes:
                break


@given(st.binary(max_size=300))
@settings(LIMITS, max_examples=100)
def test_bytes(fuzzed: Server, data: bytes) -> None:
    with fuzzed.client.connect(10) as connection:
        connection.send(data + b"\r\n\r\n")
        if connection.readable(0.05):
            with suppress(Closed):
                assert connection.read().status < 500


@given(st.binary(min_size=1, max_size=60), st.integers(0, 200))
@settings(LIMITS, max_examples=100)
def test_broken_requests(fuzzed: Server, noise: bytes, at: int) -> None:
    """A good request with something else in its middle."""
    request = encode("PUT", "/v2/fuzz/app/manifests/good", {"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n0\r\n\r\n")
    at %= len(request)
    with fuzzed.client.connect(10) as connection:
        connection.send(request[:at] + noise + request[at:])
        if connection.readable(0.05):
            with suppress(Closed):
                assert connection.read().status < 500
