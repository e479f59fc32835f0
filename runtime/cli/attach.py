"""`entrepot attach`: the streams of a container that runs, here."""

import click

from runtime.bundle.grammar import detach_keys
from runtime.cli.attached import Streams, attached
from runtime.cli.machine import machine
from runtime.engine import lifecycle, looking
from runtime.engine.errors import WrongState
from runtime.engine.stop import to_monitor


@click.command(help="Attach this terminal to a running container.")
@click.argument("container", metavar="CONTAINER")
@click.option("--no-stdin", is_flag=True, help="Do not attach standard input.")
@click.option("--sig-proxy/--no-sig-proxy", default=True, help="Pass signals on.")
@click.option("--detach-keys", "keys", metavar="KEYS", default="", help="The keys that detach.")
def command(container: str, no_stdin: bool, sig_proxy: bool, keys: str) -> int:
    """Attach to a container; its exit code."""
    here, read = machine(), detach_keys.read(keys)
    id = here.store.find(container)
    config, now = here.store.record(id).config, looking.looked_at(here, id)
    if now.status == lifecycle.PAUSED:
        raise WrongState("you cannot attach to a paused container, unpause it first")
    if now.status != lifecycle.RUNNING:
        raise WrongState("you cannot attach to a stopped container, start it first")
    stdin = config.open_stdin and not no_stdin
    with to_monitor(here, id) as connection:
        connection.attach(stdin=stdin, stdout=True, stderr=True)
        streams = Streams(tty=config.tty, stdin=stdin, proxied=sig_proxy and not config.tty, keys=read)
        return attached(connection, streams).code
