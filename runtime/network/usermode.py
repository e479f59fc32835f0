"""A network for who may make none: a process of the user's own that speaks for one container, slirp4netns or pasta.

It opens sockets of its own for what the container sends, so it needs no rights, and is slower than a bridge. It stands
in the host's network, holds a device in the container's, and ends with the container.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from runtime.network.endpoint import Endpoint, Publish, Published
from runtime.network.errors import NetworkError

_ADDRESS, _GATEWAY, _NAMES, _PREFIX = "10.0.2.100", "10.0.2.2", "10.0.2.3", 24
_DEVICE: Final = "tap0"
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.01
_OURS: Final = (signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python ignores, which programs take for granted that they do not."""
_LARGEST: Final = 65536
_ANY: Final = "0.0.0.0"  # noqa: S104 - as docker publishes
_FILES: Final = ("usermode.json", "usermode.pid", "usermode.log", "usermode.sock", "usermode.mark")


def connect(netns: str, folder: str, container: str, name: str, ports: Sequence[Publish], mac: str = "") -> Endpoint:
    """Connect a network namespace to what this host reaches; what is needed later is kept in the folder.

    Raises NetworkError: neither program is there, or a port is taken.
    """
    published = [_free(each) for each in ports]
    if program := shutil.which("slirp4netns"):
        _slirp(program, netns, Path(folder), published, mac)
    elif program := shutil.which("pasta"):
        _pasta(program, netns, Path(folder), published, mac)
    else:
        raise NetworkError(
            "without root a network needs slirp4netns or pasta, install one of them or run with --network none or host"
        )
    made = Endpoint(
        id=os.urandom(32).hex(),
        container=container,
        name=name,
        network="bridge",
        network_id="",
        ip=_ADDRESS,
        prefix=_PREFIX,
        mac=mac,
        gateway=_GATEWAY,
        interface=_DEVICE,
        device="",
        netns=netns,
        ports=tuple(published),
        nameservers=(_NAMES,),
        default_route=True,
    )
    Path(folder, _FILES[0]).write_bytes(msgspec.json.encode(made))
    return made


def endpoint(folder: str) -> Endpoint | None:
    """What a container was connected to here; None if it was not."""
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
        return msgspec.json.decode(Path(folder, _FILES[0]).read_bytes(), type=Endpoint)
    return None


def disconnect(folder: str) -> None:
    """End the process of a container, which may have ended by itself; nothing happens if there was none."""
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        pid, began = map(int, Path(folder, _FILES[1]).read_text().split())
        if _began(pid) == began:
            os.kill(pid, signal.SIGTERM)
    for name in _FILES:
        Path(folder, name).unlink(missing_ok=True)


def _slirp(program: str, netns: str, folder: Path, ports: Sequence[Published], mac: str) -> None:
    ready, tell = os.pipe2(os.O_CLOEXEC)
    here = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # By a descriptor, because an address of a socket is short and a folder's path may be long.
        spoken = f"/proc/{os.getpid()}/fd/{here}/{_FILES[3]}"
        words = [program, "--configure", "--mtu=65520", "--disable-host-loopback", "--api-socket", spoken]
        words += [f"--macaddress={mac}"] if mac else []
        pid = _begin([*words, "--ready-fd=3", "--netns-type=path", netns, _DEVICE], folder, tell)
        os.close(tell)
        tell = -1
        if os.read(ready, 1) != b"1":
            raise NetworkError(f"slirp4netns did not start: {_said(folder)}")
        _write_pid(folder, pid)
        for each in ports:
            _forward(spoken, each)
    except BaseException:
        disconnect(str(folder))
        raise
    finally:
        for descriptor in (ready, tell, here):
            if descriptor >= 0:
                os.close(descriptor)


def _forward(spoken: str, port: Published) -> None:
    """Ask slirp4netns to publish a port (slirp4netns(1), "API SOCKET")."""
    wanted = {
        "proto": port.protocol,
        "host_addr": port.host_ip,
        "host_port": port.host_port,
        "guest_addr": _ADDRESS,
        "guest_port": port.port,
    }
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(_PATIENCE)
        asking.connect(spoken)
        asking.sendall(json.dumps({"execute": "add_hostfwd", "arguments": wanted}).encode())
        asking.shutdown(socket.SHUT_WR)
        told = asking.recv(_LARGEST)
    if "return" not in json.loads(told or b"{}"):
        raise NetworkError(f"port {port.host_port} of {port.host_ip} cannot be published: {told[:200].decode()}")


def _pasta(program: str, netns: str, folder: Path, ports: Sequence[Published], mac: str) -> None:
    words = [program, "--foreground", "--quiet", "--ipv4-only", "--config-net", "--ns-ifname", _DEVICE]
    words += ["--address", _ADDRESS, "--netmask", str(_PREFIX), "--gateway", _GATEWAY, "--dns-forward", _NAMES]
    words += ["--no-map-gw", "-T", "none", "-U", "none", *(["--ns-mac-addr", mac] if mac else [])]
    for protocol, flag in (("tcp", "-t"), ("udp", "-u")):
        mine = [f"{each.host_ip}/{each.host_port}:{each.port}" for each in ports if each.protocol == protocol]
        words += [word for each in mine or ["none"] for word in (flag, each)]
    mark = folder / _FILES[4]
    pid = _begin([*words, "--pid", str(mark), "--netns", netns], folder, -1)
    end = time.monotonic() + _PATIENCE
    while not mark.exists():
        if os.waitpid(pid, os.WNOHANG)[0] or time.monotonic() > end:
            raise NetworkError(f"pasta did not start: {_said(folder)}")
        time.sleep(_PAUSE)
    _write_pid(folder, pid)


def _begin(words: list[str], folder: Path, tell: int) -> int:
    """Start it in a session of its own, with its messages in a file and 3 for saying that it is ready."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    said = os.open(folder / _FILES[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    # Above all that they become, so that none is another's before it has been copied.
    sources = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in (null, said, said, tell) if each >= 0]
    try:
        actions = [(os.POSIX_SPAWN_DUP2, source, number) for number, source in enumerate(sources)]
        return os.posix_spawn(words[0], words, os.environ, file_actions=actions, setsid=True, setsigdef=_OURS)
    finally:
        for descriptor in (null, said, *sources):
            os.close(descriptor)


def _free(wanted: Publish) -> Published:
    """A port of this host that no process has: the one that is asked for, or any of those that are."""
    address, kind = wanted.host_ip or _ANY, socket.SOCK_DGRAM if wanted.protocol == "udp" else socket.SOCK_STREAM
    if wanted.protocol not in ("tcp", "udp"):
        raise NetworkError(f"ports of {wanted.protocol} cannot be published without root")
    trouble = ""
    for number in _numbers(wanted):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as tried:
            if kind == socket.SOCK_STREAM:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((address, number))
            except OSError as error:
                trouble = (error.strerror or "").lower()
                continue
            return Published(wanted.port, wanted.protocol, address, tried.getsockname()[1])
    raise NetworkError(f"failed to bind host port {address}:{wanted.host_port}/{wanted.protocol}: {trouble}")


def _numbers(wanted: Publish) -> Iterator[int]:
    yield from range(wanted.host_port, max(wanted.host_port, wanted.host_port_end) + 1)


def _write_pid(folder: Path, pid: int) -> None:
    (folder / _FILES[1]).write_text(f"{pid} {_began(pid)}")


def _began(pid: int) -> int:
    """When a process began, in the kernel's ticks; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def _said(folder: Path) -> str:
    words = (folder / _FILES[2]).read_text(errors="replace").split()
    return " ".join(words)[:300] or "it said nothing"
