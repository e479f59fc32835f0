"""A proxy in front of an S3 server, in a thread of the test: it counts calls by operation and, as told, fails them.

A client is given `endpoint` in place of the server's. Requests are passed on byte by byte, the Host header too, so that
signatures hold. A fault hits one call; `plan` chooses it.
"""

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.s3.calls import Call, Fault, Plan, Way, calm, operation
from tests.s3.http1 import PIECE, Head, body, has_body, is_chunked, read_head

_ABORT = struct.pack("ii", 1, 0)


class FaultProxy:
    """Use it as a context manager. `plan` may be set at any time, from any thread."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        self.upstream = (parts.hostname, parts.port or 80)
        self.plan: Plan = calm
        self.calls: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault proxy")
        self._open: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._stop = asyncio.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def planned(self, plan: Plan) -> Iterator[None]:
        """Follow this plan for a while."""
        self.plan = plan
        try:
            yield
        finally:
            self.plan = calm

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """Counts the calls that come meanwhile; the counter is complete afterwards."""
        before, found = Counter(self.calls), Counter[str]()
        yield found
        found.update(self.calls - before)

    def chosen(self, head: Head) -> tuple[Call, Fault | None]:
        """Count the call and ask the plan."""
        method, target = head.first[0], head.first[1]
        name = operation(method, target, head.headers)
        self.calls[name] += 1
        call = Call(name, self.calls[name], method, target)
        fault = self.plan(call)
        if fault is not None:
            self.faults[f"{name}: {fault}"] += 1
        return call, fault

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        assert self._ready.wait(10), "the fault proxy does not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", limit=PIECE, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        link = _Link(self, reader, writer)
        try:
            # Whatever breaks on one side breaks the other; a test that ends stops us in the middle.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await link.exchange():
                    pass
        finally:
            link.close()
            self._open.discard(task)


class _Link:
    """One client's connection, and the one to the server that belongs to it."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader, self._writer = reader, writer
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._whole = False

    def close(self) -> None:
        """End both; the client's is reset when an exchange did not come to its end."""
        if not self._whole:
            with suppress(OSError):
                self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            self._writer.transport.abort()
        self._writer.close()
        self._hang_up()

    async def exchange(self) -> bool:
        """One request and its answer, or its fault; whether the connection can be used again."""
        self._whole = True
        head = await read_head(self._reader)
        if head is None:
            return False
        self._whole = False
        call, fault = self._proxy.chosen(head)
        if fault is None or fault.way in {Way.SLOW, Way.TRUNCATE}:
            self._whole = await self._pass_on(head, call, fault)
            return self._whole
        if fault.way is Way.CUT:
            await self._cut(head)
        elif fault.late:
            await self._carry_out(head, call)
        else:
            await self._take(head, fault)
        return await self._fail(call, fault)

    async def _fail(self, call: Call, fault: Fault) -> bool:
        """The client's side of a fault that gives no real answer."""
        if fault.way is Way.HOLD:
            # A client that gives up ends the connection, which is read here.
            with suppress(TimeoutError):
                async with asyncio.timeout(fault.seconds):
                    while await self._reader.read(PIECE):
                        pass
        if fault.way is Way.ERROR:
            text = f"<Error><Code>{fault.code}</Code><Message>as the test wished</Message></Error>"
            content = b"" if call.method == "HEAD" else text.encode()
            head = f"HTTP/1.1 {fault.status} Failed\r\nContent-Type: application/xml\r\nConnection: close\r\n"
            self._writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            await self._writer.drain()
            self._whole = True
        return False

    async def _take(self, head: Head, fault: Fault) -> None:
        """Read the request's body for nobody, unless the client waits for a word before it sends one."""
        if "expect" not in head.headers and fault.way is not Way.RESET:
            async for _ in body(self._reader, head):
                pass

    async def _carry_out(self, head: Head, call: Call) -> None:
        """Have the server do it; its answer goes nowhere."""
        reader, writer = await self._connected()
        sending = asyncio.create_task(self._send(writer, head))
        try:
            answer = await self._answer(reader)
            if has_body(answer, call.method):
                async for _ in body(reader, answer, to_the_end=True):
                    pass
        finally:
            await _ended(sending)

    async def _cut(self, head: Head) -> None:
        """Half of the request's body reaches the server, then all is over."""
        _, writer = await self._connected()
        writer.write(head.raw)
        if "expect" in head.headers:
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        half, sent = int(head.headers.get("content-length", 0)) // 2, 0
        async for piece in body(self._reader, head):
            writer.write(piece[: half - sent])
            sent += len(piece)
            if sent >= half:
                break
        await writer.drain()

    async def _pass_on(self, head: Head, call: Call, fault: Fault | None) -> bool:
        reader, writer = await self._connected()
        sending = asyncio.create_task(self._send(writer, head))
        try:
            answer = await self._answer(reader)
            if fault is not None and fault.way is Way.SLOW:
                await asyncio.sleep(fault.seconds)
            self._writer.write(answer.raw)
            if has_body(answer, call.method):
                if not await self._pass_body(reader, answer, fault):
                    return False
            elif fault is not None and fault.way is Way.TRUNCATE:
                return False
            await self._writer.drain()
            early = not sending.done()
        finally:
            await _ended(sending)
        closes = "close" in {answer.headers.get("connection", "").lower(), head.headers.get("connection", "").lower()}
        unbound = has_body(answer, call.method) and not is_chunked(answer) and "content-length" not in answer.headers
        self._whole = not early
        return not (early or closes or unbound)

    async def _pass_body(self, reader: asyncio.StreamReader, answer: Head, fault: Fault | None) -> bool:
        """Whether all of it was passed on."""
        half = int(answer.headers.get("content-length", 0)) // 2 if fault and fault.way is Way.TRUNCATE else None
        async for piece in body(reader, answer, to_the_end=True):
            if half is not None and len(piece) >= half:
                self._writer.write(piece[:half])
                await self._writer.drain()
                # The reset that follows must not overtake what the client is still to read.
                await asyncio.sleep(0.01)
                return False
            half = half - len(piece) if half is not None else None
            if fault is not None and fault.way is Way.SLOW:
                await self._trickle(piece)
            else:
                self._writer.write(piece)
            await self._writer.drain()
        return half is None

    async def _trickle(self, piece: bytes) -> None:
        step = max(1, len(piece) // 3)
        for start in range(0, len(piece), step):
            self._writer.write(piece[start : start + step])
            await asyncio.sleep(0.01)

    async def _send(self, writer: asyncio.StreamWriter, head: Head) -> None:
        try:
            writer.write(head.raw)
            async for piece in body(self._reader, head):
                writer.write(piece)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()  # nobody would ever send the rest

    async def _answer(self, reader: asyncio.StreamReader) -> Head:
        """The final answer's head; a word that the client may go on is passed on at once."""
        while True:
            answer = await read_head(reader)
            if answer is None:
                self._hang_up()
                raise ConnectionResetError("the server ended the connection")
            if answer.status != 100:
                return answer
            self._writer.write(answer.raw)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._server is not None and self._server[0].at_eof():
            self._hang_up()
        if self._server is None:
            self._server = await asyncio.open_connection(*self._proxy.upstream, limit=PIECE)
        return self._server

    def _hang_up(self) -> None:
        if self._server is not None:
            self._server[1].transport.abort()
            self._server = None


async def _ended(task: "asyncio.Task[None]") -> None:
    """A body still on its way when its answer is there is not waited for."""
    if not task.done():
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def at(name: str, fault: Fault, *, after: int = 0, times: int = 1) -> Plan:
    """Fail so many calls of the operation, the first of them after so many that pass, counted from now."""
    seen = 0

    def plan(call: Call) -> Fault | None:
        nonlocal seen
        if call.operation != name:
            return None
        seen += 1
        return fault if after < seen <= after + times else None

    return plan


def at_random(seed: str, rate: float, faults: Sequence[Fault]) -> Plan:
    """Fail this share of all calls, each in one of these ways."""
    rng = random.Random(seed)

    def plan(call: Call) -> Fault | None:
        return rng.choice(faults) if rng.random() < rate else None

    return plan
