"""Twenty clients at once: the same image and different ones, to the same repository and to others, all byte-exact."""

import random
import subprocess
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest

from tests.e2e.clients import Client, skopeo_at
from tests.e2e.layout import Layout
from tests.e2e.server import Registry

pytestmark = pytest.mark.e2e

CLIENTS = 20
SIZE = 6_000_000


def write_tar(path: Path, seed: int, size: int) -> Path:
    entry = tarfile.TarInfo(f"data-{seed}")
    entry.size = size
    with tarfile.open(path, "w") as tar:
        tar.addfile(entry, BytesIO(random.Random(seed).randbytes(size)))
    return path


def make_layouts(folder: Path) -> list[Layout]:
    """One layout per client: the first half hold the same image, the others share its first layer."""
    shared_tar = write_tar(folder / "shared.tar", 0, SIZE)
    layouts = []
    for number in range(CLIENTS):
        layout = Layout.create(folder / f"in-{number}")
        seed = 1 if number < CLIENTS // 2 else 1 + number
        own = layout.add_layer(write_tar(folder / "own.tar", seed, SIZE // 3))
        layout.tag("image", layout.add_image([layout.add_layer(shared_tar), own]))
        layouts.append(layout)
    return layouts


def run_all(commands: Sequence[tuple[Client, list[str]]], folder: Path) -> None:
    """Start every command, then wait for all of them."""
    running = []
    for number, (client, command) in enumerate(commands):
        with (folder / f"log-{number}").open("wb") as log:
            running.append(subprocess.Popen(command, env=client.env, stdout=log, stderr=log))
    codes = [process.wait(240) for process in running]
    failed = [(folder / f"log-{number}").read_text() for number, code in enumerate(codes) if code != 0]
    assert failed == []


def test_all_push_and_pull_at_once(own_registry: Registry, crane: Client, tmp_path: Path) -> None:
    layouts = make_layouts(tmp_path)
    # Each skopeo with a home of its own, as on twenty machines.
    skopeos = [skopeo_at(tmp_path / f"home-{number}") for number in range(CLIENTS)]
    # Four clients to a repository: there the same blob arrives several times at once, elsewhere once.
    names = [f"{own_registry.host}/many/{number % 5}:{number}" for number in range(CLIENTS)]
    pushes, pulls = [], []
    for number, (layout, name, skopeo) in enumerate(zip(layouts, names, skopeos, strict=True)):
        back = tmp_path / f"back-{number}"
        if number % 2:
            pushes.append((crane, crane.command("push", layout.path, name)))
            pulls.append((crane, crane.command("pull", "--format", "oci", name, back)))
        else:
            push = ("copy", "--dest-tls-verify=false", f"oci:{layout.path}:image", f"docker://{name}")
            pull = ("copy", "--src-tls-verify=false", f"docker://{name}", f"oci:{back}:1")
            pushes.append((skopeo, skopeo.command(*push)))
            pulls.append((skopeo, skopeo.command(*pull)))
    run_all(pushes, tmp_path)
    run_all(pulls, tmp_path)
    for number, layout in enumerate(layouts):
        pulled = Layout(tmp_path / f"back-{number}")
        assert pulled.digest_of("") == layout.digest_of("image")
        pulled.check(layout.digest_of("image"))
    assert own_registry.get("/v2/_catalog").json()["repositories"] == [f"many/{number}" for number in range(5)]
    blobs = {part["digest"] for layout in layouts for part in layout.closure(layout.digest_of("image"))}
    stored = [path.parent.name for path in own_registry.root.glob("**/blobs/sha256/*/*/data")]
    assert {f"sha256:{name}" for name in stored} >= blobs
    assert len(stored) == len(set(stored))
    assert own_registry.server_errors() == []


def test_all_move_one_tag(own_registry: Registry, crane: Client, tmp_path: Path) -> None:
    layouts = make_layouts(tmp_path)[CLIENTS // 2 :]
    name = f"{own_registry.host}/many/moved:now"
    run_all([(crane, crane.command("push", layout.path, name)) for layout in layouts], tmp_path)
    digests = {layout.digest_of("image") for layout in layouts}
    now = own_registry.digest_of("many/moved", "now")
    assert now in digests
    # The others have lost the tag and nothing else.
    for digest in digests:
        crane("pull", "--format", "oci", f"{own_registry.host}/many/moved@{digest}", tmp_path / digest)
        Layout(tmp_path / digest).check(digest)
    assert own_registry.server_errors() == []
