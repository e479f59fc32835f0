"""Networks and endpoints on disk, under one lock; a file is whole or not there."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from runtime.network.endpoint import Endpoint
from runtime.network.errors import NetworkError
from runtime.network.network import Network
from runtime.network.paths import Paths

_MODE = 0o700

T = TypeVar("T")


class Store:
    """Reads need no lock; the process that changes something holds `locked` around reading and writing."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other thread or process changes networks meanwhile."""
        self._paths.networks.mkdir(mode=_MODE, parents=True, exist_ok=True)
        self._paths.running.mkdir(mode=_MODE, parents=True, exist_ok=True)
        descriptor = os.open(self._paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def networks(self) -> list[Network]:
        """All networks, the oldest first."""
        found = (_read(path, Network) for path in _records(self._paths.networks))
        return sorted((network for network in found if network), key=lambda network: (network.created, network.name))

    def save(self, network: Network) -> None:
        """Write a network down, durably."""
        write(self._paths.network(network.id), msgspec.json.encode(network), durable=True)

    def forget(self, network: Network) -> None:
        """Remove a network and its list of endpoints."""
        self._paths.endpoints(network.id).unlink(missing_ok=True)
        self._paths.network(network.id).unlink(missing_ok=True)

    def is_up(self, network: Network) -> bool:
        """Whether its bridge has been made since the machine started."""
        return self._paths.endpoints(network.id).exists()

    def endpoints(self, network: Network) -> list[Endpoint]:
        """Who is connected, in the order in which they were."""
        return _read(self._paths.endpoints(network.id), list[Endpoint]) or []

    def save_endpoints(self, network: Network, endpoints: Sequence[Endpoint]) -> None:
        """Write down who is connected."""
        write(self._paths.endpoints(network.id), msgspec.json.encode(endpoints), durable=False)


def write(path: Path, payload: bytes, *, durable: bool) -> None:
    """Replace a file as a whole; durable survives the machine as well. The caller holds the lock."""
    aside = path.with_suffix(".new")
    with open(aside, "wb") as opened:
        opened.write(payload)
        if durable:
            opened.flush()
            os.fsync(opened.fileno())
    aside.replace(path)
    if durable:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _records(folder: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(folder) if entry.name.endswith(".json")]
    except FileNotFoundError:
        return []


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise NetworkError(f"{path} is damaged ({error}), remove it and create the network again") from error
