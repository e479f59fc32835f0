"""A small HTTP/1.1 client over a plain socket, for tests that must say exactly what goes over the wire.

It sends the bytes it is given, reads answers strictly (a wrong length, a body after HEAD or a repeated
framing header is a failure of the test) and never follows, retries or repairs anything.
"""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


class Closed(Exception):
    """The server closed the connection before a whole answer came."""


class Violation(AssertionError):
    """The answer is not well-formed HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; header names are lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def get(self, name: str) -> str | None:
        """The one value of a header, None when it is not there."""
        values = self.all(name)
        if len(values) > 1:
            raise Violation(f"header {name} came {len(values)} times: {values}")
        return values[0] if values else None

    def header(self, name: str) -> str:
        """The value of a header that must be there."""
        value = self.get(name)
        assert value is not None, f"no header {name} in {self}"
        return value

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name.lower()]

    def json(self) -> Any:  # noqa: ANN401 - JSON is whatever it is
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the one error in the body, checked for the form the specification asks for."""
        assert self.header("content-type").split(";")[0] == "application/json", self
        document = self.json()
        assert list(document) == ["errors"], document
        (error,) = document["errors"]
        assert set(error) <= {"code", "message", "detail"}, error
        assert error["message"], error
        code = error["code"]
        assert isinstance(code, str)
        return code

    @property
    def closes(self) -> bool:
        """The server says that it closes the connection after this answer."""
        return (self.get("connection") or "").lower() == "close"

    def __str__(self) -> str:
        lines = "\n".join(f"  {name}: {value}" for name, value in self.headers)
        return f"{self.status}\n{lines}\n\n{self.body[:2000]!r}"


def encode(method: str, target: str, headers: Headers = (), body: bytes | None = None, host: str = "test") -> bytes:
    """A request as bytes; Host and Content-Length are added unless they are given."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("Host", host))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        pairs.append(("Content-Length", str(len(body))))
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in pairs) + "\r\n"
    return head.encode("latin-1") + (body or b"")


def chunks(data: bytes, size: int = 1000) -> bytes:
    """Data in the chunked transfer coding."""
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


class Connection:
    """One TCP connection to the server."""

    def __init__(self, address: tuple[str, int], timeout: float = 30.0) -> None:
        self.host = f"{address[0]}:{address[1]}"
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def abort(self) -> None:
        """Drops the connection with a reset, as a crashed client or a cut cable does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(self, method: str, target: str, headers: Headers = (), body: bytes | None = None) -> Response:
        """Sends one request and reads its answer, also when the server answers before it took the whole body."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send(encode(method, target, headers, body, self.host))
        return self.read(method)

    def read(self, method: str = "GET") -> Response:
        """The next final answer; interim ones are passed over."""
        while True:
            response = self.read_any(method)
            if response.status >= 200:
                return response

    def read_any(self, method: str = "GET") -> Response:
        """The next answer, interim ones included."""
        head = self._until(b"\r\n\r\n")
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if version != "HTTP/1.1" or not rest[:3].isdigit():
            raise Violation(f"bad status line {first!r}")
        status = int(rest[:3])
        headers = tuple(_header(line) for line in lines)
        return Response(status, headers, self._body(method, status, headers))

    def readable(self, seconds: float) -> bool:
        """Something (an answer or the end) comes within the time."""
        return bool(self._buffer) or bool(select.select([self.socket], [], [], seconds)[0])

    def ended(self, seconds: float = 5.0) -> bool:
        """The server closes the connection within the time and sends nothing before."""
        self.socket.settimeout(seconds)
        try:
            return not self._buffer and self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    @property
    def stale(self) -> bool:
        """It cannot be used for another request."""
        return self.socket.fileno() < 0 or self.readable(0)

    def _body(self, method: str, status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
        lengths = [value for name, value in headers if name == "content-length"]
        codings = [value.lower() for name, value in headers if name == "transfer-encoding"]
        if len(lengths) + len(codings) > 1:
            raise Violation(f"more than one framing header: {headers}")
        if status < 200 or status == 204:
            if codings or (lengths and lengths != ["0"]):
                raise Violation(f"a {status} answer carries framing: {headers}")
            return b""
        if method == "HEAD" or status == 304:
            return b""
        if codings:
            return b"".join(self._chunks())
        if lengths:
            return self._exactly(int(lengths[0]))
        return self._rest()

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = int(self._until(b"\r\n"), 16)
            if size:
                yield self._exactly(size)
            if self._until(b"\r\n") != b"\r\n":
                raise Violation("a chunk does not end where it says")
            if not size:
                return

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._fill()
        head, _, self._buffer = self._buffer.partition(mark)
        return head + mark

    def _exactly(self, size: int) -> bytes:
        parts, missing = [self._buffer[:size]], size - len(self._buffer)
        self._buffer = self._buffer[size:]
        while missing > 0:
            part = self.socket.recv(min(missing, 1 << 20))
            if not part:
                raise Closed(f"{missing} of {size} bytes of the body are missing")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _rest(self) -> bytes:
        with suppress(Closed):
            while True:
                self._fill()
        data, self._buffer = self._buffer, b""
        return data

    def _fill(self) -> None:
        try:
            data = self.socket.recv(65536)
        except ConnectionError as error:
            raise Closed(f"{error} after {self._buffer[:200]!r}") from error
        if not data:
            raise Closed(f"the connection ended after {self._buffer[:200]!r}")
        self._buffer += data


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise Violation(f"bad header line {line!r}")
    return name.lower(), value.strip()


class Client:
    """Requests to one server; keeps one connection per thread."""

    def __init__(self, host: str, port: int) -> None:
        self.address = (host, port)
        self._local = threading.local()

    def connect(self, timeout: float = 30.0) -> Connection:
        """A connection of its own."""
        return Connection(self.address, timeout)

    def request(self, method: str, target: str, headers: Headers = (), body: bytes | None = None) -> Response:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.stale:
            self.close()
            connection = self._local.connection = self.connect()
        try:
            response = connection.request(method, target, headers, body)
        except BaseException:
            connection.close()
            raise
        if response.closes:
            connection.close()
        return response

    def close(self) -> None:
        """Closes this thread's connection."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()

    def get(self, target: str, headers: Headers = ()) -> Response:
        return self.request("GET", target, headers)

    def head(self, target: str, headers: Headers = ()) -> Response:
        return self.request("HEAD", target, headers)

    def put(self, target: str, body: bytes = b"", headers: Headers = ()) -> Response:
        return self.request("PUT", target, headers, body)

    def post(self, target: str, body: bytes = b"", headers: Headers = ()) -> Response:
        return self.request("POST", target, headers, body)

    def patch(self, target: str, body: bytes = b"", headers: Headers = ()) -> Response:
        return self.request("PATCH", target, headers, body)

    def delete(self, target: str, headers: Headers = ()) -> Response:
        return self.request("DELETE", target, headers)

    def together(self, actions: Sequence[Callable[[], T]], at_once: int | None = None) -> list[T]:
        """Runs the actions in threads, all starting at the same moment unless fewer run at once; their results."""
        barrier = None if at_once else threading.Barrier(len(actions))

        def run(action: Callable[[], T]) -> T:
            try:
                if barrier is not None:
                    barrier.wait(30)
                return action()
            finally:
                self.close()

        with ThreadPoolExecutor(at_once or len(actions)) as pool:
            return list(pool.map(run, actions))
