"""Sends an Answer: whole bodies in one message, files by the transport's own means where it has them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from starlette.types import Send

from registry.api.answer import Answer, FileBody, Headers
from registry.transport.application import Exchange

CHUNK = 1 << 20
"""Bytes read at a time where the transport cannot send files: below 256 KiB the hops to the thread dominate."""


async def send_answer(exchange: Exchange, answer: Answer, extra: Headers, pool: Executor) -> int:
    """Send it; how many body bytes went out. Closes the file of a FileBody."""
    start = {"type": "http.response.start", "status": answer.status, "headers": headers_of(answer, extra)}
    body, send = answer.body, exchange.send
    is_head = exchange.scope["method"] == "HEAD"
    if not isinstance(body, FileBody):
        await send(start)
        await send({"type": "http.response.body", "body": b"" if is_head else body})
        return len(body)
    try:
        await send(start)
        if not is_head:
            await _send_file(exchange, body, pool)
        await send({"type": "http.response.body", "body": b""})
    finally:
        body.reader.close()
    return body.length


def headers_of(answer: Answer, extra: Headers) -> Headers:
    """All headers that the answer is sent with."""
    headers = [*answer.headers, *extra]
    if answer.status not in (204, 304):
        headers.append((b"content-length", str(answer.content_length).encode()))
    return headers


async def _send_file(exchange: Exchange, body: FileBody, pool: Executor) -> None:
    send, fd = exchange.send, _descriptor(body)
    for before, offset, count in body.parts:
        if before:
            await send({"type": "http.response.body", "body": before, "more_body": True})
        if fd is not None:
            await exchange.send_file(fd, offset, count)
        else:
            await _stream(send, body, offset, count, pool)
    if body.tail:
        await send({"type": "http.response.body", "body": body.tail, "more_body": True})


def _descriptor(body: FileBody) -> int | None:
    try:
        return body.reader.fileno()
    except (OSError, AttributeError):
        return None  # not a file of this machine's


async def _stream(send: Send, body: FileBody, offset: int, count: int, pool: Executor) -> None:
    """From a reader that is no file of this machine."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(pool, body.reader.seek, offset)
    left = count
    while left:
        data = await loop.run_in_executor(pool, body.reader.read, min(CHUNK, left))
        if not data:
            raise EOFError(f"the file ended {left} bytes early")
        left -= len(data)
        await send({"type": "http.response.body", "body": data, "more_body": True})
