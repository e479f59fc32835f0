"""The reaper looks while there is something to see, and sleeps otherwise; what was held is given back."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.transport.connection import Connection, State
from registry.transport.head import Heads
from registry.transport.limits import Limits
from registry.transport.memory import WORTH, Memory
from registry.transport.reaper import Reaper

LIMITS = Limits(keep_alive=0.5)


class Wire(asyncio.Transport):
    """Nothing waits to be sent; `closed` counts."""

    def __init__(self, peer: socket.socket) -> None:
        super().__init__({"socket": peer})
        self.closed = 0

    def is_closing(self) -> bool:
        return self.closed > 0

    def close(self) -> None:
        self.closed += 1

    def get_write_buffer_size(self) -> int:
        return 0


class Idle:
    """A connection on which nothing happens."""

    received = None

    def __init__(self, now: float, peer: socket.socket) -> None:
        self.limits = LIMITS
        self.connection = Connection(LIMITS, Heads(LIMITS))
        self.wire = Wire(peer)
        self.transport: asyncio.Transport = self.wire
        self.since = self.touched = self.moved = now
        self.unsent = (0, 0)
        self.idle_seconds = LIMITS.keep_alive

    def refuse(self, status: int, sentence: str) -> None:
        raise AssertionError(status)

    def cut(self) -> None:
        raise AssertionError("cut")


@pytest.mark.parametrize(("idle", "most"), [(0, 2), (3, 5)])
def test_it_sleeps_while_nothing_happens(idle: int, most: int) -> None:
    async def looks(peer: socket.socket) -> tuple[int, bool]:
        loop = asyncio.get_running_loop()
        connections = [Idle(loop.time(), peer) for _ in range(idle)]
        seen: list[float] = []
        reaper = Reaper(connections, loop, 0.02, lambda: seen.append(loop.time()))
        reaper.wake()
        await asyncio.sleep(0.4)
        assert reaper.asleep
        assert not any(each.wire.closed for each in connections)
        early = len(seen)
        await asyncio.sleep(0.3)
        assert all(each.wire.closed == 1 for each in connections), "at their time all the same"
        connections.clear()
        await asyncio.sleep(0.1)
        return early, reaper.asleep

    with socket.socket() as peer:
        looked, asleep = asyncio.run(looks(peer))
    assert 1 <= looked <= most
    assert asleep


def test_it_looks_while_something_is_waited_for() -> None:
    async def looks(peer: socket.socket) -> int:
        loop = asyncio.get_running_loop()
        connection = Idle(loop.time(), peer)
        connection.connection.state = State.HEAD
        seen: list[float] = []
        connections = [connection]
        reaper = Reaper(connections, loop, 0.02, lambda: seen.append(loop.time()))
        reaper.wake()
        await asyncio.sleep(0.3)
        assert not reaper.asleep
        connections.clear()
        return len(seen)

    with socket.socket() as peer:
        assert asyncio.run(looks(peer)) >= 4


def test_memory_is_given_back_once_much_less_is_held() -> None:
    with ThreadPoolExecutor(1) as pool:
        memory = Memory(pool)
        assert not memory.look(0, WORTH - 1)
        assert not memory.look(2 * WORTH, 2 * WORTH)
        assert not memory.look(WORTH, WORTH)
        assert memory.look(0, WORTH)
        assert not memory.look(0, 0)
