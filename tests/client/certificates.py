"""Certificates made by openssl, for this machine's address."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Pair(NamedTuple):
    """A certificate that signs itself, and its key, in PEM."""

    certificate: Path
    key: Path


def pair(folder: Path, name: str = "server") -> Pair:
    """One for 127.0.0.1 that lives a day."""
    made = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=entrepot-test"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run(words, check=True, capture_output=True)
    return made
