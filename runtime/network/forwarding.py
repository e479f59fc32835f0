"""Forwarding of packets by this host: switched on while there are bridges, and put back when the last one goes."""

from pathlib import Path
from typing import Final

from runtime.network.errors import KernelRefused

_FORWARD: Final = Path("/proc/sys/net/ipv4/ip_forward")
_CONF4: Final = Path("/proc/sys/net/ipv4/conf")
_CONF6: Final = Path("/proc/sys/net/ipv6/conf")
_PORTS: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def switch_on(remembered: Path) -> None:
    """Forward packets; what was there before is written down, once."""
    before = _FORWARD.read_text().strip()
    if before == "1":
        return
    if not remembered.exists():
        remembered.write_text(before)
    _set(_FORWARD, "1")


def put_back(remembered: Path) -> None:
    """Restore what was there before, if it was us who changed it."""
    try:
        before = remembered.read_text()
    except FileNotFoundError:
        return
    _set(_FORWARD, before)
    remembered.unlink()


def route_localhost(device: str) -> None:
    """Let a bridge carry what localhost sends to published ports; the rules drop 127.0.0.0/8 coming from it."""
    _set(_CONF4 / device / "route_localnet", "1")


def refuse_version_6(device: str) -> None:
    """No version 6 on a device: there are no rules for it, and on a bridge the host would believe a container's
    router advertisements.
    """
    if (_CONF6 / device).exists():
        _set(_CONF6 / device / "disable_ipv6", "1")


def ephemeral_ports() -> range:
    """The ports the kernel gives to a socket that does not choose."""
    low, high = _PORTS.read_text().split()
    return range(int(low), int(high) + 1)


def _set(path: Path, value: str) -> None:
    try:
        path.write_text(value)
    except OSError as error:
        raise KernelRefused(f"cannot set {path} to {value}: {(error.strerror or str(error)).lower()}") from error
