"""`--ipc`: whose /dev/shm and whose System V objects a container has. With whatever OCI runtime is found first."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.bundle.container import HostConfig
from runtime.engine import stop
from runtime.engine.errors import WrongState
from runtime.engine.logs import read
from runtime.engine.machine import Machine
from runtime.engine.remove import remove
from runtime.engine.start import start
from runtime.images.image import Image
from tests.runtime.engine.images import install, made

MIB = 2**20
LOOK = "cat /dev/shm/word; readlink /proc/self/ns/ipc; df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, rootfs: Path) -> tuple[Path, Image]:
    """A folder with a data root that has the image."""
    folder = tmp_path_factory.mktemp("ipc")
    return folder, install(folder / "data", rootfs)


@pytest.fixture
def machine(place: tuple[Path, Image]) -> Iterator[Machine]:
    """An engine; at the end no container is left, and nothing of one is mounted."""
    here = Machine(place[0] / "data", place[0] / "run")
    yield here
    for id in here.store.ids():
        remove(here, id, force=True)
    assert str(place[0]) not in Path("/proc/self/mountinfo").read_text()
    assert os.listdir(here.paths.running) == []


def begin(machine: Machine, image: Image, mode: str, script: str, name: str = "", **asked: int) -> str:
    """A container that runs a script; its id."""
    host = HostConfig(network_mode="none", ipc_mode=mode, **asked)  # type: ignore[arg-type]
    record = made(machine, image, "sh", "-c", script, name=name, host=host)
    if connection := start(machine, record.id):
        connection.close()
    return record.id


def output(machine: Machine, id: str) -> list[str]:
    """The lines of one that ends by itself."""
    assert stop.wait(machine, id) == 0
    return "".join(entry.text for entry in read(machine, id)).splitlines()


def test_shareable_memory_is_the_same_for_who_joins(machine: Machine, place: tuple[Path, Image]) -> None:
    wait = "echo one > /dev/shm/word; while ! grep -q two /dev/shm/word; do sleep 0.02; done; df -k /dev/shm | wc -l"
    donor = begin(machine, place[1], "shareable", wait, name="donor", shm_size=3 * MIB)
    until_there = "while [ ! -s /dev/shm/word ]; do sleep 0.02; done; "
    joined = begin(machine, place[1], "container:donor", until_there + LOOK + "; sleep 1000", name="joined")
    namespaces = [os.readlink(f"/proc/{machine.store.state(id).pid}/ns/ipc") for id in (donor, joined)]
    assert namespaces[0] == namespaces[1] != os.readlink("/proc/self/ns/ipc")
    third = begin(machine, place[1], "container:joined", LOOK + "; echo two > /dev/shm/word")
    assert output(machine, third) == ["one", namespaces[0], str(3 * 1024)]
    assert output(machine, donor) == ["2"]
    pid = machine.store.state(joined).pid
    assert Path(f"/proc/{pid}/root/dev/shm/word").read_text() == "two\n", "it goes on with those who have joined"
    with pytest.raises(WrongState, match="not running"):
        begin(machine, place[1], "container:donor", "true")


@pytest.mark.parametrize("mode", ["", "private", "none"])
def test_what_is_not_shareable_is_not_joined(machine: Machine, place: tuple[Path, Image], mode: str) -> None:
    lonely = begin(machine, place[1], mode, "sleep 1000")
    with pytest.raises(WrongState, match="non-shareable IPC"):
        begin(machine, place[1], f"container:{lonely}", "true")
    pid = machine.store.state(lonely).pid
    assert os.readlink(f"/proc/{pid}/ns/ipc") != os.readlink("/proc/self/ns/ipc")
    assert os.path.ismount(f"/proc/{pid}/root/dev/shm") == (mode != "none")


def test_of_the_host(machine: Machine, place: tuple[Path, Image], tmp_path: Path) -> None:
    word = Path("/dev/shm") / f"entrepot-{tmp_path.name}-{os.getpid()}"
    word.write_text("host\n")
    try:
        id = begin(machine, place[1], "host", f"cat /dev/shm/{word.name}; readlink /proc/self/ns/ipc")
        assert output(machine, id) == ["host", os.readlink("/proc/self/ns/ipc")]
    finally:
        word.unlink()
