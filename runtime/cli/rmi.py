"""`entrepot rmi`: names taken from images, and images with their last name."""

import sys
from typing import Any

from runtime.cli.local_images import local_images
from runtime.cli.options import SWITCH
from runtime.cli.users import users
from runtime.cli.verb import Verb
from runtime.images.errors import ImagesError, NoSuchImage
from runtime.images.remove import remove


def _rmi(values: dict[str, Any], images: list[str]) -> int:
    found, failed, force = local_images(), 0, values["force"]
    for name in images:
        try:
            removed = remove(found, name, users(), force=force)
        except ImagesError as error:
            if force and isinstance(error, NoSuchImage):
                continue
            print(f"entrepot: {error}", file=sys.stderr, flush=True)
            failed = 1
            continue
        for one in removed.untagged:
            print(f"Untagged: {one}")
        for one in removed.deleted:
            print(f"Deleted: {one}")
    return failed


command = Verb(
    "Remove images.",
    _rmi,
    words=["IMAGE..."],
    options=((("-f", "--force"), SWITCH, "", "Remove images with several names or stopped containers, too."),),
)
