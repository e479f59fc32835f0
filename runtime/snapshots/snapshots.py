"""What a driver of snapshots is. A Protocol and its prose; the drivers are in `drivers/`, known by name.

A *committed* snapshot is an image's layer over those below it. It never changes and is called by its chain id, which
says what all the layers are (OCI image spec, config.md, "Layer ChainID"). An *active* snapshot is what a container
writes over a committed one; it is called by a key of the caller's, such as the container's id.

    chain = snapshots.unpack(None, diff_id, layer)    a layer, once and for all who use it
    chain = snapshots.unpack(chain, diff_id, layer)   the next one over it
    snapshots.prepare(key, chain)                     something to write to
    snapshots.mount(key, target)                      the container's root
    snapshots.changes(key); snapshots.write_diff(key, out)
    snapshots.unmount(target); snapshots.remove(key); snapshots.remove(chain)

All of it may be called from several threads and from several processes over the same folder. What a killed process
left behind is never believed to be good, and swept by the next that opens the folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Literal, NamedTuple, Protocol, TypeAlias

from runtime.snapshots.owners import Owners

Progress: TypeAlias = Callable[[int], None]
"""Told how many bytes of a layer, as it came, were read since it was last called."""

Kind: TypeAlias = Literal["A", "C", "D"]


class Mount(NamedTuple):
    """Arguments of mount(8): `mount -t type -o options source target`, in the form of the OCI runtime spec."""

    type: str
    source: str
    options: tuple[str, ...]


class Change(NamedTuple):
    """As `docker diff` tells it: A added, C changed, D deleted; the path is absolute, as os.fsdecode gives it."""

    kind: Kind
    path: str


class Snapshots(Protocol):
    """Raises nothing but SnapshotError (errors.py) for what it knows, and OSError for trouble with the disk."""

    @property
    def name(self) -> str:
        """As `drivers.load` knows it."""

    def has(self, chain: str) -> bool:
        """Whether a committed snapshot is there, whole and durable."""

    def unpack(self, parent: str | None, diff_id: str, layer: BinaryIO, progress: Progress | None = None) -> str:
        """Make the snapshot of a layer over its parent, durably; its chain id.

        `layer` is read once, from where it is to its end: a tar, plain or compressed with gzip or zstd, which is found
        out by looking. It is not read when the snapshot is there. When others are making the same one, they are waited
        for. Raises NotFound (the parent), DiffMismatch (it is not the layer that `diff_id` names), InvalidLayer, and
        what reading `layer` raises; nothing of it is left then.
        """

    def prepare(self, key: str, parent: str | None) -> None:
        """Make an active snapshot over a committed one, or over nothing. Raises Exists, NotFound, InvalidKey."""

    def mounts(self, key: str) -> list[Mount]:
        """How to mount an active snapshot by other means than `mount`. Raises NotFound."""

    def mount(self, key: str, target: str, owners: Owners | None = None) -> None:
        """Mount an active snapshot on a folder, in the caller's mount namespace. Raises NotFound.

        With `owners`, what belongs to user 0 in the layers belongs to that of their user namespace, and so on; on the
        disk and in layers that are made of it ids stay as they are inside. Where mounts cannot map ids, the snapshot's
        files are given away on the disk, once, which copies them.
        """

    def unmount(self, target: str) -> None:
        """Take away what `mount` put there. Nothing happens when nothing is mounted there."""

    def changes(self, key: str) -> list[Change]:
        """What an active snapshot has other than its parent, ordered by path. Raises NotFound."""

    def write_diff(self, key: str, out: BinaryIO) -> None:
        """Write the changes as a layer: an uncompressed tar, its bytes the same for the same changes. Raises NotFound.

        No process should be writing to the snapshot meanwhile.
        """

    def remove(self, name: str) -> None:
        """Remove an active snapshot by key or a committed one by chain id. Raises NotFound.

        Raises InUse while it is mounted or others are over it.
        """

    def usage(self, name: str) -> int:
        """Bytes that the files of a snapshot take on the disk, those below it not counted. Raises NotFound."""

    def keys(self) -> list[str]:
        """Of all active snapshots, sorted."""

    def chains(self) -> list[str]:
        """The chain ids of all committed snapshots, sorted."""

    def parent(self, name: str) -> str | None:
        """The chain id of the committed snapshot that this one is over. Raises NotFound."""
