"""Every path of images.

<root>/
  content/                           bytes by digest, laid out as a registry's storage folder (storage/paths.py)
    partial/<algorithm>-<hex>/data   a blob that is coming in; a folder for each, as emptied folders are removed
    partial/<random>/data            one whose digest is not known yet
    quarantine/...                   (storage's own)
  images/
    index.json                       names, and the image each means
    origins.json                     blobs, and the repositories that are known to have them
    lock                             held by the process that changes either
    busy/<000-fff>                   held by the process that fetches a blob whose digits begin so
    leases/<id>                      what a pull or a load is about to use; held while it lives
  snapshots/                         unpacked layers (runtime/snapshots)
"""

import os
from pathlib import Path
from typing import Final

from storage.digest import Digest

PARTIAL: Final = "partial"


def content(root: Path) -> Path:
    return root / "content"


def snapshots(root: Path) -> Path:
    return root / "snapshots"


def index(root: Path) -> Path:
    return root / "images" / "index.json"


def origins(root: Path) -> Path:
    return root / "images" / "origins.json"


def lock(root: Path) -> Path:
    return root / "images" / "lock"


def busy(root: Path, digest: Digest) -> Path:
    return root / "images" / "busy" / digest.hex[:3]


def leases(root: Path) -> Path:
    return root / "images" / "leases"


def partial(digest: Digest) -> str:
    """A stored path of the content's driver."""
    return f"{PARTIAL}/{digest.algorithm}-{digest.hex}/data"


def new_partial() -> str:
    """The same, for bytes whose digest is not known yet."""
    return f"{PARTIAL}/{os.urandom(16).hex()}/data"
