"""Scopes of systemd: names, properties, and messages as another program of D-Bus writes and reads them."""

import socket
import struct
import threading
from pathlib import Path

import pytest

from runtime.cgroups import hierarchies
from runtime.cgroups.bus import Bus, Refused, split, write
from runtime.cgroups.errors import CgroupError
from runtime.cgroups.scope import place
from runtime.cgroups.scope_properties import properties

WITHOUT_END = 2**64 - 1


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("system.slice:docker:box", "/system.slice/docker-box.scope"),
        (":docker:box", "/system.slice/docker-box.scope"),
        ("a-b-c.slice::box", "/a.slice/a-b.slice/a-b-c.slice/box.scope"),
        ("-.slice:x:box", "/x-box.scope"),
    ],
)
def test_places(asked: str, path: str) -> None:
    assert place(asked) == path
    assert hierarchies.is_systemds(asked)


@pytest.mark.parametrize("wrong", ["system:docker:box", "a--b.slice:x:y", "-a.slice:x:y", ".slice:x:y"])
def test_what_is_no_slice(wrong: str) -> None:
    with pytest.raises(CgroupError, match="slice"):
        place(wrong)


def test_properties() -> None:
    files = [
        ("cpu.max", "50000 100000"),
        ("cpu.max", "max"),
        ("cpu.max", "12345"),
        ("memory.max", 5),
        ("pids.max", "max"),
        ("cpuset.cpus", "0-1,9"),
        ("hugetlb.2MB.max", 1),
    ]
    assert properties(files, 50_000) == [
        ("CPUQuotaPeriodUSec", ("t", 100000)),
        ("CPUQuotaPerSecUSec", ("t", 500000)),
        ("CPUQuotaPeriodUSec", ("t", 50000)),
        ("CPUQuotaPerSecUSec", ("t", WITHOUT_END)),
        ("CPUQuotaPeriodUSec", ("t", 50000)),
        ("CPUQuotaPerSecUSec", ("t", 250000)),
        ("MemoryMax", ("t", 5)),
        ("TasksMax", ("t", WITHOUT_END)),
        ("AllowedCPUs", ("ay", b"\x03\x02")),
    ]


def test_values_on_the_wire() -> None:
    assert split("ssa(sv)a(sa(sv))") == ["s", "s", "a(sv)", "a(sa(sv))"]
    out = bytearray()
    write(out, "y", 7)
    write(out, "a(sv)", [("ab", ("t", 9)), ("c", ("au", [1, 2]))])
    first = struct.pack("<I", 2) + b"ab\0" + b"\1t\0" + bytes(6) + struct.pack("<Q", 9)
    second = struct.pack("<I", 1) + b"c\0" + b"\2au\0" + bytes(2) + struct.pack("<III", 8, 1, 2)
    assert bytes(out) == b"\7" + bytes(3) + struct.pack("<I", len(first + second)) + first + second


def answer(server: socket.socket, messages: list[bytes]) -> None:
    """Let a client in, take its call, and send this."""
    peer, _ = server.accept()
    with peer:
        assert peer.recv(64) == b"\0AUTH EXTERNAL 30\r\nBEGIN\r\n"
        peer.sendall(b"OK 0123\r\n")
        assert peer.recv(4096).endswith(b"\2ss\0\7\0\0\0x.scope\0\4\0\0\0fail\0")
        for message in messages:
            peer.sendall(message)


def message(kind: int, fields: list[tuple[int, tuple[str, object]]], body: bytes = b"") -> bytes:
    """One from the other side."""
    made = bytearray(struct.pack("<cBBBII", b"l", kind, 0, 1, len(body), 1))
    write(made, "a(yv)", fields)
    return bytes(made) + bytes(-len(made) % 8) + body


@pytest.mark.parametrize("refused", [False, True])
def test_calls(tmp_path: Path, refused: bool) -> None:
    text = bytearray()
    write(text, "s", "no such thing")
    signal = message(4, [(1, ("o", "/x")), (3, ("s", "JobNew"))], b"1234")
    done = message(2, [(5, ("u", 1)), (8, ("g", "o"))])
    failed = message(3, [(4, ("s", "a.b.NoSuch")), (5, ("u", 1)), (8, ("g", "s"))], bytes(text))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "bus"))
        server.listen()
        thread = threading.Thread(target=answer, args=(server, [signal, failed if refused else done]))
        thread.start()
        bus = Bus(str(tmp_path / "bus"))
        try:
            if refused:
                with pytest.raises(Refused, match="no such thing") as caught:
                    bus.call("StopUnit", "ss", "x.scope", "fail")
                assert caught.value.name == "a.b.NoSuch"
            else:
                bus.call("StopUnit", "ss", "x.scope", "fail")
        finally:
            bus.close()
            thread.join(10)
