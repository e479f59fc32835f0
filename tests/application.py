"""The real application in this process: built from a configuration over a migrated database, called over ASGI."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from starlette.types import Message, Receive, Scope, Send

from registry.app import App, build
from registry.auth.identity import Identities
from registry.config.load import load
from registry.transport.application import Disconnected
from storage.driver import Driver
from tests.databases import database_of

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def described(data: bytes, media_type: str, **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)} | more


def image(config: bytes, layers: Sequence[bytes], **more: object) -> bytes:
    """An OCI image manifest."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(config, OCI_CONFIG),
        "layers": [described(layer, OCI_LAYER) for layer in layers],
    }
    return json.dumps(document | more).encode()


def index(manifests: Sequence[Mapping[str, object]] | None, **more: object) -> bytes:
    """An OCI index."""
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests} | more).encode()


class AsgiExchange:
    """transport.application.Exchange over the messages of ASGI."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        return await self._receive()

    async def send(self, message: Message) -> None:
        await self._send(message)

    async def take(self, sink: Callable[[bytes], object]) -> int:
        total, more = 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            if part := message.get("body", b""):
                await asyncio.get_running_loop().run_in_executor(None, sink, part)
                total += len(part)
            more = message.get("more_body", False)
        return total

    async def send_file(self, fd: int, offset: int, count: int) -> None:
        while count:
            part = os.pread(fd, min(count, 1 << 20), offset)
            await self.send({"type": "http.response.body", "body": part, "more_body": True})
            offset, count = offset + len(part), count - len(part)


class Registry:
    """One App as a worker runs it, and a client whose requests reach it without a socket."""

    def __init__(
        self,
        root: Path,
        settings: Mapping[str, str] | None = None,
        *,
        driver: Driver | None = None,
        client: str = "127.0.0.1",
        identities: Identities | None = None,
    ) -> None:
        root.mkdir(exist_ok=True)
        given = {
            "database.url": database_of(root),
            "server.root": str(root),
            "server.workers": "1",
            "log.access": "false",
            "access.anonymous": "full",
        }
        given |= dict(settings or {})
        self.root = root
        self.config = load(None, {}, given).config
        self.app: App = build(self.config, driver=driver, identities=identities)
        transport = httpx2.ASGITransport(self._asgi, client=(client, 4000))
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://registry.test")

    async def _asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app.serve(AsgiExchange(scope, receive, send))

    async def __aenter__(self) -> Registry:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.http.aclose()
        await self.app.stop()

    async def job(self, kind: str) -> object:
        """Run one of the worker's recurring jobs now."""
        (work,) = (work for work in self.app._jobs._work if work.kind == kind)
        return await work.run()

    @property
    def tree(self) -> Path:
        """The stored files of a registry on the filesystem."""
        return self.root / "storage" / "docker" / "registry" / "v2"

    def blob_file(self, digest: str) -> Path:
        algorithm, _, encoded = digest.partition(":")
        return self.tree / "blobs" / algorithm / encoded[:2] / encoded / "data"

    async def request(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        return await self.http.request(method, target, content=body, headers=dict(headers or {}))

    async def get(self, target: str, **headers: str) -> httpx2.Response:
        return await self.request("GET", target, headers={name.replace("_", "-"): v for name, v in headers.items()})

    async def push(self, repository: str, data: bytes, algorithm: str = "sha256") -> str:
        """Push a blob in one request; its digest."""
        digest = digest_of(data, algorithm)
        answer = await self.request("POST", f"/v2/{repository}/blobs/uploads/?digest={quote(digest)}", data)
        assert answer.status_code == 201, answer.text
        return digest

    async def start(self, repository: str) -> str:
        """Open an upload session; its location."""
        answer = await self.request("POST", f"/v2/{repository}/blobs/uploads/")
        assert answer.status_code == 202, answer.text
        return answer.headers["location"]

    async def close(
        self, location: str, digest: str, body: bytes = b"", *, start: int | None = None
    ) -> httpx2.Response:
        """Close the session; `start` is where the body goes, unless the Location says it."""
        headers = {} if start is None else {"content-range": f"{start}-{start + len(body) - 1}"}
        return await self.request("PUT", f"{location}?digest={quote(digest)}", body, headers)

    async def put(self, repository: str, reference: str, payload: bytes, **headers: str) -> httpx2.Response:
        """Put a manifest under the media type it says it has."""
        given = {"content-type": json.loads(payload)["mediaType"]}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.request("PUT", f"/v2/{repository}/manifests/{reference}", payload, given)

    async def push_image(self, repository: str, tag: str, seed: str = "", **more: object) -> bytes:
        """Push a small image of two layers; its manifest."""
        config, layers = f'{{"seed": "{seed}"}}'.encode(), [f"layer {seed}".encode(), b"a layer of all"]
        for data in (config, *layers):
            await self.push(repository, data)
        payload = image(config, layers, **more)
        answer = await self.put(repository, tag, payload)
        assert answer.status_code == 201, answer.text
        return payload

    async def names(self, target: str) -> list[str]:
        """The names in a list of tags or repositories."""
        answer = await self.get(target)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        return list(document["tags"] if "tags" in document else document["repositories"])


def error_code(answer: httpx2.Response) -> str:
    """The code of the one error in a body of the spec's form."""
    document: Any = answer.json()
    (error,) = document["errors"]
    assert error["message"], document
    return str(error["code"])
