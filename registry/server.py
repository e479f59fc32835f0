"""Runs the application: one worker in this process, or several forked from it, all on the same listening sockets.

A worker drains on SIGTERM: it stops listening, lets what is under way finish within `server.drain_timeout`, and exits
0; a second SIGTERM ends the drain. On SIGHUP it opens the access log again. Without connections it sleeps: nothing is
looked at by the clock.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, cast

import uvicorn
from msgspec.structs import replace

from registry import cores
from registry.app import App, build
from registry.config import Config
from registry.config.settings import Server
from registry.descriptors import Watch, raise_limit
from registry.held import Held
from registry.storage_marker import driver_of
from registry.supervisor import AT_ONCE, Supervisor
from registry.telemetry.tally import empty
from registry.transport import peer_proof
from registry.transport.service import Service

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, AT_ONCE)

TICK_SECONDS = 1.0
"""Between two looks at the clock and the descriptors while there are connections."""

COLLECT_AFTER = 20_000
"""New objects after which the garbage collector looks at the youngest."""

SWITCH = 0.0005
"""Seconds after which a thread that computes lets another one have the interpreter. The one that writes the index asks
for it back after each statement, with the database locked for all workers."""


class Worker(uvicorn.Server):
    """uvicorn's server around one App. `supervised`: it has a parent, which says when the drain is to end."""

    def __init__(self, app: App, config: Config, *, supervised: bool) -> None:
        self._service = Service(app, _tls(config))
        super().__init__(
            uvicorn.Config(
                app.serve,  # which only the protocol calls
                http=cast("type[asyncio.Protocol]", self._connected),
                ws="none",
                lifespan="off",
                loop="uvloop",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=config.server.backlog,
                timeout_graceful_shutdown=max(1, int(config.server.drain_timeout)),
            )
        )
        self._application = app
        self._supervised = supervised
        self._awake = asyncio.Event()
        """A connection has come, or the end."""
        self._ending = asyncio.Event()
        self._descriptors = Watch()

    def _connected(self, **parts: Any) -> asyncio.Protocol:  # noqa: ANN401 - uvicorn's own names, passed on
        if not self._awake.is_set():
            self._awake.set()
        return self._service.protocol(**parts)

    async def main_loop(self) -> None:
        """Until the drain begins; wakes once a second while there are connections, and else not at all."""
        while not self.should_exit:
            if not self.server_state.connections:
                await self._awake.wait()
            self._awake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._ending.wait()
            if self._descriptors.look():
                self._application.out_of_descriptors()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._application.start()
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._application.draining = True
        await super().shutdown(sockets)
        self._service.stop()
        await self._application.stop()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn raises the signal again once it has drained; a drained worker exits 0.

        Handled by the loop, not in handlers that could cut into the middle of a write to the log.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.drain)
        if self._supervised:
            loop.add_signal_handler(AT_ONCE, self._end_drain)
        else:
            loop.add_signal_handler(signal.SIGINT, self.drain)
        loop.add_signal_handler(signal.SIGHUP, self._application.reopen_logs)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        yield

    def drain(self) -> None:
        """Begin to end; asked again, end at once, unless there is a parent to say so."""
        if self.should_exit and not self._supervised:
            self._end_drain()
        self.should_exit = True
        self._awake.set()
        self._ending.set()

    def _end_drain(self) -> None:
        self.force_exit = True
        if not self.should_exit:
            self.drain()


def serve(config: Config, listener: socket.socket, held: Held) -> int:
    """Serve until told to stop; the exit code. Database and folders must be there, the folders held."""
    # A log rotated while the server starts must not end it; the signal waits until it can be answered.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    limits = config.limits
    config = replace(config, limits=replace(limits, connections=raise_limit(limits.connections)))
    if config.server.workers == 1:
        return _work(config, listener, "", held, supervised=False)
    folder = os.path.join(config.server.root, "metrics")
    empty(folder)
    peer_proof.file()  # one for all workers
    return Supervisor(partial(_work, config, listener, folder, held), listener, _cores(config.server)).run()


def _work(config: Config, listener: socket.socket, metrics_folder: str, held: Held, *, supervised: bool = True) -> int:
    app = build(config, driver=driver_of(config, held), metrics_folder=metrics_folder)
    # What exists now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    # What a request makes is gone with its last reference. What the collector is for, cycles, are few.
    gc.set_threshold(COLLECT_AFTER)
    sys.setswitchinterval(SWITCH)
    Worker(app, config, supervised=supervised).run(sockets=[listener])
    return 0


def _cores(server: Server) -> Sequence[int | None]:
    """For each worker the core that is its own; None where the system chooses."""
    if server.pin_workers and server.workers == len(cores.ALL):
        return sorted(cores.ALL)
    return [None] * server.workers


def _tls(config: Config) -> ssl.SSLContext | None:
    if not config.tls.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(config.tls.certificate, config.tls.key or None)
    return context
