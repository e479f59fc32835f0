"""`entrepot inspect`: all that is known of containers, images, networks and volumes by their names."""

from collections.abc import Callable, Mapping
from typing import Final

import click

from runtime.cli.container.inspect import document
from runtime.cli.listing import write_documents
from runtime.cli.local_images import local_images
from runtime.cli.machine import machine
from runtime.engine.errors import NoSuchContainer
from runtime.engine.machine import Machine
from runtime.images.describe import inspect as describe_image
from runtime.images.errors import InvalidName, NoSuchImage
from runtime.network.errors import NetworkNotFound
from runtime.network.settings import network_settings
from runtime.volumes.errors import VolumeNotFound
from runtime.volumes.volume import settings

Look = Callable[[Machine, str], Mapping[str, object]]


def _container(here: Machine, name: str) -> Mapping[str, object]:
    return document(here, name, size=False)


def _image(_: Machine, name: str) -> Mapping[str, object]:
    images = local_images()
    return describe_image(images, images.get(name))


def _network(here: Machine, name: str) -> Mapping[str, object]:
    network = here.networks.inspect(name)
    return network_settings(network, here.networks.endpoints(network))


def _volume(here: Machine, name: str) -> Mapping[str, object]:
    return settings(here.volumes.inspect(name), str(here.volumes.path(name)))


_KINDS: Final[dict[str, Look]] = {"container": _container, "image": _image, "network": _network, "volume": _volume}
_NOT_THERE: Final = (NoSuchContainer, NoSuchImage, InvalidName, NetworkNotFound, VolumeNotFound)


@click.command(help="Show details of containers, images, networks and volumes.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("-f", "--format", "form", metavar="TEMPLATE", help="json, or a template.")
@click.option("--type", "kind", type=click.Choice(list(_KINDS)), help="Look for this type only.")
@click.option("-s", "--size", is_flag=True, help="Accepted for compatibility; container inspect shows sizes.")
def command(names: tuple[str, ...], form: str | None, kind: str | None, size: bool) -> int:
    """Inspect by name."""
    here, found, failed = machine(), [], 0
    looks = [_KINDS[kind]] if kind else list(_KINDS.values())
    for name in names:
        for look in looks:
            try:
                found.append(look(here, name))
                break
            except _NOT_THERE:
                continue
        else:
            click.echo(f"entrepot: no such {kind or 'object'}: {name[:200]}", err=True)
            failed = 1
    if found or not form:
        write_documents(found, form)
    return failed
