"""An image of busybox in a pair of roots, and an engine over them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from runtime.bundle.container import ContainerConfig, HostConfig, Request
from runtime.engine.create import create
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.images import names
from runtime.images.building import Step, commit
from runtime.images.image import Image
from runtime.images.images import Images
from runtime.snapshots.drivers import choose


def install(root: Path, tree: Path) -> Image:
    """Have the tree as the image `busybox` below a data root."""
    packed = root.parent / f"{root.name}.tar"
    subprocess.run(["tar", "-C", tree, "--numeric-owner", "-cf", packed, "."], check=True)
    images = Images(root, lambda: choose(str(root / "snapshots")))
    with packed.open("rb") as layer:
        return commit(images, None, layer, {}, Step.now(), [names.tagged("busybox", images.default)])


def made(machine: Machine, image: Image, *args: str, name: str = "", rm: bool = False, **config: object) -> Record:
    """A container without a network that runs these words."""
    host = config.pop("host", None) or HostConfig(network_mode="none", auto_remove=rm)
    asked = Request(
        config=ContainerConfig(image="busybox", cmd=args, **config),  # type: ignore[arg-type]
        host_config=host,  # type: ignore[arg-type]
    )
    record, _ = create(machine, asked, image_id=image.id, chain=image.chains[-1], run={}, name=name)
    return record
