"""The client of one registry: each call of `Distribution` as its requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO
from urllib.parse import quote

from registry.client import local_registry, manifests, names, referrers, trust
from registry.client.authorizer import Authorizer
from registry.client.blob_reader import BlobReader
from registry.client.credentials import Credentials
from registry.client.distribution import Fetched, Folder, Place
from registry.client.errors import DigestMismatch, InvalidAnswer, NotFound
from registry.client.pages import LONGEST, pages, strings
from registry.client.requester import CATALOG, DELETE, PULL, PUSH, Requester, scope
from registry.client.response import Response
from registry.client.scheme_probe import candidates, choose
from registry.client.transport import RetryPolicy, Transport
from registry.client.upload import Upload
from registry.oci.descriptor import Descriptor
from storage.digest import Digest

PAGE = 1000
"""Names that a page of a list is asked to have."""


class Client:
    """See `distribution.Distribution`. `host` is as users write it: "example.com:5000", "docker.io".

    `plain_http`: None for docker's habit (`scheme_probe.py`). `ca_file`: a CA to trust beside the system's and
    those of `certs` (docker's /etc/docker/certs.d). `insecure`: any certificate. `timeout` (seconds) for each wait.
    Nothing is asked until the first call. Raises InvalidName.
    """

    def __init__(
        self,
        host: str,
        *,
        credentials: Credentials | None = None,
        plain_http: bool | None = None,
        ca_file: str = "",
        insecure: bool = False,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        certs: Path = trust.CERTS,
    ) -> None:
        self.host = host
        self._retry = retry or RetryPolicy()
        self._credentials = credentials
        self._candidates = candidates(host, plain_http, insecure=insecure)
        self._made: Requester | None = None
        self._lock = Lock()
        self._transport = Transport(
            lambda: trust.context(host, ca_file=ca_file, insecure=insecure, certs=certs),
            timeout=timeout,
            insecure=insecure,
            retry=self._retry,
        )

    @property
    def _requester(self) -> Requester:
        """Made with the first call, when the registry is there to say how it is reached."""
        with self._lock:
            if self._made is not None:
                return self._made
            chosen = choose(self._candidates, self._transport)
            # When neither answers, the likeliest is tried once more, for what it fails with.
            origin = chosen or self._candidates[0]
            authorizer = Authorizer(origin, self._transport, self._credentials)
            made = Requester(origin, self._transport, authorizer, self._retry)
            self._made = None if chosen is None else made
            return made

    def login(self) -> Credentials | None:
        requester = self._requester
        requester.send("GET", "v2/", frozenset(), self.host).close()
        return requester.authorizer.identity() or self._credentials

    def folder(self) -> Folder | None:
        return local_registry.folder(self._requester)

    def manifest(self, name: str, reference: str) -> Fetched:
        asked = names.digest_in(reference)
        what = self._named(name, reference)
        url, headers = f"v2/{name}/manifests/{reference}", {"Accept": manifests.ACCEPT}
        answer, payload = self._requester.get(url, scope(name, PULL), what, manifests.LONGEST, headers)
        return manifests.fetched(answer, payload, asked, what)

    def head_manifest(self, name: str, reference: str) -> Descriptor:
        asked = names.digest_in(reference)
        what = self._named(name, reference)
        url = f"v2/{name}/manifests/{reference}"
        headers = {"Accept": manifests.ACCEPT}
        with self._requester.send("HEAD", url, scope(name, PULL), what, headers=headers) as answer:
            described = manifests.described(answer, asked)
        if described is not None:
            return described
        found = self.manifest(name, reference)
        return Descriptor(found.media_type, found.digest, len(found.payload))

    def push_manifest(self, name: str, reference: str, payload: bytes, media_type: str) -> str:
        asked = names.digest_in(reference)
        what = self._named(name, reference)
        digest = str(Digest.of(payload, Digest.parse(asked).algorithm if asked else "sha256"))
        if asked and asked != digest:
            raise DigestMismatch(what, asked, digest)
        url, headers = f"v2/{name}/manifests/{reference}", {"Content-Type": media_type}
        with self._requester.send("PUT", url, scope(name, PUSH), what, headers=headers, body=payload) as answer:
            told = answer.header("Docker-Content-Digest")
        if told and told.startswith(digest.partition(":")[0]) and told != digest:
            raise DigestMismatch(what, digest, told)
        return digest

    def delete_manifest(self, name: str, digest: str) -> None:
        self._delete(f"v2/{name}/manifests/{names.digest(digest)}", name, self._named(name, digest))

    def delete_tag(self, name: str, tag: str) -> None:
        self._delete(f"v2/{name}/manifests/{names.tag(tag)}", name, self._named(name, tag))

    def blob(self, name: str, digest: str, *, size: int | None = None, offset: int = 0) -> BlobReader:
        what = self._named(name, digest)
        url = f"v2/{name}/blobs/{names.digest(digest)}"
        return BlobReader(
            lambda start: self._bytes(url, name, what, start), what, self._retry, size=size, offset=offset
        )

    def has_blob(self, name: str, digest: str) -> int | None:
        url = f"v2/{name}/blobs/{names.digest(digest)}"
        what = self._named(name, digest)
        try:
            with self._requester.send("HEAD", url, scope(name, PULL), what) as answer:
                size = answer.length
        except NotFound:
            return None
        if size is None:
            raise InvalidAnswer(f"{what}: the registry does not say how long it is")
        return size

    def mount(self, name: str, digest: str, source: str) -> bool:
        return self._upload(name, digest, 0, _nothing_to_read).mount(names.repository(source))

    def push_blob(
        self,
        name: str,
        digest: str,
        size: int,
        open_at: Callable[[int], BinaryIO],
        progress: Callable[[int], None] | None = None,
        *,
        source: str = "",
        chunk: int | None = None,
        place: Place | None = None,
    ) -> bool:
        upload = self._upload(name, digest, size, open_at, progress, chunk, place)
        return upload.run(names.repository(source) if source else "")

    def delete_blob(self, name: str, digest: str) -> None:
        self._delete(f"v2/{name}/blobs/{names.digest(digest)}", name, self._named(name, digest))

    def tags(self, name: str) -> Iterator[str]:
        for page in self._pages(f"v2/{names.repository(name)}/tags/list?n={PAGE}", scope(name, PULL), name):
            yield from strings(page, "tags")

    def catalog(self) -> Iterator[str]:
        for page in self._pages(f"v2/_catalog?n={PAGE}", CATALOG, "v2/_catalog"):
            yield from strings(page, "repositories")

    def referrers(self, name: str, digest: str, artifact_type: str = "") -> Iterator[Descriptor]:
        what = self._named(name, digest)
        query = f"?artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
        url = f"v2/{name}/referrers/{names.digest(digest)}{query}"
        try:
            for page in self._pages(url, scope(name, PULL), f"referrers of {name}@{digest}"):
                yield from referrers.of_type(page, artifact_type, what)
        except NotFound:
            yield from self._tagged_referrers(name, digest, artifact_type)

    def close(self) -> None:
        self._transport.close()

    def _tagged_referrers(self, name: str, digest: str, artifact_type: str) -> Iterator[Descriptor]:
        """Of a registry without the referrers API: an index under a tag made of the digest ("Referrers Tag Schema")."""
        try:
            found = self.manifest(name, referrers.tag(digest))
        except NotFound:
            return
        yield from referrers.of_type(referrers.index(found), artifact_type, self._named(name, digest))

    def _bytes(self, url: str, name: str, what: str, start: int) -> Response:
        headers = {"Range": f"bytes={start}-"} if start else {}
        return self._requester.send("GET", url, scope(name, PULL), what, headers=headers)

    def _pages(self, url: str, scopes: frozenset[str], what: str) -> Iterator[dict[str, object]]:
        return pages(lambda page: self._requester.get(page, scopes, f"{self.host}/{what}", LONGEST), url)

    def _delete(self, url: str, name: str, what: str) -> None:
        self._requester.send("DELETE", url, scope(name, DELETE), what, repeatable=False).close()

    def _upload(
        self,
        name: str,
        digest: str,
        size: int,
        open_at: Callable[[int], BinaryIO],
        progress: Callable[[int], None] | None = None,
        chunk: int | None = None,
        place: Place | None = None,
    ) -> Upload:
        if chunk is not None and chunk < 1:
            raise ValueError("a chunk has at least one byte")
        name, digest = names.repository(name), names.digest(digest)
        return Upload(self._requester, self._retry, name, digest, size, open_at, progress, chunk, place)

    def _named(self, name: str, reference: str) -> str:
        """How an error text names it. Raises InvalidName: it is no name at all."""
        joint = "@" if ":" in reference else ":"
        return f"{self.host}/{names.repository(name)}{joint}{reference}"


def _nothing_to_read(_offset: int) -> BinaryIO:
    return BytesIO()
