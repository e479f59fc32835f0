"""A host, another host beside it, and containers: network namespaces of the test's own, with servers and clients.

A namespace lives as long as a descriptor of it is open, so nothing has to be undone on the machine: bridges, devices
and rules go with the host they were made in.
"""

import contextlib
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any

from runtime.network.endpoint import Endpoint
from runtime.network.netlink import addresses, links, routes
from runtime.network.netlink.channel import Channel
from runtime.network.networks import Networks
from runtime.syscall.namespaces import CLONE_NEWNET, setns, unshare
from runtime.syscall.netns import within

HOST = "198.51.100.1"
OUTSIDE = "198.51.100.2"


class Namespace:
    """A network namespace with loopback up."""

    def __init__(self) -> None:
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            unshare(CLONE_NEWNET)
            self.number = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            setns(here, CLONE_NEWNET)
            os.close(here)
        self.path = f"/proc/{os.getpid()}/fd/{self.number}"
        self._servers: list[socket.socket] = []
        with Channel(self.number) as channel:
            links.set_up(channel, "lo")

    def close(self) -> None:
        """End its servers and let it go."""
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        os.close(self.number)

    def within(self) -> AbstractContextManager[None]:
        """Work in it."""
        return within(self.number)

    def run(self, *words: str) -> str:
        """What a program prints in it."""
        with self.within():
            return subprocess.run(words, check=True, capture_output=True, text=True, timeout=20).stdout

    def serve(self, port: int, kind: socket.SocketKind = socket.SOCK_STREAM, address: str = "0.0.0.0") -> None:
        """Tell everybody who connects which address they come from."""
        with self.within():
            server = socket.socket(socket.AF_INET, kind)
        self._servers.append(server)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        if kind == socket.SOCK_STREAM:
            server.listen(16)
        threading.Thread(target=_tell, args=(server,), daemon=True).start()

    def ask(
        self, address: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM, patience: float = 2
    ) -> str | None:
        """The address by which a server at that place sees us, None if nothing answers."""
        with self.within():
            client = socket.socket(socket.AF_INET, kind)
        with client:
            client.settimeout(patience)
            try:
                client.connect((address, port))
                client.send(b"who")
                return client.recv(64).decode()
            except OSError:
                return None

    def cannot(self, address: str, port: int) -> bool:
        """Whether nothing answers at that place within a moment."""
        return self.ask(address, port, patience=0.3) is None

    def look_up(self, name: str, kind: int = 1, *, stream: bool = False, server: str = "127.0.0.11") -> tuple[int, Any]:
        """The code and the answers (bytes each) to a question about a name."""
        labels = b"".join(bytes((len(each),)) + each.encode() for each in name.split("."))
        query = struct.pack("!6H", 4242, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)
        with self.within():
            client = socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        with client:
            client.settimeout(5)
            client.connect((server, 53))
            client.send((struct.pack("!H", len(query)) if stream else b"") + query)
            answer = client.recv(4096)[2 if stream else 0 :]
        id_, flags, _, count, _, _ = struct.unpack_from("!6H", answer)
        assert id_ == 4242
        at, found = len(query), []
        for _ in range(count):
            length = struct.unpack_from("!H", answer, at + 10)[0]
            found.append(answer[at + 12 : at + 12 + length])
            at += 12 + length
        return flags & 0xF, found


def _tell(server: socket.socket) -> None:
    while True:
        try:
            if server.type == socket.SOCK_STREAM:
                stream, peer = server.accept()
                with stream:
                    stream.recv(16)
                    stream.send(peer[0].encode())
            else:
                _, peer = server.recvfrom(64)
                if peer is None:
                    return
                server.sendto(peer[0].encode(), peer)
        except OSError:
            return


class Place:
    """The host with its networks, another host it has a cable to, and containers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.networks = Networks(folder / "root", folder / "run")
        self.host = Namespace()
        self.outside = Namespace()
        self.containers: dict[str, Namespace] = {}
        with Channel(self.host.number) as host, Channel(self.outside.number) as outside:
            peer = links.Peer("eth0", "02:00:00:00:00:02", self.outside.number)
            links.add_veth(host, "cable", peer, 0, 0)
            links.set_up(outside, "eth0")
            _address(host, "cable", HOST)
            _address(outside, "eth0", OUTSIDE)

    def close(self) -> None:
        """End everything."""
        with self.host.within():
            self.networks.reconcile(())
        for namespace in (self.host, self.outside, *self.containers.values()):
            namespace.close()

    def container(
        self,
        name: str,
        network: str = "bridge",
        **how: Any,  # noqa: ANN401 - what attach takes
    ) -> tuple[Namespace, Endpoint]:
        """A container of that name (its id is the name many times), connected to a network."""
        namespace = self.containers.get(name) or Namespace()
        self.containers[name] = namespace
        with self.host.within():
            return namespace, self.networks.attach(network, self.id(name), namespace.path, name=name, **how)

    @staticmethod
    def id(name: str) -> str:
        """A container's id."""
        return name.encode().hex().ljust(64, "0")[:64]

    @contextmanager
    def inside(self) -> Iterator[Networks]:
        """The networks, as a command on the host has them."""
        with self.host.within():
            yield self.networks

    def filter_bridges(self, on: bool) -> None:
        """Whether frames between ports of a bridge pass the rules, which hosts differ in (br_netfilter)."""
        with self.host.within(), contextlib.suppress(FileNotFoundError):
            Path("/proc/sys/net/bridge/bridge-nf-call-iptables").write_text("1" if on else "0")

    def devices(self) -> list[str]:
        """The host's devices that have to do with containers."""
        lines = self.host.run("ip", "-o", "link").splitlines()
        names = [line.split(": ")[1].partition("@")[0] for line in lines]
        return sorted(name for name in names if name not in ("lo", "cable", "ifb0", "ifb1"))

    def rules(self) -> str:
        """The host's rules."""
        return self.host.run("nft", "list", "ruleset")


def route_to(namespace: Namespace, gateway: str) -> None:
    """Lead all traffic of a namespace to a gateway."""
    with Channel(namespace.number) as channel:
        link = links.find(channel, "eth0")
        assert link is not None
        routes.set_default(channel, IPv4Address(gateway), link.number)


def _address(channel: Channel, device: str, address: str) -> None:
    link = links.find(channel, device)
    assert link is not None
    addresses.add(channel, link.number, IPv4Interface(f"{address}/24"))
