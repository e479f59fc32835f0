"""What the bench of the companion runs and pulls: a busybox, a Debian, an image of many small files, an OCI bundle."""

import io
import json
import random
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Protocol

from tests.e2e.images import debian_tar
from tests.e2e.layout import Layout
from tests.e2e.processes import unmount_below

__all__ = ["bundle", "push_images", "unmount_below"]

FILES = 20_000
APPLETS = ("sh", "true", "sleep")


class Host(Protocol):
    """Where the registry is."""

    address: str

    def run(self, *command: str | Path) -> float: ...


def push_images(folder: Path, host: Host, pulls: int) -> None:
    """Make each of its tar and push it.

    Of those that are pulled to be measured there are so many, each different, and nothing is unpacked or removed before
    that: an ext4 without a journal passes over each inode deleted in the last minutes whenever it makes a file.
    """
    layout = Layout.create(folder)
    _busybox_tar(folder / "busybox.tar")
    _small_tar(folder / "small.tar")
    _push(layout, folder / "busybox.tar", host, "busybox")
    for name, tar in (("small", folder / "small.tar"), ("debian", debian_tar())):
        for number in range(pulls):
            variant = folder / "variant.tar"
            shutil.copyfile(tar, variant)
            with tarfile.open(variant, "a") as archive:
                archive.addfile(tarfile.TarInfo(f"variant-{number}"))
            _push(layout, variant, host, f"{name}-{number}")


def _push(layout: Layout, tar: Path, host: Host, name: str) -> None:
    layout.tag(name, layout.add_image([layout.add_layer(tar)]))
    image = f"docker://{host.address}/bench/{name}:latest"
    host.run("skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{layout.path}:{name}", image)


def bundle(folder: Path) -> Path:
    """A bundle that runs `true` in namespaces of its own."""
    (folder / "rootfs" / "bin").mkdir(parents=True)
    for name in ("proc", "dev", "sys"):
        (folder / "rootfs" / name).mkdir()
    _install_busybox(folder / "rootfs")
    subprocess.run(["runc", "spec"], cwd=folder, check=True)
    config = json.loads((folder / "config.json").read_text())
    config["process"] |= {"args": ["/bin/true"], "terminal": False}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _install_busybox(root: Path) -> None:
    busybox = shutil.which("busybox")
    assert busybox is not None
    shutil.copy(busybox, root / "bin" / "busybox")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")


def _busybox_tar(path: Path) -> None:
    root = path.with_suffix(".root")
    (root / "bin").mkdir(parents=True)
    _install_busybox(root)
    with tarfile.open(path, "w") as tar:
        tar.add(root, ".")


def _small_tar(path: Path) -> None:
    source = random.Random(3)
    with tarfile.open(path, "w") as tar:
        for number in range(FILES):
            data = source.randbytes(source.randrange(2000))
            entry = tarfile.TarInfo(f"srv/{number % 200}/{number}")
            entry.size, entry.mtime = len(data), 1_700_000_000
            tar.addfile(entry, io.BytesIO(data))
