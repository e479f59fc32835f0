"""A real uvicorn server with the registry's protocol, in a thread, on a free port."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import uvicorn

from registry.transport.limits import Limits
from registry.transport.service import Service
from tests.protocol.client import Connection, Response
from tests.transport.application import Application


class Served(uvicorn.Server):
    """Ends what it serves with."""

    app: Application
    service: Service

    loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self.service.stop()
        await asyncio.get_running_loop().run_in_executor(None, self.app.close)


class Server:
    """What a test holds: the address, the application, and the server to look into."""

    def __init__(self, app: Application, uvicorn_server: Served, address: tuple[str, int], tls: bool) -> None:
        self.app = app
        self.uvicorn = uvicorn_server
        self.address = address
        self.tls = tls

    def connect(self, timeout: float = 10.0) -> Connection:
        connection = Connection(self.address, timeout)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection.socket = context.wrap_socket(connection.socket)
        return connection

    def get(self, target: str) -> Response:
        with self.connect() as connection:
            return connection.request("GET", target)

    def is_free(self) -> bool:
        """Whether every connection, task and lane has been given back."""
        state = self.uvicorn.server_state
        return not state.connections and not state.tasks and self.app.lanes._free == 2

    def halt(self, seconds: float) -> None:
        """Have the event loop do nothing for so long, so that what is sent meanwhile comes together."""
        self.uvicorn.loop.call_soon_threadsafe(time.sleep, seconds)
        time.sleep(0.05)

    def until(self, condition: str, seconds: float = 5.0) -> None:
        """Wait for `condition` in the application's log, or "free"."""
        end = time.monotonic() + seconds
        while not (self.is_free() if condition == "free" else condition in self.app.log):
            assert time.monotonic() < end, (condition, self.app.log, self.uvicorn.server_state.__dict__)
            time.sleep(0.01)

    def stop(self) -> None:
        self.uvicorn.should_exit = True


def certificate(folder: Path) -> tuple[str, str]:
    key, cert = str(folder / "key.pem"), str(folder / "cert.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


@contextmanager
def running(
    folder: Path, loop: str, limits: Limits | None = None, *, tls: bool = False, drain: int = 10
) -> Iterator[Server]:
    app = Application(limits or Limits(), folder)
    context = None
    if tls:
        key, cert = certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
    service = Service(app, context, look_every=0.05)  # so that tests of time are short
    config = uvicorn.Config(
        app.serve,
        http=cast("type[asyncio.Protocol]", service.protocol),
        ws="none",
        lifespan="off",
        loop=loop,
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=drain,
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    address = listener.getsockname()
    served = Served(config)
    served.app, served.service = app, service
    thread = threading.Thread(target=served.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not served.started:
        time.sleep(0.005)
    server = Server(app, served, address, tls)
    try:
        yield server
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive(), "the server does not stop"
