"""A small application for the transport: each path is one way to use it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Scope, Send

from registry.transport.application import Client, Deferred, Exchange, Payload, Refusal, Response
from registry.transport.head import Head
from registry.transport.lanes import Lanes
from registry.transport.limits import Limits

Handler = Callable[[Exchange, dict[str, str]], Any]


class Sink:
    """Hashes what it is given; raises once it has had `most` bytes."""

    def __init__(self, most: int | None = None) -> None:
        self.hash = hashlib.sha256()
        self.size = 0
        self.threads: set[str] = set()
        self._most = most

    def __call__(self, data: bytes | bytearray | memoryview) -> None:
        self.threads.add(threading.current_thread().name.split("_")[0])
        self.hash.update(data)
        self.size += len(data)
        if self._most is not None and self.size >= self._most:
            raise ValueError("the sink is full")

    def report(self) -> bytes:
        how = "lane" if "lane" in self.threads else "loop"
        return json.dumps({"size": self.size, "sha256": self.hash.hexdigest(), "how": how}).encode()


def deferred(seconds: bytes, body: bytes, *, head_only: bool, more: bytes = b"") -> Deferred:
    """An answer after this time; for the body `none` it turns out that there is none."""
    rest = b"content-length: %d\r\n\r\n%b" % (len(body), b"" if head_only else body)
    found = None if body == b"none" else (b"HTTP/1.1 200 OK\r\n" + more, rest)

    def begin(told: Callable[[Response | None], None]) -> None:
        asyncio.get_running_loop().call_later(float(seconds), told, found)

    return begin


class Application:
    """Satisfies registry.transport.application.Application. `log` says how requests ended."""

    def __init__(self, limits: Limits, folder: Path, lanes: int = 2) -> None:
        self.limits = limits
        self.lanes = Lanes(lanes)
        self.pool = ThreadPoolExecutor(2, thread_name_prefix="pool")
        self.folder = folder
        self.log: list[str] = []
        self.kept: dict[bytes, bytes] = {}
        self.refusals: list[Refusal] = []

    def close(self) -> None:
        self.lanes.close()
        self.pool.shutdown()

    def fast(self, head: Head, client: Client, request: bytes) -> Response | Deferred | None:
        method, _, url, headers = head
        if url.startswith(b"/deferred/"):
            if request:
                self.kept[request] = b""
            return deferred(*url.split(b"/")[2:4], head_only=method == b"HEAD")
        if not url.startswith(b"/fast/") or any(name in (b"content-length", b"upgrade") for name, _ in headers):
            return None
        if url == b"/fast/defect":
            raise LookupError("a defect")
        body = b"e" * int(url.rpartition(b"/")[2])
        rest = b"content-length: %d\r\n\r\n" % len(body) + (b"" if method == b"HEAD" else body)
        if request:
            self.kept[request] = rest
        return b"HTTP/1.1 200 OK\r\n", rest

    def cached(self, request: bytes, client: Client) -> Response | Deferred | None:
        rest = self.kept.get(request)
        if rest == b"":
            method, url, _ = request.split(b" ", 2)
            return deferred(*url.split(b"/")[2:4], head_only=method == b"HEAD", more=b"kept: yes\r\n")
        return None if rest is None else (b"HTTP/1.1 200 OK\r\nkept: yes\r\n", rest)

    def inline(self, scope: Scope, body: bytes) -> Response | Deferred | None:
        if not scope["path"].startswith("/inline/"):
            return None
        _, _, seconds, name = scope["path"].split("/")
        report = b"%b %b %b" % (scope["method"].encode(), name.encode(), body)
        if seconds == "now":
            return b"HTTP/1.1 200 OK\r\n", b"inline: yes\r\ncontent-length: %d\r\n\r\n%b" % (len(report), report)
        return deferred(seconds.encode(), report, head_only=False, more=b"inline: yes\r\n")

    def refused(self, refusal: Refusal) -> Payload:
        self.refusals.append(refusal)
        return [(b"content-type", b"application/json")], json.dumps({"refused": refusal.sentence}).encode()

    async def serve(self, exchange: Exchange) -> None:
        scope = exchange.scope
        name = scope["path"].split("/")[1]
        query = dict(parse_qsl(scope["query_string"].decode()))
        handler: Handler = getattr(self, f"do_{name}", self.do_missing)
        try:
            await handler(exchange, query)
        except BaseException as error:
            self.log.append(f"{name}: {type(error).__name__}")
            if type(error).__name__ != "Disconnected":
                raise
        else:
            self.log.append(f"{name}: done")

    async def do_zeros(self, exchange: Exchange, query: dict[str, str]) -> None:
        """So many bytes, without a wait."""
        await answer(exchange.send, 200, bytes(int(exchange.scope["path"].split("/")[2])))

    async def do_missing(self, exchange: Exchange, query: dict[str, str]) -> None:
        await answer(exchange.send, 404, exchange.scope["path"].encode())

    async def do_fast(self, exchange: Exchange, query: dict[str, str]) -> None:
        """The long way to the same answer."""
        await answer(exchange.send, 200, b"e" * int(exchange.scope["path"].rpartition("/")[2]))

    async def do_deferred(self, exchange: Exchange, query: dict[str, str]) -> None:
        """The long way to the same answer, or when there was none after all."""
        assert (await exchange.receive()) == {"type": "http.request", "body": b"", "more_body": False}
        name = exchange.scope["path"].split("/")[3].encode()
        await answer(
            exchange.send,
            200,
            b"long " + dict(exchange.scope["headers"]).get(b"x-mark", b"") if name == b"none" else name,
        )

    async def do_inline(self, exchange: Exchange, query: dict[str, str]) -> None:
        """The long way to the same answer."""
        body, more = b"", True
        while more:
            message = await exchange.receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        name = exchange.scope["path"].rpartition("/")[2]
        await answer(exchange.send, 200, b"%b %b %b" % (exchange.scope["method"].encode(), name.encode(), body))

    async def do_early(self, exchange: Exchange, query: dict[str, str]) -> None:
        await answer(exchange.send, 413, b"too large")

    async def do_slow(self, exchange: Exchange, query: dict[str, str]) -> None:
        await asyncio.sleep(float(query.get("seconds", "0.05")))
        await answer(exchange.send, 200, exchange.scope["path"].encode())

    async def do_headers(self, exchange: Exchange, query: dict[str, str]) -> None:
        while (await exchange.receive()).get("more_body"):
            pass
        headers = [(name.decode(), value.decode("latin-1")) for name, value in exchange.scope["headers"]]
        await answer(exchange.send, 200, json.dumps([exchange.scope["method"], headers]).encode())

    async def do_receive(self, exchange: Exchange, query: dict[str, str]) -> None:
        sink = Sink()
        if "later" in query:
            await asyncio.sleep(float(query["later"]))
        while True:
            message = await exchange.receive()
            if message["type"] == "http.disconnect":
                self.log.append("receive: disconnect")
                return
            sink(message["body"])
            if not message["more_body"]:
                break
        await answer(exchange.send, 200, sink.report())

    async def do_take(self, exchange: Exchange, query: dict[str, str]) -> None:
        sink = Sink(int(query["most"]) if "most" in query else None)
        try:
            count = await exchange.take(sink)
        except ValueError as error:
            await answer(exchange.send, 507, str(error).encode())
            return
        assert count == sink.size
        await answer(exchange.send, 200, sink.report())

    async def do_watch(self, exchange: Exchange, query: dict[str, str]) -> None:
        """Waits until the client is gone."""
        while (await exchange.receive())["type"] != "http.disconnect":
            pass

    async def do_file(self, exchange: Exchange, query: dict[str, str]) -> None:
        offset, count = int(query.get("offset", "0")), int(query["count"])
        fd = os.open(self.folder / query.get("name", "file"), os.O_RDONLY)
        try:
            await exchange.send(start(200, count))
            await exchange.send_file(fd, offset, count)
            await exchange.send({"type": "http.response.body", "body": b""})
        finally:
            os.close(fd)


def start(status: int, length: int) -> dict[str, Any]:
    headers = [(b"content-length", b"%d" % length)]
    return {"type": "http.response.start", "status": status, "headers": headers}


async def answer(send: Send, status: int, body: bytes) -> None:
    await send(start(status, len(body)))
    await send({"type": "http.response.body", "body": body})
