"""The real application over a driver of the test's choice, served by the real server in a thread of this process."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from registry.app import build
from registry.config import Config, load
from registry.metadata.schema import upgrade
from registry.server import Worker
from storage.driver import Driver
from tests.faults.server import reserved_port
from tests.faults.wire import accepts


class _Threaded(Worker):
    """Signals are the main thread's, which is the test's."""

    loop: asyncio.AbstractEventLoop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        self.loop = asyncio.get_running_loop()
        yield


def configured(root: Path, port: int) -> Config:
    """The configuration that `entrepot serve --root ROOT` works with, without the background check of stored bytes."""
    environment = {"ENTREPOT_VERIFY_ENABLED": "false", "ENTREPOT_LOG_ACCESS": "false"}
    flags = {"server.root": str(root), "server.listen": f"127.0.0.1:{port}"}
    return load(None, environment, flags).config


@contextlib.contextmanager
def serving(root: Path, driver: Driver) -> Iterator[int]:
    """Serve on a fresh database below `root`; the port."""
    root.mkdir(exist_ok=True)
    port, holder = reserved_port()
    config = configured(root, port)
    upgrade(config.database.url)
    worker = _Threaded(build(config, driver=driver), config, supervised=False)
    listener = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=worker.run, args=([listener],), name="server")
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not worker.started and time.monotonic() < deadline:
            time.sleep(0.005)
        assert accepts(port)
        yield port
    finally:
        worker.loop.call_soon_threadsafe(worker.drain)
        thread.join(20)
        listener.close()
        holder.close()
    assert not thread.is_alive()
