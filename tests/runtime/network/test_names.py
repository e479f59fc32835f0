"""Names of containers on user networks, asked of 127.0.0.11."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from runtime.network.definition import Wishes
from tests.runtime.network.place import Namespace, Place

AAAA, PTR = 28, 12


def packed(address: str) -> list[bytes]:
    return [socket.inet_aton(address)]


def resolver(place: Place) -> int | None:
    """The resolver's process, by the folder it was started for."""
    wanted = str(place.folder / "run" / "networks").encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and wanted in (entry / "cmdline").read_bytes().split(b"\0"):
                return int(entry.name)
        except OSError:
            continue
    return None


def test_names_aliases_and_ids(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine")
        networks.create("other")
    web, _ = place.container("web", "mine")
    _, db = place.container("Db", "mine", aliases=["store"])
    place.container("far", "other")
    for name in ("db", "DB", "store", "db.mine", place.id("Db")[:12]):
        assert web.look_up(name) == (0, packed(db.ip)), name
    assert web.look_up("db", stream=True) == (0, packed(db.ip))
    assert web.look_up("db", AAAA) == (0, []), "there, but not by version 6"
    assert web.look_up("3.0.18.172.in-addr.arpa", PTR) == (0, [b"\2Db\4mine\0"])
    assert web.look_up("far")[0] != 0, "on another network"
    with place.inside() as networks:
        networks.detach(place.id("Db"))
    assert web.look_up("db")[0] != 0
    place.container("web", "other")
    assert web.look_up("far")[0] == 0


def test_one_alias_of_two_containers(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine")
    one, at_one = place.container("one", "mine", aliases=["app"])
    _, at_two = place.container("two", "mine", aliases=["app"])
    assert sorted(one.look_up("app")[1]) == sorted(packed(at_one.ip) + packed(at_two.ip))


def test_other_names_are_asked_of_other_servers(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine")
        networks.create("closed", Wishes(internal=True))
    place.host.serve(53, socket.SOCK_DGRAM, "198.51.100.1")
    web, _ = place.container("web", "mine", nameservers=["198.51.100.1"])
    shut, _ = place.container("shut", "closed", nameservers=["198.51.100.1"])
    assert shut.look_up("example.test") == (2, [])
    with web.within():
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with asking:
        asking.settimeout(0.5)
        asking.sendto(b"\0\1short", ("127.0.0.11", 53))
        asking.sendto(bytes.fromhex("313901000001000000000000") + b"\7example\4test\0\0\1\0\1", ("127.0.0.11", 53))
        answered = asking.recv(4096)
    assert answered[:2] == b"19", "what is no question has no answer, what is one is passed on"


def test_a_server_of_the_containers_own_has_port_53(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine")
    web, endpoint = place.container("web", "mine")
    web.serve(53, socket.SOCK_DGRAM)
    web.serve(53)
    assert web.look_up("web") == (0, packed(endpoint.ip))


def test_the_resolver_ends_with_the_last_and_comes_back_after_a_kill(place: Place) -> None:
    assert resolver(place) is None
    with place.inside() as networks:
        networks.create("mine")
    web, endpoint = place.container("web", "mine")
    db, _ = place.container("db", "mine")
    process = resolver(place)
    assert process is not None
    os.kill(process, signal.SIGKILL)
    gone(process)
    with place.inside() as networks:
        networks.reconcile({place.id("web"), place.id("db")})
    assert db.look_up("web") == (0, packed(endpoint.ip))
    process = resolver(place)
    assert process is not None
    os.kill(process, signal.SIGKILL)
    gone(process)
    place.container("third", "mine")
    assert web.look_up("third")[0] == 0, "the next container brings it back for all"
    process = resolver(place)
    assert process is not None
    with place.inside() as networks:
        for name in ("web", "db", "third"):
            networks.detach(place.id(name))
    gone(process)


def test_a_container_that_starts_again_and_one_that_nobody_took_leave_of(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine")
    place.container("web", "mine")
    db, _ = place.container("db", "mine")
    again = Namespace()
    with place.inside() as networks:
        mine = networks.inspect("mine")
        (place.folder / "run" / "networks" / f"{mine.id}.json").write_text(
            "[]"
        )  # as if killed before the resolver knew
        networks.attach("mine", place.id("web"), again.path, name="web")
    assert again.look_up("web")[0] == 0, "the resolver answers in the new namespace"
    with place.inside() as networks:
        networks.reconcile({place.id("web")})
    with pytest.raises(OSError, match=r"refused|timed out"):
        db.look_up("web")
    again.close()


def gone(process: int) -> None:
    """Wait until a process has ended; whether anybody has asked how does not matter."""
    end = time.monotonic() + 5
    while (status := Path(f"/proc/{process}/stat")).exists() and status.read_text().rpartition(")")[2].split()[
        0
    ] != "Z":
        assert time.monotonic() < end
        time.sleep(0.01)
