"""Asking the resolver's process to answer for a container, and starting it when it is not there."""

import os
import socket
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from runtime.network import nft
from runtime.network.errors import KernelRefused
from runtime.network.resolv_conf import EMBEDDED
from runtime.network.resolver.socket_path import short

_ANSWER_SECONDS: Final = 15.0
"""Seconds until the resolver must answer; starting a Python on a busy machine is most of it."""

_TABLE: Final = "entrepot_names"

_PROGRAM: Final = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module("runtime.network.resolver", run_name="__main__", alter_sys=True)
"""
"""Isolated from the user's environment, and yet of the same installation as we are."""


class Resolver:
    """The caller holds the lock of networks: one starts it at a time."""

    def __init__(self, base: Path, running: Path) -> None:
        self._socket = base.with_suffix(".sock")
        self._running = running

    def serve(self, container: str, namespace: int) -> None:
        """Have names resolved in the network namespace of an open file, for a container. Raises KernelRefused."""
        request = {"serve": container}
        answer = self._ask(request, namespace)
        if answer is None:
            self._start()
            answer = self._ask(request, namespace)
        if answer is None or "udp" not in answer:
            raise KernelRefused(f"the resolver of names does not answer{_told(answer)}")
        nft.load(redirection(answer["udp"], answer["tcp"]), namespace)

    def forget(self, container: str) -> None:
        """Close its sockets; with the last container the process ends."""
        self._ask({"forget": container})

    def stop(self) -> None:
        """End the process, if there is one."""
        self._ask({"stop": True})

    def keep(self, containers: list[str]) -> bool:
        """Have it forget all others; whether the process is there."""
        return self._ask({"keep": containers}) is not None

    def running(self) -> bool:
        """Whether the process is there."""
        return self._ask({}) is not None

    def _ask(self, request: dict[str, Any], namespace: int | None = None) -> dict[str, Any] | None:
        """Send a request and return the answer; None if it does not answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.settimeout(_ANSWER_SECONDS)
            try:
                with short(self._socket) as name:
                    asking.connect(name)
                descriptors = [] if namespace is None else [namespace]
                socket.send_fds(asking, [msgspec.json.encode(request)], descriptors)
                answer = asking.recv(65536)
            except OSError:
                return None
        decoded: dict[str, Any] | None = msgspec.json.decode(answer) if answer else None
        return decoded

    def _start(self) -> None:
        root = str(Path(__file__).parents[3])
        command = [sys.executable, "-I", "-c", _PROGRAM, root, str(self._running)]
        ready, writing = os.pipe()
        try:
            null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            streams = [(os.POSIX_SPAWN_DUP2, source, to) for source, to in ((null, 0), (writing, 1), (null, 2))]
            process = os.posix_spawn(sys.executable, command, os.environ, file_actions=streams)
            os.close(null)
        finally:
            os.close(writing)
        with open(ready, "rb", buffering=0) as opened:
            os.waitpid(process, 0)
            opened.read(1)


def redirection(udp: int, tcp: int) -> dict[str, Any]:
    """The rules of a container's namespace: 127.0.0.11:53 is where the resolver's sockets are. Pure."""
    table = {"table": {"family": "ip", "name": _TABLE}}
    chain = {"family": "ip", "table": _TABLE, "name": "output"}
    commands: list[dict[str, Any]] = [{"add": table}, {"delete": table}, {"add": table}]
    commands.append({"add": {"chain": chain | {"type": "nat", "hook": "output", "prio": -100, "policy": "accept"}}})
    for protocol, port in (("udp", udp), ("tcp", tcp)):
        to = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": EMBEDDED}}
        at = {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": "dport"}}, "right": 53}}
        rule = [to, at, {"dnat": {"addr": EMBEDDED, "port": port}}]
        commands.append({"add": {"rule": {"family": "ip", "table": _TABLE, "chain": "output", "expr": rule}}})
    return {"nftables": commands}


def _told(answer: dict[str, Any] | None) -> str:
    return f": {answer['error']}" if answer and "error" in answer else ""
