"""Where images are pulled from: the registry of a name or its mirrors, and the URLs of layers that live elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from registry.client.distribution import Distribution, Fetched
from registry.client.errors import ClientError, NotFound, RegistryError, Unreachable
from registry.oci.descriptor import Descriptor
from runtime.images import foreign
from runtime.images.local_registry import LocalRegistry
from runtime.images.names import Name

Connect = Callable[[str], Distribution]
"""A client of the registry at a host."""


class Source:
    """The registries that names lead to.

    By registry, `mirrors` are hosts that are asked first, in their order, and `folders` its data on this machine; with
    `ask`, a registry of this machine whose folder is not among them is asked where it is.
    """

    def __init__(
        self,
        connect: Connect,
        mirrors: Mapping[str, Sequence[str]] | None = None,
        folders: Mapping[str, str] | None = None,
        *,
        ask: bool = True,
    ) -> None:
        self._connect = connect
        self._mirrors = dict(mirrors or {})
        self._folders = dict(folders or {})
        self._ask = ask
        self._clients: dict[str, Distribution] = {}
        self._answered: dict[str, str] = {}
        """By registry, the host that had the last manifest: its blobs are asked for there first."""

    def client(self, host: str) -> Distribution:
        """The one client of a host."""
        if host not in self._clients:
            self._clients[host] = self._connect(host)
        return self._clients[host]

    def registry(self, name: Name) -> Distribution:
        """The registry itself, never a mirror."""
        return self.client(name.registry)

    def local_registry(self, name: Name) -> LocalRegistry | None:
        """The registry's folder, if it is one of this machine. Raises ImagesError when it is none."""
        client = self.client(self._answered.get(name.registry, name.registry))

        def sees(blob: Descriptor) -> bool:
            try:
                return client.has_blob(name.repository, blob.digest) == blob.size
            except ClientError:
                return False  # the request for the bytes, which is next, says so

        folder = self._folders.get(name.registry)
        if folder:
            return LocalRegistry.at(Path(folder), sees)
        return LocalRegistry.told(client.folder(), sees) if self._ask else None

    def manifest(self, name: Name, reference: str) -> Fetched:
        """A manifest or an index, of the first mirror that has it, or of the registry."""
        for host in self._mirrors.get(name.registry, ()):
            try:
                fetched = self.client(host).manifest(name.repository, reference)
            except (RegistryError, Unreachable):
                continue
            self._answered[name.registry] = host
            return fetched
        self._answered[name.registry] = name.registry
        return self.registry(name).manifest(name.repository, reference)

    def blob(self, name: Name, blob: Descriptor, offset: int) -> BinaryIO:
        """The bytes of a blob from an offset on; where the registry has none, of the URLs its descriptor names."""
        host = self._answered.get(name.registry, name.registry)
        try:
            return self._of(host, name, blob, offset)
        except NotFound:
            if host != name.registry:
                return self._of(name.registry, name, blob, offset)
            if blob.urls:
                return foreign.blob(blob, offset)
            raise

    def _of(self, host: str, name: Name, blob: Descriptor, offset: int) -> BinaryIO:
        reader = self.client(host).blob(name.repository, blob.digest, size=blob.size, offset=offset)
        return cast(BinaryIO, reader)
