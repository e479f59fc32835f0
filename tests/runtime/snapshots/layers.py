"""Layers made in code: entries with any header one likes, packed in any way."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from dataclasses import dataclass, field
from typing import BinaryIO

from runtime.snapshots.snapshots import Snapshots

_TYPES = {"file": b"0", "dir": b"5", "link": b"2", "hard": b"1", "char": b"3", "block": b"4", "fifo": b"6"}


@dataclass
class Item:
    """One entry; `kind` is a word above, or a type flag."""

    name: str
    kind: str | bytes = "file"
    data: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: float = 1_500_000_000
    link: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: dict[str, bytes] = field(default_factory=dict)
    pax: dict[str, str] = field(default_factory=dict)

    def info(self) -> tarfile.TarInfo:
        info = tarfile.TarInfo(self.name)
        info.type = _TYPES[self.kind] if isinstance(self.kind, str) else self.kind
        info.mode, info.uid, info.gid, info.mtime = self.mode, self.uid, self.gid, self.mtime
        info.linkname, info.size = self.link, len(self.data)
        info.devmajor, info.devminor = self.device
        xattrs = {
            f"SCHILY.xattr.{name}": value.decode("utf-8", "surrogateescape") for name, value in self.xattrs.items()
        }
        info.pax_headers = xattrs | self.pax
        return info


def folder(name: str, **rest: object) -> Item:
    return Item(name, "dir", **({"mode": 0o755} | rest))  # type: ignore[arg-type]


def tar(*items: Item, form: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of these entries, in this order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as archive:
        for item in items:
            archive.addfile(item.info(), io.BytesIO(item.data))
    return out.getvalue()


def diff_id(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def unpack(snapshots: Snapshots, *layers: bytes) -> str:
    """Unpack these archives one over the other; the chain id of the last."""
    chain = None
    for layer in layers:
        chain = snapshots.unpack(chain, diff_id(layer), packed(layer))
    assert chain is not None
    return chain


def packed(layer: bytes) -> BinaryIO:
    return io.BytesIO(gzip.compress(layer, 1))
