"""HTTP connections to the registry under test, which tell an answer from an answer that was lost."""

import contextlib
import http.client
import itertools
import json
import socket
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit


class Cut(Exception):
    """The request was sent, at least in part, and no answer came back: it may or may not have been carried out."""


class Refused(Cut):
    """Nobody listens: the request was not even sent."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def location(self) -> str:
        """Path and query of the Location header, whatever its host."""
        parts = urlsplit(self.headers.get("location", ""))
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def errors(self) -> list[dict[str, object]]:
        """The errors of the spec's error body; raises ValueError when the body is not one."""
        content = json.loads(self.body)
        errors = content["errors"] if isinstance(content, dict) and "errors" in content else None
        if not isinstance(errors, list) or not errors or not all(isinstance(error, dict) for error in errors):
            raise ValueError(f"not an error body: {self.body[:200]!r}")
        return errors

    def brief(self) -> str:
        return f"{self.status} {self.body[:300].decode(errors='replace')}".strip()


class Wire:
    """Keep-alive connections to ports of 127.0.0.1, made when first used and again after `close`.

    Of several ports, which belong to replicas, each request goes to the next one. A redirect of a GET is followed.
    """

    def __init__(self, *ports: int, timeout: float = 20.0) -> None:
        self._connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=timeout) for port in ports]
        self._turns = itertools.cycle(self._connections)
        self._connection = self._connections[0]
        self.port = ports[0]

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read the whole answer; an iterable body goes out in chunks. Raises Cut."""
        self._connection = next(self._turns)
        self.port = self._connection.port
        answer = self._ask(method, target, body, headers)
        return _followed(target, answer) if method == "GET" and answer.status == 307 else answer

    def _ask(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        sent = dict(headers or {})
        if body is None and method in {"POST", "PUT", "PATCH"}:
            sent["Content-Length"] = "0"
        whole = True
        try:
            try:
                self._connection.request(method, target, body, sent, encode_chunked=not isinstance(body, bytes))
            except (BrokenPipeError, ConnectionResetError):
                # A server that refuses early closes while the body is still going out; its answer may be readable.
                if self._connection.sock is None:
                    raise
                whole = False
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            kind = Refused if isinstance(error, ConnectionRefusedError) else Cut
            raise kind(f"{method} {target} on {self.port}: {type(error).__name__}: {error}") from error
        if response.will_close or not whole:
            self._connection.close()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def pour(self, head: bytes, body: bytes, pause: float) -> bytes:
        """Send these very bytes, whatever they are; answers all that comes back until half a second of silence."""
        self._connection.connect()
        peer = self._connection.sock
        with contextlib.suppress(OSError):
            peer.sendall(head if pause else head + body)
            if pause:
                time.sleep(pause)
                peer.sendall(body)
        peer.settimeout(0.5)
        received = b""
        with contextlib.suppress(OSError):
            while part := peer.recv(65536):
                received += part
        self.close()
        return received

    def close(self) -> None:
        """Close; the next request makes a new connection, which another worker may get."""
        for connection in self._connections:
            connection.close()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _followed(target: str, answer: Answer) -> Answer:
    """What the storage answers where the registry sends a client, with what the registry itself said of it."""
    parts = urlsplit(answer.headers["location"])
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20.0)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Cut(f"GET {target}, redirected: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
    said = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()} | said, content)


def accepts(port: int) -> bool:
    """Whether anything listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
