"""HTTP itself: framing of bodies, Expect, pipelining, requests that are cut, and requests that are not HTTP."""

from __future__ import annotations

import pytest

from tests.protocol.client import Client, Closed, Connection, chunks, encode
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise, with_query

DATA = noise(300_000, "wire")
DIGEST = digest_of(DATA)
CHUNKED = OCTETS | {"Transfer-Encoding": "chunked"}


def is_stored(repository: Repository) -> None:
    assert repository.client.get(repository.blob(DIGEST)).body == DATA


@pytest.mark.parametrize("size", [1, 1000, 65536, 10**6])
def test_chunked_bodies(client: Client, size: int) -> None:
    data = DATA[:3000] if size == 1 else DATA
    digest = digest_of(data)
    one, two, three = (new_repository(client) for _ in range(3))
    body = chunks(data, size)
    assert client.post(with_query(one.uploads, digest=digest), body, CHUNKED).status == 201
    location = client.patch(two.start(), body, CHUNKED).header("location")
    assert two.close(location, digest).status == 201
    assert three.close(three.start(), digest, body, CHUNKED).status == 201
    for repository in (one, two, three):
        assert client.get(repository.blob(digest)).body == data


def test_chunk_extensions_and_trailers(repository: Repository) -> None:
    body = b"5;name=value\r\nhello\r\n6 ; x\r\n world\r\n0\r\nX-Trailer: yes\r\n\r\n"
    digest = digest_of(b"hello world")
    with repository.client.connect() as connection:
        response = connection.request("POST", with_query(repository.uploads, digest=digest), CHUNKED, body)
        assert response.status in (201, 400)
        if response.status == 201:
            assert connection.request("GET", repository.blob(digest)).body == b"hello world"


def test_chunked_manifest(repository: Repository) -> None:
    image = repository.image()
    headers = {"Content-Type": image.media_type, "Transfer-Encoding": "chunked"}
    assert repository.client.put(repository.manifest("latest"), chunks(image.payload, 100), headers).status == 201
    assert repository.client.get(repository.manifest("latest")).body == image.payload


def test_chunked_body_that_is_cut(repository: Repository) -> None:
    location = repository.start()
    with repository.client.connect() as connection:
        connection.send(encode("PUT", with_query(location, digest=DIGEST), CHUNKED) + chunks(DATA)[:-5])
    assert repository.client.head(repository.blob(DIGEST)).status == 404


def test_expect_continue(repository: Repository) -> None:
    headers = OCTETS | {"Expect": "100-continue", "Content-Length": str(len(DATA))}
    for method, target in (
        ("POST", with_query(repository.uploads, digest=DIGEST)),
        ("PATCH", repository.start()),
        ("PUT", with_query(repository.start(), digest=DIGEST)),
    ):
        with repository.client.connect() as connection:
            connection.send(encode(method, target, headers))
            assert connection.read_any().status == 100, method
            connection.send(DATA)
            assert connection.read().status in (201, 202), method
            assert connection.request("GET", "/v2/").status == 200
    is_stored(repository)


def test_expect_continue_is_answered_without_the_body(repository: Repository) -> None:
    headers = OCTETS | {"Expect": "100-continue", "Content-Length": str(len(DATA))}
    for method, target, status in (
        ("PATCH", repository.uploads + "0" * 32, 404),
        ("PUT", with_query(repository.uploads + "0" * 32, digest=DIGEST), 404),
        ("POST", with_query(repository.uploads, digest="sha256:bad"), 400),
        ("PUT", "/v2/Bad/manifests/latest", 400),
    ):
        with repository.client.connect() as connection:
            connection.send(encode(method, target, headers))
            response = connection.read_any()
            assert response.status == status, (method, target)
            # Without its body the request is not over: the connection ends, or else the body must still be taken.
            if not response.closes:
                connection.send(DATA)
                assert connection.request("GET", "/v2/").status == 200


def test_expectation_that_is_unknown(client: Client) -> None:
    assert client.request("GET", "/v2/", {"Expect": "a-miracle"}).status in (200, 417)


def test_pipelined_reads(repository: Repository) -> None:
    digest = repository.push(DATA)
    targets = ["/v2/", repository.blob(digest), f"/v2/{repository.name}/tags/list", repository.blob(digest), "/v2/"]
    with repository.client.connect() as connection:
        connection.send(b"".join(encode("GET", target) for target in targets))
        answers = [connection.read() for _ in targets]
    assert [answer.status for answer in answers] == [200, 200, 200, 200, 200]
    assert answers[1].body == answers[3].body == DATA


