"""Reads the certificate and its key before anything is started, and says in one line what is wrong with them."""

import ssl

import click

from registry.config import Config


def checked_certificate(config: Config) -> None:
    """Raises ClickException that names the setting and the file."""
    tls = config.tls
    if not tls.certificate:
        return
    for key, path in (("tls.certificate", tls.certificate), ("tls.key", tls.key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise click.ClickException(f"{key} {path} cannot be read: {reason}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password of its own, OpenSSL would ask the terminal for one.
        context.load_cert_chain(tls.certificate, tls.key, password=_refuse)
    except _Encrypted:
        raise click.ClickException(f"tls.key {tls.key} needs a password; decrypt it with openssl pkey") from None
    except OSError as error:
        reason = (
            "they do not belong together"
            if "MISMATCH" in str(error)
            else "they must be PEM files, of a certificate and of its key"
        )
        raise click.ClickException(
            f"tls.certificate {tls.certificate} with tls.key {tls.key} cannot be used: {reason}"
        ) from None


class _Encrypted(Exception):
    """The key has a password."""


def _refuse() -> str:
    raise _Encrypted
