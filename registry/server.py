"""Runs the application: one worker in this process, or several forked from it, all on the same listening sockets.

The parent of several only binds, forks, restarts what died and passes signals on. A worker drains on SIGTERM: it stops
listening, lets what is under way finish within `server.drain_timeout`, and exits 0. On SIGHUP it opens the access log
again.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NamedTuple

import uvicorn

from registry import cores
from registry.app import App, build
from registry.config import Config
from registry.config.settings import Server
from registry.telemetry.tally import empty
from registry.transport.protocol import Service

log = logging.getLogger(__name__)

RESTART_PAUSE = 1.0
"""Seconds a worker must have lived to be replaced at once."""

STOP = (signal.SIGINT, signal.SIGTERM)
SIGNALS = (*STOP, signal.SIGHUP)

COLLECT_AFTER = 20_000
"""New objects after which the garbage collector looks at the youngest."""

SWITCH = 0.0005
"""Seconds after which a thread that computes lets another one have the interpreter. The one that writes the index asks
for it back after each statement, with the database locked for all workers."""

PR_SET_PDEATHSIG = 1


class Worker(uvicorn.Server):
    """uvicorn's server around one App."""

    def __init__(self, app: App, config: Config) -> None:
        self._service = Service(app)
        super().__init__(
            uvicorn.Config(
                app.serve,  # which only the protocol calls
                http=self._service.protocol,
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
                ssl_certfile=config.tls.certificate or None,
                ssl_keyfile=config.tls.key or None,
            )
        )
        self._application = app

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
        """uvicorn raises the signal again once it has drained; a drained worker exits 0."""
        for number in STOP:
            signal.signal(number, self.handle_exit)
        # Not in a handler of its own, which could cut into the middle of a write to the log.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._application.reopen_logs)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        yield


def serve(config: Config, listener: socket.socket) -> int:
    """Serve until told to stop; the exit code. Database and folders must be there."""
    # A log rotated while the server starts must not end it; the signal waits until it can be answered.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    if config.server.workers == 1:
        return _work(config, listener, "")
    folder = os.path.join(config.server.root, "metrics")
    empty(folder)
    return Supervisor(config, listener, folder).run()


def _work(config: Config, listener: socket.socket, metrics_folder: str) -> int:
    app = build(config, metrics_folder=metrics_folder)
    # What exists now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    # What a request makes is gone with its last reference. What the collector is for, cycles, are few.
    gc.set_threshold(COLLECT_AFTER)
    sys.setswitchinterval(SWITCH)
    Worker(app, config).run(sockets=[listener])
    return 0


class _Running(NamedTuple):
    """A worker: since when (monotonic seconds), and the core it keeps to, None for any."""

    since: float
    core: int | None


class Supervisor:
    """The parent of several workers. Forks before any thread or event loop exists."""

    def __init__(self, config: Config, listener: socket.socket, metrics_folder: str) -> None:
        self._config = config
        self._listener = listener
        self._folder = metrics_folder
        self._workers: dict[int, _Running] = {}
        self._stopping = False

    def run(self) -> int:
        for number in STOP:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._pass_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))
        for core in _cores(self._config.server):
            self._fork(core)
        failed = False
        while self._workers:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                break
            ended = self._workers.pop(pid, None)
            if self._stopping or ended is None:
                failed = failed or status != 0
                continue
            log.error("worker %d ended with status %d and is replaced", pid, os.waitstatus_to_exitcode(status))
            if time.monotonic() - ended.since < RESTART_PAUSE:
                time.sleep(RESTART_PAUSE)
            if not self._stopping:
                self._fork(ended.core)
        return 1 if failed else 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        self._listener.close()  # or the kernel would go on taking connections that nobody serves
        self._pass_on(signal.SIGTERM, frame)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _fork(self, core: int | None) -> None:
        parent = os.getpid()
        # A signal that comes before the worker can drain waits until it can; its parent's handler is not for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if self._stopping:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            return
        pid = os.fork()
        if pid:
            self._workers[pid] = _Running(time.monotonic(), core)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            return
        code = 1
        try:
            _die_with(parent)
            if core is not None:
                cores.keep_to(core)
            code = _work(self._config, self._listener, self._folder)
        except BaseException:
            log.exception("the worker failed")
        finally:
            os._exit(code)


def _cores(server: Server) -> Sequence[int | None]:
    """For each worker the core that is its own; None where the system chooses."""
    if server.pin_workers and server.workers == len(cores.ALL):
        return sorted(cores.ALL)
    return [None] * server.workers


def _die_with(parent: int) -> None:
    """A worker whose parent is killed must not go on alone, holding the port."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
