"""A registry with images in it, and hosts that pull from it."""

import io
import itertools
import json
import random
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.layout import AMD64, ARM64, Layer, Layout
from tests.e2e.processes import run
from tests.e2e.tools import system_tool
from tests.protocol.server import Server, running
from tests.runtime.images.hosts import Host

LARGE = 12_000_000


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry, and the layout with the images that were pushed to it."""

    server: Server
    layout: Layout
    layers: list[Layer]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def requests(self, method: str, part: str) -> list[dict[str, object]]:
        """What the access log has of requests whose target has this part; it is written ten times a second."""
        time.sleep(0.3)
        lines = [json.loads(line) for line in self.server.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("method") == method and part in line.get("target", "")]


def write_tar(path: Path, files: dict[str, bytes | None]) -> Path:
    """A tar with files and, where there are no bytes, folders."""
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode, entry.mtime = 0o755, 1_700_000_000
            entry.type, entry.size = (tarfile.DIRTYPE, 0) if data is None else (tarfile.REGTYPE, len(data))
            tar.addfile(entry, io.BytesIO(data or b""))
    return path


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """With team/app:1 (a layer is large, one of zstd, one twice), team/plain:1 (gzip), team/multi:1 (two platforms)."""
    folder = tmp_path_factory.mktemp("registry")
    layout = Layout.create(folder / "layout")
    busybox = {"bin": None, "bin/busybox": system_tool("busybox").read_bytes(), "etc": None, "etc/name": b"app\n"}
    base = layout.add_layer(write_tar(folder / "base.tar", busybox))
    large = layout.add_layer(write_tar(folder / "large.tar", {"large": random.Random(1).randbytes(LARGE)}))
    packed = layout.add_layer(write_tar(folder / "packed.tar", {"etc/packed": b"with zstd\n"}), "zstd")
    hidden = layout.add_layer(write_tar(folder / "hidden.tar", {"etc/.wh.name": b"", "etc/new": b"new\n"}))
    layers = [base, large, packed, hidden, packed]
    app = layout.add_image(layers, command=("/bin/busybox", "true"))
    other = layout.add_image([base, hidden], platform=ARM64)
    layout.tag("app", app)
    layout.tag("plain", layout.add_image([base, large, hidden], command=("/bin/busybox", "true")))
    layout.tag("multi", layout.add_index([(other, ARM64), (app, AMD64)]))
    # Bytes are to travel here; a folder that is found is for test_links.py.
    with running(folder, {"ENTREPOT_STORAGE_LINKS": "false"}) as server:
        made = Registry(server, layout, layers)
        for name in ("app", "plain", "multi"):
            push(made, name, f"team/{name}:1")
        yield made


def push(registry: Registry, name: str, target: str) -> None:
    """Push an image of the layout with skopeo."""
    source = f"oci:{registry.layout.path}:{name}"
    where = f"docker://{registry.host}/{target}"
    run([system_tool("skopeo"), "copy", "-q", "--all", "--dest-tls-verify=false", source, where])


@pytest.fixture
def new_host(tmp_path: Path) -> Callable[[], Host]:
    """Makes hosts that have nothing yet."""
    numbers = itertools.count(1)
    return lambda: Host(tmp_path / f"host{next(numbers)}")


@pytest.fixture
def host(new_host: Callable[[], Host]) -> Host:
    """A host that has nothing yet."""
    return new_host()
