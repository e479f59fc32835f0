"""`entrepot network`: what its verbs print, and containers that join and leave."""

import json
from collections.abc import Callable

import pytest

from runtime.bundle.container import ContainerConfig, HostConfig
from runtime.bundle.mount_point import MountPoint
from runtime.cli.command import main
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.engine.state import State
from tests.runtime.network.place import Place

Entrepot = Callable[..., tuple[int, str, str]]


@pytest.fixture
def entrepot(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Entrepot:
    """The command on the host: its exit code, and what it prints."""
    monkeypatch.setenv("ENTREPOT_RUNTIME_ROOT", str(place.folder / "root"))
    monkeypatch.setenv("ENTREPOT_RUNTIME_RUN_ROOT", str(place.folder / "run"))

    def run(*words: str) -> tuple[int, str, str]:
        with place.host.within(), pytest.raises(SystemExit) as ended:
            main(words)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_create_list_inspect_remove(entrepot: Entrepot) -> None:
    code, out, _ = entrepot("network", "create", "--subnet", "10.9.0.0/24", "--label", "a=b", "-o", "x=y", "mine")
    id_ = out.strip()
    assert (code, len(id_)) == (0, 64)
    _, out, _ = entrepot("network", "ls")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["NETWORK", "ID", "NAME", "DRIVER", "SCOPE"]
    assert [line[1:] for line in lines[1:]] == [
        ["bridge", "bridge", "local"],
        ["host", "host", "local"],
        ["mine", "bridge", "local"],
        ["none", "null", "local"],
    ]
    for wanted in ("label=a=b", "type=custom", "name=min", "dangling=true", f"id={id_[:5]}"):
        assert entrepot("network", "ls", "-q", "--filter", wanted) == (0, f"{id_[:12]}\n", ""), wanted
    assert entrepot("network", "ls", "-f", "driver=null", "--format", "{{.Name}}:{{.Internal}}")[1] == "none:false\n"
    code, out, err = entrepot("network", "inspect", "mine", "nothing")
    assert (code, err) == (1, "entrepot: network nothing not found\n")
    (document,) = json.loads(out)
    assert (document["Labels"], document["Options"]) == ({"a": "b"}, {"x": "y"})
    assert document["IPAM"]["Config"] == [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1"}]
    assert entrepot("network", "rm", "bridge", "mine")[:2] == (1, "mine\n")
    assert entrepot("network", "rm", "-f", "mine") == (0, "", "")


def test_prune(entrepot: Entrepot) -> None:
    entrepot("network", "create", "--label", "keep", "kept")
    entrepot("network", "create", "gone")
    assert entrepot("network", "prune", "-f", "--filter", "until=1h") == (0, "", "")
    pruned = entrepot("network", "prune", "-f", "--filter", "label!=keep")
    assert pruned == (0, "Deleted Networks:\ngone\n\n", "")


def test_a_container_joins_and_leaves(entrepot: Entrepot, place: Place) -> None:
    machine = Machine(place.folder / "root", place.folder / "run")
    id_ = container(machine, "web")
    entrepot("network", "create", "mine")
    assert entrepot("network", "connect", "--ip", "172.18", "mine", "web")[0] == 125
    assert entrepot("network", "connect", "--alias", "app", "--ip", "172.18.0.9", "mine", "web") == (0, "", "")
    record = machine.store.record(id_)
    asked = record.networking_config.endpoints_config["mine"]
    assert (asked.aliases, asked.ipv4_address) == (("app",), "172.18.0.9")
    assert entrepot("network", "connect", "mine", "web")[2].endswith("already exists in network mine\n")
    assert entrepot("network", "connect", "host", "web")[0] == 1
    assert entrepot("network", "disconnect", "bridge", "web") == (0, "", "")
    assert machine.store.record(id_).host_config.network_mode == "mine"
    assert "not connected" in entrepot("network", "disconnect", "bridge", "web")[2]
    assert entrepot("network", "disconnect", "mine", id_[:4]) == (0, "", "")
    assert machine.store.record(id_).host_config.network_mode == "none"


def test_what_is_left_of_a_container_is_disconnected_by_force(entrepot: Entrepot, place: Place) -> None:
    place.container("web")
    assert entrepot("network", "disconnect", "bridge", "web")[0] == 1
    assert entrepot("network", "disconnect", "-f", "bridge", "web") == (0, "", "")
    assert "veth" not in str(place.devices())


def container(machine: Machine, name: str, mounts: tuple[MountPoint, ...] = ()) -> str:
    """A container that was created and never started."""
    id_ = Place.id(name)
    machine.store.make(id_)
    machine.store.take_name(name, id_)
    machine.store.write(
        Record(
            id=id_,
            name=name,
            created="2026-01-01T00:00:00Z",
            image="none",
            image_id="none",
            config=ContainerConfig(),
            host_config=HostConfig(),
            mounts=mounts,
        )
    )
    machine.store.write_state(id_, State())
    return id_
