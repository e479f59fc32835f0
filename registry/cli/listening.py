"""Takes the address before anything is started, and says how to push to it."""

import errno
import os
import socket

import click
from msgspec.structs import replace

from registry.cli.release import release
from registry.config import Config

_REASONS = {
    errno.EADDRINUSE: "is in use; stop what listens there or choose another port with --listen HOST:PORT",
    errno.EADDRNOTAVAIL: "is not an address of this machine; choose one with --listen HOST:PORT",
    errno.EACCES: "needs more rights; choose a port from 1024 up with --listen HOST:PORT",
}
_MAY = {"pull": "pull", "push": "pull and push", "full": "pull, push and delete"}


def listening(config: Config) -> tuple[Config, socket.socket]:
    """Listen at the address asked for; the socket, and `config` with the port that it really got (asked for 0, any)."""
    server = config.server
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(server.backlog)
        listener.setblocking(False)
        port = listener.getsockname()[1]
    except socket.gaierror:
        raise click.ClickException(
            f"{server.listen}: no such host; choose an address with --listen HOST:PORT"
        ) from None
    except OSError as error:
        code = error.errno or 0
        raise click.ClickException(f"{server.listen} {_REASONS.get(code, os.strerror(code).lower())}") from None
    return replace(config, server=replace(server, listen=f"{_host(server.host)}:{port}")), listener


def greeting(config: Config) -> str:
    """Return what a newcomer needs to know: where it listens, where the data is, how to push."""
    server = config.server
    scheme = "https" if config.tls.certificate else "http"
    image = f"{reachable(config)}/IMAGE"
    return "\n".join(
        (
            f"entrepot {release()} listens on {scheme}://{server.listen}",
            f"  data:   {server.root}",
            f"  access: every client that reaches it may {_MAY[config.access.anonymous]}",
            f"  push:   docker tag IMAGE {image} && docker push {image}",
        )
    )


def reachable(config: Config) -> str:
    """Return HOST:PORT as a client on this machine would write it, or the host of the public URL."""
    if config.server.public_url:
        return config.server.public_url.partition("://")[2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.server.host, config.server.host)  # noqa: S104 - compared
    return f"{_host(host)}:{config.server.port}"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
