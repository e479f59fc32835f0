"""Bytes to send and to get, and how they are compared."""

from __future__ import annotations

import hashlib
import random

from tests.protocol.client import Response

FILE = random.Random(7).randbytes(12 << 20)


def data(size: int) -> bytes:
    return (FILE * (size // len(FILE) + 1))[:size]


def arrived(response: Response, sent: bytes) -> str:
    """Checks that the application had exactly what was sent; by which way it came."""
    assert response.status == 200, response
    report = response.json()
    assert report["size"] == len(sent)
    assert report["sha256"] == hashlib.sha256(sent).hexdigest()
    how: str = report["how"]
    return how
