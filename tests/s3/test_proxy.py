"""The fault proxy passes on, counts and fails, as it is told: what its client sees and what reaches the server."""

import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.s3.calls import (
    CUT,
    HOLD,
    INTERNAL,
    LATE_HOLD,
    LATE_INTERNAL,
    LATE_RESET,
    RESET,
    SLOW,
    SLOW_DOWN,
    TRUNCATE,
    Fault,
    operation,
)
from tests.s3.proxy import FaultProxy, at, at_random


class Store(BaseHTTPRequestHandler):
    """Objects in memory, without signatures: PUT and GET, and whatever was put counts."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]

    def do_PUT(self) -> None:
        size = int(self.headers["content-length"])
        data = self.rfile.read(size)
        if len(data) == size:
            self.objects[self.path] = data
            self._answer(200, b"")

    def do_GET(self) -> None:
        found = self.objects.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    do_HEAD = do_GET

    def _answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Not in the test's output."""


@dataclass
class Place:
    proxy: FaultProxy
    objects: dict[str, bytes] = field(default_factory=dict)

    def ask(self, method: str, target: str, data: bytes = b"", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=5)
        try:
            connection.request(method, target, data or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def place() -> Iterator[Place]:
    objects: dict[str, bytes] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Stored", (Store,), {"objects": objects}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        with FaultProxy(f"http://127.0.0.1:{server.server_port}") as proxy:
            yield Place(proxy, objects)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


DATA = bytes(range(256)) * 5000


def test_passes_on_and_counts(place: Place) -> None:
    with place.proxy.counted() as calls:
        assert place.ask("PUT", "/bucket/a", DATA) == (200, b"")
        assert place.ask("GET", "/bucket/a") == (200, DATA)
        assert place.ask("HEAD", "/bucket/a") == (200, b"")
        assert place.ask("GET", "/bucket/none") == (404, b"")
    assert calls == {"PutObject": 1, "GetObject": 2, "HeadObject": 1}
    assert not place.proxy.faults


def test_connections_are_kept(place: Place) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", place.proxy.port, timeout=5)
    for number in range(3):
        connection.request("PUT", f"/bucket/{number}", DATA)
        assert connection.getresponse().read() == b""
        held = connection.sock
        connection.request("GET", f"/bucket/{number}")
        assert connection.getresponse().read() == DATA
        assert connection.sock is held is not None
    connection.close()


@pytest.mark.parametrize(("fault", "carried_out"), [(INTERNAL, False), (SLOW_DOWN, False), (LATE_INTERNAL, True)])
def test_error_answers(place: Place, fault: Fault, carried_out: bool) -> None:
    with place.proxy.planned(at("PutObject", fault)):
        status, body = place.ask("PUT", "/bucket/a", DATA)
        assert (status, fault.code.encode() in body) == (fault.status, True)
        assert (place.objects == {"/bucket/a": DATA}) is carried_out
        assert place.ask("PUT", "/bucket/a", DATA)[0] == 200
    assert place.proxy.faults == {f"PutObject: {fault}": 1}


@pytest.mark.parametrize(("fault", "carried_out"), [(RESET, False), (LATE_RESET, True), (CUT, False)])
def test_resets(place: Place, fault: Fault, carried_out: bool) -> None:
    with place.proxy.planned(at("PutObject", fault)), pytest.raises(ConnectionError):
        place.ask("PUT", "/bucket/a", DATA)
    time.sleep(0.05)
    assert (place.objects == {"/bucket/a": DATA}) is carried_out


@pytest.mark.parametrize(("fault", "carried_out"), [(HOLD, False), (LATE_HOLD, True)])
def test_answers_that_do_not_come(place: Place, fault: Fault, carried_out: bool) -> None:
    began = time.monotonic()
    with place.proxy.planned(at("PutObject", replace(fault, seconds=0.3))), pytest.raises(ConnectionError):
        place.ask("PUT", "/bucket/a", DATA)
    assert time.monotonic() - began > 0.25
    assert (place.objects == {"/bucket/a": DATA}) is carried_out


def test_truncated_answers(place: Place) -> None:
    place.ask("PUT", "/bucket/a", DATA)
    with place.proxy.planned(at("GetObject", TRUNCATE)):
        with pytest.raises((http.client.IncompleteRead, ConnectionError)) as caught:
            place.ask("GET", "/bucket/a")
        if isinstance(caught.value, http.client.IncompleteRead):
            assert 0 < len(caught.value.partial) <= len(DATA) // 2
        assert place.ask("GET", "/bucket/a") == (200, DATA)


def test_slow_answers_are_whole(place: Place) -> None:
    place.ask("PUT", "/bucket/a", DATA)
    began = time.monotonic()
    with place.proxy.planned(at("GetObject", SLOW)):
        assert place.ask("GET", "/bucket/a") == (200, DATA)
    assert time.monotonic() - began > 0.3


def test_a_call_waiting_for_a_word_before_its_body_is_answered_before_it(place: Place) -> None:
    with place.proxy.planned(at("PutObject", SLOW_DOWN)):
        connection = http.client.HTTPConnection("127.0.0.1", place.proxy.port, timeout=2)
        connection.putrequest("PUT", "/bucket/a")
        connection.putheader("Content-Length", "1000")
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        assert connection.getresponse().status == 503
        connection.close()


def test_plans_choose_calls(place: Place) -> None:
    with place.proxy.planned(at("PutObject", INTERNAL, after=1, times=2)):
        assert [place.ask("PUT", f"/bucket/{n}", b"x")[0] for n in range(5)] == [200, 500, 500, 200, 200]
    with place.proxy.planned(at_random("seed", 0.5, [INTERNAL, SLOW_DOWN])):
        found = [place.ask("GET", "/bucket/0")[0] for _ in range(40)]
    assert set(found) == {200, 500, 503}
    assert place.ask("GET", "/bucket/0")[0] == 200


def test_a_server_that_is_gone_is_a_reset(place: Place) -> None:
    place.proxy.upstream = ("127.0.0.1", 1)
    with pytest.raises(ConnectionError):
        place.ask("GET", "/bucket/a")


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", "/b?list-type=2&prefix=a", "ListObjectsV2"),
        ("GET", "/b?uploads", "ListMultipartUploads"),
        ("GET", "/b/?location=", "GetBucketLocation"),
        ("GET", "/b/a/b?uploadId=1", "ListParts"),
        ("HEAD", "/b", "HeadBucket"),
        ("PUT", "/b", "CreateBucket"),
        ("PUT", "/b/a?partNumber=1&uploadId=2", "UploadPart"),
        ("POST", "/b/a?uploads", "CreateMultipartUpload"),
        ("POST", "/b/a?uploadId=2", "CompleteMultipartUpload"),
        ("DELETE", "/b/a?uploadId=2", "AbortMultipartUpload"),
        ("DELETE", "/b/a/c", "DeleteObject"),
        ("POST", "/b?delete", "DeleteObjects"),
    ],
)
def test_operations_have_their_names(method: str, target: str, name: str) -> None:
    assert operation(method, target, {}) == name


def test_copies_are_told_by_their_header() -> None:
    assert operation("PUT", "/b/a", {"x-amz-copy-source": "/b/c"}) == "CopyObject"
    assert operation("PUT", "/b/a?partNumber=1&uploadId=2", {"x-amz-copy-source": "/b/c"}) == "UploadPartCopy"
