"""Handing a ruleset to the kernel through `nft`: all of it, or nothing."""

from typing import Any, Final

import msgspec

from runtime.network.errors import KernelRefused, NotPermitted
from runtime.syscall.netns import within

_COMMAND: Final = ("nft", "-j", "-f", "-")
_PATIENCE: Final = 30


def load(ruleset: dict[str, Any], namespace: int | None = None) -> None:
    """Load it here, or in the network namespace of an open file.

    Raises KernelRefused: nft is missing, or says no. NotPermitted: root is needed.
    """
    if namespace is None:
        _run(msgspec.json.encode(ruleset))
        return
    with within(namespace):
        _run(msgspec.json.encode(ruleset))


def _run(payload: bytes) -> None:
    import subprocess  # here, since most containers change no rules and need not wait for it

    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            _COMMAND, input=payload, capture_output=True, timeout=_PATIENCE, check=False
        )
    except FileNotFoundError:
        raise KernelRefused("networks need the program nft, install the package nftables") from None
    if done.returncode != 0:
        told = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
        if "not permitted" in told.lower():
            raise NotPermitted
        raise KernelRefused(f"nft: {told[:300]}")
