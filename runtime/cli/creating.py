"""From what was asked for to a container: the image found or pulled, and the container made of it."""

import sys
from importlib import import_module

from msgspec.structs import replace

from runtime.bundle.container import Request
from runtime.bundle.errors import Conflict
from runtime.cli.local_images import local_images
from runtime.cli.run_request import Asked
from runtime.cli.settings import settings
from runtime.engine.create import create
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.images import names, platform
from runtime.images.errors import NoSuchImage
from runtime.images.image import Image
from runtime.images.images import Images


def made(here: Machine, asked: Asked) -> Record:
    """The container that was asked for, created; its id in the file that was named for it."""
    if asked.cidfile:
        _refuse_file(asked.cidfile)
    image = _image(asked)
    record, warnings = create(
        here,
        _with_settings(asked.request),
        image_id=image.id,
        chain=image.chains[-1] if image.chains else "",
        run=image.run,
        name=asked.name,
    )
    for warning in warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
    if asked.cidfile:
        with open(asked.cidfile, "x", encoding="ascii") as file:
            file.write(record.id)
    return record


def _with_settings(asked: Request) -> Request:
    """It stays with the runtime and the users it was made for, whatever the settings say later."""
    said, host = settings(), asked.host_config
    users = host.userns_mode or (said.userns_remap and f"remap:{said.userns_remap}".removesuffix(":default"))
    return replace(asked, host_config=replace(host, runtime=host.runtime or said.runtime, userns_mode=users))


def _refuse_file(path: str) -> None:
    try:
        with open(path, "rb"):
            raise Conflict(f"container ID file found, make sure the other container isn't running or delete {path}")
    except FileNotFoundError:
        return


def _image(asked: Asked) -> Image:
    images, name = local_images(), asked.request.config.image
    wanted = platform.parse(asked.platform) if asked.platform else None
    found = images.find(name) if asked.pull != "always" else None
    if found is not None:
        return found
    if asked.pull == "never":
        raise NoSuchImage(f"no such image: {name[:200]}")
    if asked.pull != "always" and not asked.quiet:
        print(f"Unable to find image '{name}' locally", file=sys.stderr)
    return _pulled(images, name, wanted, quiet=asked.quiet)


def _pulled(images: Images, name: str, wanted: platform.Platform | None, *, quiet: bool) -> Image:
    # A run of an image that is here must not pay for the client of registries.
    source = import_module("runtime.cli.registries").source()
    pull = import_module("runtime.images.pull").pull
    progress = import_module("runtime.cli.progress").progress
    parsed = names.tagged(name, images.default)
    # Standard output is the container's.
    told = progress(quiet, sys.stderr)
    pulled = pull(images, source, parsed, told, wanted)
    told.say(f"Digest: {pulled.digest}")
    shown = names.familiar(parsed, images.default)
    told.say(f"Status: {'Downloaded newer image' if pulled.newer else 'Image is up to date'} for {shown}")
    found: Image = pulled.image
    return found