def test_pipelined_writes(repository: Repository) -> None:
    """The end of one request's body and the next request come in one packet."""
    image = repository.image()
    one, two = noise(70_000, "one"), noise(20, "two")
    requests = [
        encode("POST", with_query(repository.uploads, digest=digest_of(one)), OCTETS, one),
        encode("HEAD", repository.blob(digest_of(one))),
        encode("POST", with_query(repository.uploads, digest=digest_of(two)), CHUNKED, chunks(two, 7)),
        encode("PUT", repository.manifest("latest"), {"Content-Type": image.media_type}, image.payload),
        encode("GET", repository.manifest("latest")),
        encode("DELETE", repository.manifest("latest")),
        encode("GET", repository.manifest("latest")),
    ]
    methods = ["POST", "HEAD", "POST", "PUT", "GET", "DELETE", "GET"]
    with repository.client.connect() as connection:
        connection.send(b"".join(requests))
        answers = [connection.read(method) for method in methods]
    assert [answer.status for answer in answers] == [201, 200, 201, 201, 200, 202, 404]
    assert answers[4].body == image.payload
    assert repository.client.get(repository.blob(digest_of(two))).body == two


def test_pipelined_upload_byte_by_byte(repository: Repository) -> None:
    data = b"drip"
    request = encode("POST", with_query(repository.uploads, digest=digest_of(data)), OCTETS, data)
    with repository.client.connect() as connection:
        for byte in request:
            connection.send(bytes([byte]))
        assert connection.read().status == 201


def test_connection_close_is_honoured(client: Client) -> None:
    with client.connect() as connection:
        assert connection.request("GET", "/v2/", {"Connection": "close"}).closes
        assert connection.ended()


def test_http_1_0(client: Client) -> None:
    with client.connect() as connection:
        connection.send(b"GET /v2/ HTTP/1.0\r\n\r\n")
        response = connection.read()
        assert response.status == 200
        assert response.body == b"{}"
        assert connection.ended()


def test_body_of_a_get_does_not_disturb_what_follows(client: Client) -> None:
    with client.connect() as connection:
        response = connection.request("GET", "/v2/", {}, b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
        assert response.status == 200
        if not response.closes:
            assert connection.request("GET", "/v2/_catalog").json().keys() == {"repositories"}


def test_unread_body_of_a_refusal_does_not_disturb_what_follows(repository: Repository) -> None:
    for size in (100, 300_000):
        with repository.client.connect() as connection:
            response = connection.request("PATCH", repository.uploads + "0" * 32, OCTETS, DATA[:size])
            assert response.status == 404
            assert response.code == "BLOB_UPLOAD_UNKNOWN"
            if not response.closes:
                assert connection.request("GET", "/v2/").status == 200


def is_refused(connection: Connection, request: bytes) -> None:
    """A clean 400 (or 501 for a transfer coding), or the end; never an answer as if it had been understood."""
    connection.send(request)
    try:
        response = connection.read()
    except Closed:
        return
    assert response.status in (400, 411, 413, 414, 431, 501, 505), (request[:100], response)
    assert response.closes
    assert connection.ended()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\n folded: x\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5\r\n\r\nhello",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!!\r\n0\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
        b"GET /v2/ HTTP/1.1\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    ],
)
def test_what_is_not_http(client: Client, request_bytes: bytes) -> None:
    with client.connect(5) as connection:
        is_refused(connection, request_bytes)
    assert client.get("/v2/").status == 200


def test_nothing_at_all(client: Client) -> None:
    client.connect().close()
    client.connect().abort()
    with client.connect() as connection:
        connection.send(b"\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.read().status in (200, 400)
    assert client.get("/v2/").status == 200


def test_absolute_form(client: Client) -> None:
    with client.connect() as connection:
        assert connection.request("GET", f"http://{connection.host}/v2/").status in (200, 400, 404)


def test_a_reader_that_leaves(repository: Repository) -> None:
    data = noise(8_000_000, "left")
    digest = repository.push(data)
    for _ in range(5):
        with repository.client.connect() as connection:
            connection.send(encode("GET", repository.blob(digest)))
            connection.socket.recv(100)
            connection.abort()
    assert repository.client.get(repository.blob(digest)).body == data
