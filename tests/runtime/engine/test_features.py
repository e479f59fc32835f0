"""What the engine knows of OCI runtimes, and what containers get where a runtime can do more."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.bundle.container import HostConfig, Mount
from runtime.engine import frames, runtimes
from runtime.engine.features import Features, of
from runtime.engine.finish import finish
from runtime.engine.machine import Machine
from runtime.engine.remove import remove
from runtime.engine.start import Attach, start
from runtime.images.image import Image
from tests.runtime.engine.images import install, made


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory, rootfs: Path) -> tuple[Path, Path, Image]:
    """A data root with the image, and a run root."""
    folder = tmp_path_factory.mktemp("engine")
    return folder / "data", folder / "run", install(folder / "data", rootfs)


@pytest.fixture(params=["entrepot-oci", "runc"])
def machine(request: pytest.FixtureRequest, roots: tuple[Path, Path, Image]) -> Iterator[Machine]:
    """An engine on one of the runtimes."""
    here = Machine(roots[0], roots[1], runtime=request.param)
    yield here
    for id in here.store.ids():
        remove(here, id, force=True)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A folder with another file system mounted below it."""
    below = tmp_path / "below"
    below.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", below], check=True)
    yield tmp_path
    subprocess.run(["umount", below], check=True)


def said(machine: Machine, image: Image, host: HostConfig, *args: str) -> list[str]:
    """What a container says until it ends."""
    record, output = made(machine, image, *args, host=host), b""
    with start(machine, record.id, Attach(stdout=True, custodian=True)) or pytest.fail("it ran") as connection:
        kind = b""
        while kind != frames.GONE:
            for kind, payload in connection.receive():
                output += payload if kind == frames.STDOUT else b""
        finish(machine, record.id)
        connection.send(frames.FINISHED)
    return output.decode().splitlines()


def test_our_runtime_says_what_the_engine_takes_for_granted(tmp_path: Path) -> None:
    ours = runtimes.find("entrepot-oci")
    # By another name it is a runtime like any other, and is asked.
    other = tmp_path / "other"
    other.write_text(f'#!/bin/sh\nexec {ours} "$@"\n')
    other.chmod(0o755)
    assert of(str(tmp_path / "kept"), ours) == of(str(tmp_path / "kept"), str(other))


def test_others_are_asked_once_until_they_change(tmp_path: Path) -> None:
    program, kept, asked = tmp_path / "program", str(tmp_path / "kept"), tmp_path / "asked"

    def is_now(features: object) -> None:
        fresh = program.with_suffix(".new")
        fresh.write_text(f"#!/bin/sh\necho asked >> {asked}\necho '{json.dumps(features)}'\n")
        fresh.chmod(0o755)
        os.rename(fresh, program)

    is_now({"mountOptions": ["ro", "rro"], "linux": {"namespaces": None}})
    expected = Features(time_namespaces=False, recursive_read_only=True)
    assert [of(kept, str(program)), of(kept, str(program))] == [expected, expected]
    assert asked.read_text().splitlines() == ["asked"]
    is_now(["nonsense"])
    assert of(kept, str(program)) == Features(time_namespaces=False, recursive_read_only=False)
    assert len(asked.read_text().splitlines()) == 2


def test_a_bind_is_read_only_with_all_below_it(machine: Machine, roots: tuple[Path, Path, Image], tree: Path) -> None:
    mounts = (Mount(type="bind", source=str(tree), target="/tree", read_only=True),)
    script = "touch /tree/x /tree/below/x || echo refused; ls /tree /tree/below"
    host = HostConfig(network_mode="none", mounts=mounts)
    assert said(machine, roots[2], host, "sh", "-c", script) == ["refused", "/tree:", "below", "", "/tree/below:"]


def test_clocks_are_in_a_namespace_of_the_containers_own(machine: Machine, roots: tuple[Path, Path, Image]) -> None:
    host = HostConfig(network_mode="none")
    (found,) = said(machine, roots[2], host, "readlink", "/proc/self/ns/time")
    can = of(machine.paths.features, runtimes.find(machine.runtime)).time_namespaces
    assert (found != os.readlink("/proc/self/ns/time")) == can
