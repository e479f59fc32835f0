"""What images want of snapshots: unpacked layers by chain id (runtime/snapshots has them)."""

from collections.abc import Callable, Iterable
from typing import BinaryIO, Protocol


class Layers(Protocol):
    """Layers unpacked one on the other, each known by the chain id of the stack that ends with it."""

    def has(self, chain: str, /) -> bool:
        """Whether it is unpacked, whole."""

    def unpack(
        self, parent: str | None, diff_id: str, layer: BinaryIO, /, progress: Callable[[int], None] | None = None
    ) -> str:
        """Unpack a layer on a chain, compressed or not; its chain id. Verifies the diff id over the whole stream."""

    def usage(self, key: str, /) -> int:
        """The bytes it takes by itself."""

    def remove(self, key: str, /) -> None:
        """Remove it; one that others stand on is refused with an error."""

    def keys(self) -> Iterable[str]:
        """All chains, and the snapshots of containers."""
