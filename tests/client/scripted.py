"""An HTTP server whose answers a test writes: for what a well-behaved registry never says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Asked(NamedTuple):
    """A request as it came; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """An answer; Content-Length is added, `sent` of the body's bytes are sent before the connection ends."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    sent: int | None = None


class Scripted:
    """A running server; `asked` has what came, in order."""

    def __init__(self, answer: Callable[[Asked], Reply | None], early: str) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                script.connections += 1
                super().setup()

            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = b"" if self.command == early else self.rfile.read(length)
                asked = Asked(self.command, self.path, headers, body)
                script.asked.append(asked)
                reply = answer(asked)
                if reply is not None:
                    self.reply(reply)
                if reply is None or self.command == early:
                    self.close_connection = True
                if self.command == early:
                    self.connection.shutdown(socket.SHUT_WR)
                    self.rfile.read(length)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def reply(self, reply: Reply) -> None:
                self.send_response(reply.status)
                names = {name.lower() for name, _ in reply.headers}
                for name, value in reply.headers:
                    self.send_header(name, value)
                if not names & {"content-length", "transfer-encoding"}:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body if reply.sent is None else reply.body[: reply.sent])
                self.close_connection = reply.sent is not None

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def scripted(answer: Callable[[Asked], Reply | None], early: str = "") -> Iterator[Scripted]:
    """A server that answers as the function says; None ends the connection without an answer.

    Requests of the method `early` are answered before their body is read, and the connection ends.
    """
    server = Scripted(answer, early)
    try:
        yield server
    finally:
        server.close()
