"""Ports for what tests start."""

import random
import socket
from contextlib import suppress


def free_port() -> int:
    """A port that nobody listens on, below the range the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
