"""Whose certificates a registry is believed by: the system's, a CA file's, and docker's folder of certificates."""

from __future__ import annotations

import ssl
from pathlib import Path

from registry.client.errors import TlsFiles

CERTS = Path("/etc/docker/certs.d")
"""Docker's folder: HOST/*.crt are CAs, HOST/NAME.cert with HOST/NAME.key is what the client shows."""


def context(host: str, *, ca_file: str = "", insecure: bool = False, certs: Path = CERTS) -> ssl.SSLContext:
    """TLS towards the registry that users call `host` ("example.com:5000"). Raises TlsFiles.

    With `insecure` any certificate is believed, of any name.
    """
    made = ssl.create_default_context()
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if ca_file:
        _load(made, Path(ca_file))
    folder = certs / host
    # A name with a slash or dots alone was refused before, as no host; so the folder is one of docker's.
    for path in sorted(folder.glob("*.crt")):
        _load(made, path)
    for path in sorted(folder.glob("*.cert")):
        _show(made, path)
    return made


def _load(made: ssl.SSLContext, path: Path) -> None:
    try:
        made.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise TlsFiles(f"CA certificates cannot be read from {path}: {error}") from error


def _show(made: ssl.SSLContext, path: Path) -> None:
    key = path.with_suffix(".key")
    try:
        made.load_cert_chain(path, key)
    except (OSError, ssl.SSLError) as error:
        raise TlsFiles(f"client certificate {path} with key {key} cannot be used: {error}") from error
