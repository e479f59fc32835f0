"""The data that the reading rows read: pushed through the API, the same bytes into every server."""

import hashlib
import http.client
import json
import random
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
TAGS_PAGE = 1000
CATALOG_PAGE = 100

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of everything is pushed."""

    repositories: int = 20
    tags: int = 10
    big: int = 4
    big_size: int = 64 << 20
    many_tags: int = 10_000
    many_repositories: int = 2_000


QUICK = Amounts(repositories=4, tags=5, big=2, many_tags=2_000, many_repositories=300)


class Unsuited(Exception):
    """The server does not take some data or does not give it back as the API says."""


class Client:
    """A small HTTP client that keeps one connection for each thread."""

    def __init__(self, address: str) -> None:
        """Talk to this host and port."""
        self.address = address
        self._local = threading.local()

    def call(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/octet-stream"
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request; returns status, headers and body."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self.address, timeout=120)
        connection: http.client.HTTPConnection = self._local.connection
        connection.request(method, path, body, {"Content-Type": kind, "Accept": f"{MANIFEST}, {INDEX}"})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def must(self, want: int, method: str, path: str, body: bytes | None = None, kind: str = LAYER) -> str:
        """One request that must answer this status; returns the path of its Location."""
        status, headers, text = self.call(method, path, body, kind)
        if status != want:
            raise Unsuited(f"{method} {path}: status {status}, not {want}: {text[:300]!r}")
        place = urlsplit(headers.get("Location", ""))
        return place.path + (f"?{place.query}" if place.query else "")


def digest_of(data: bytes) -> str:
    """The SHA-256 digest, as registries write it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def push_blob(client: Client, repository: str, data: bytes) -> str:
    """Push one blob by POST and PUT."""
    digest = digest_of(data)
    location = client.must(202, "POST", f"/v2/{repository}/blobs/uploads/")
    joint = "&" if "?" in location else "?"
    client.must(201, "PUT", f"{location}{joint}digest={digest}", data)
    return digest


def push_image(client: Client, repository: str, tag: str) -> list[tuple[str, int]]:
    """Push a small image; returns path and size of: manifest by tag, config, layer, manifest by digest."""
    layer = random.Random(f"{repository}:{tag}").randbytes(4096)
    config = json.dumps({"architecture": "amd64", "os": "linux", "of": f"{repository}:{tag}"}).encode()
    for blob in (config, layer):
        push_blob(client, repository, blob)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
            "layers": [{"mediaType": LAYER, "digest": digest_of(layer), "size": len(layer)}],
        }
    ).encode()
    client.must(201, "PUT", f"/v2/{repository}/manifests/{tag}", manifest, MANIFEST)
    return [
        (f"/v2/{repository}/manifests/{tag}", len(manifest)),
        (f"/v2/{repository}/blobs/{digest_of(config)}", len(config)),
        (f"/v2/{repository}/blobs/{digest_of(layer)}", len(layer)),
        (f"/v2/{repository}/manifests/{digest_of(manifest)}", len(manifest)),
    ]


def seed(address: str, wanted: set[str], amounts: Amounts, folder: Path) -> dict[str, str]:
    """Push the wanted data and write one file of paths for each into the folder; returns why some could not be."""
    client = Client(address)
    folder.mkdir(exist_ok=True)
    if wanted & {"manifest-tag", "manifest-digest", "blob", "image"}:
        _images(client, amounts, folder)
    refused = {}
    for name, make in (("big", _big), ("tags", _tags), ("catalog", _catalog)):
        if name in wanted:
            try:
                _write(folder / name, make(client, amounts))
            except Unsuited as reason:
                refused[name] = str(reason)
    return refused


def _images(client: Client, amounts: Amounts, folder: Path) -> None:
    names = [(f"bench/image-{r}", f"v{t}") for r in range(amounts.repositories) for t in range(amounts.tags)]
    images = _each(lambda name: push_image(client, *name), names)
    _write(folder / "manifest-tag", ([image[0]] for image in images))
    _write(folder / "manifest-digest", ([image[3]] for image in images))
    _write(folder / "blob", ([image[2]] for image in images))
    _write(folder / "image", (image[:3] for image in images))


def _big(client: Client, amounts: Amounts) -> list[list[tuple[str, int]]]:
    lines = []
    for number in range(amounts.big):
        digest = push_blob(client, "bench/big", random.Random(number).randbytes(amounts.big_size))
        lines.append([(f"/v2/bench/big/blobs/{digest}", amounts.big_size)])
    return lines


def _tags(client: Client, amounts: Amounts) -> list[list[tuple[str, int]]]:
    push_image(client, "bench/tags", "first")
    status, _, manifest = client.call("GET", "/v2/bench/tags/manifests/first")
    assert status == 200, status
    names = [f"tag-{number:05}" for number in range(amounts.many_tags)]
    _each(lambda tag: client.must(201, "PUT", f"/v2/bench/tags/manifests/{tag}", manifest, MANIFEST), names)
    after = ["first", *names[TAGS_PAGE - 1 : -TAGS_PAGE : TAGS_PAGE]]  # "first" sorts before "tag-"
    pages = [f"/v2/bench/tags/tags/list?n={TAGS_PAGE}&last={name}" for name in after]
    return [_page(client, page, "tags", TAGS_PAGE) for page in pages]


def _catalog(client: Client, amounts: Amounts) -> list[list[tuple[str, int]]]:
    names = [f"catalog/{number:04}" for number in range(amounts.many_repositories)]
    _each(lambda name: push_blob(client, name, b"a blob of every repository"), names)
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    _each(lambda name: client.must(201, "PUT", f"/v2/{name}/manifests/v1", index, INDEX), names)
    after = random.Random(1).sample(names[:-CATALOG_PAGE], min(50, len(names) // 2))
    pages = [f"/v2/_catalog?n={CATALOG_PAGE}&last={name}" for name in after]
    return [_page(client, page, "repositories", CATALOG_PAGE) for page in pages]


def _page(client: Client, path: str, key: str, count: int) -> list[tuple[str, int]]:
    """The page as a line of paths, once it is known to hold what it should."""
    status, _, text = client.call("GET", path)
    names = json.loads(text)[key]
    if status != 200 or len(names) != count or names != sorted(names):
        raise Unsuited(f"GET {path}: status {status}, {len(names)} names, not {count} in order")
    return [(path, len(text))]


def _each(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(work, items))


def _write(path: Path, lines: Iterable[list[tuple[str, int]]]) -> None:
    path.write_text("".join("\t".join(f"{where}\t{size}" for where, size in line) + "\n" for line in lines))
