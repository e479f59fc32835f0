"""Layers that do what no layer may, and layers that do odd things that are allowed. Made in code."""

from __future__ import annotations

from collections.abc import Callable

from tests.runtime.snapshots.layers import Item, folder, tar

CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


def raw(name: bytes = b"x", kind: bytes = b"0", size: bytes = b"00000000000\0", **fields: bytes) -> bytes:
    """A header block, field by field, with the checksum that belongs to it."""
    block = bytearray(512)
    places = {"mode": 100, "uid": 108, "gid": 116, "mtime": 136, "link": 157, "magic": 257, "major": 329, "minor": 337}
    places |= {"prefix": 345, "tail": 386, "name": 0, "size": 124, "kind": 156}
    given = {"mode": b"0000644\0", "magic": b"ustar\x0000"} | fields | {"name": name, "size": size, "kind": kind}
    for field, value in given.items():
        block[places[field] : places[field] + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(*records: tuple[bytes, bytes]) -> bytes:
    """An extended header with these records, in this order."""
    data = b""
    for key, value in records:
        rest = b" " + key + b"=" + value + b"\n"
        length = len(rest) + len(str(len(rest)))
        data += b"%d" % (len(rest) + len(str(length))) + rest
    return raw(b"pax", b"x", b"%011o\0" % len(data)) + data + bytes(-len(data) % 512)


END = bytes(1024)
EVIL = Item("evil", data=b"evil")

# Each with what the error says. Those of two layers are applied one over the other.
REFUSED: dict[str, tuple[list[bytes], str]] = {
    "parent": ([tar(Item("../evil"))], "leads out"),
    "parent far down": ([tar(Item("a/b/../../../evil"))], "leads out"),
    "absolute parent": ([tar(Item("/../evil"))], "leads out"),
    "hard link out": ([tar(Item("x", "hard", link="../../etc/passwd"))], "leads out"),
    "hard link to nothing": ([tar(Item("x", "hard", link="none"))], "not there"),
    "hard link to a host file": ([tar(Item("x", "hard", link="/etc/passwd"))], "not there"),
    "hard link to itself": ([tar(Item("x"), Item("x", "hard", link="x"))], "itself"),
    "hard link to a folder": ([tar(folder("d"), Item("x", "hard", link="d"))], "folder"),
    "hard link to a folder below": ([tar(folder("d")), tar(Item("x", "hard", link="d"))], "not there"),
    "hard link over its target's folder": ([tar(Item("d/x"), Item("d", "hard", link="d/x"))], "holds its target"),
    "hard link to what is whited out": ([tar(Item("a")), tar(Item(".wh.a"), Item("x", "hard", link="a"))], "not there"),
    "link loop": ([tar(Item("a", "link", link="b"), Item("b", "link", link="a"), Item("a/x"))], "too many links"),
    "link to nothing": ([raw(b"a", b"2") + END], "link to nothing"),
    "root as a file": ([tar(Item("."))], "root"),
    "root as a link": ([tar(Item("./", "link", link="/etc"))], "root"),
    "whiteout of nothing": ([tar(Item(".wh."))], "whiteout"),
    "whiteout of the folder": ([tar(Item("a/.wh.."))], "whiteout"),
    "whiteout of its parent": ([tar(Item("a/.wh..."))], "whiteout"),
    "folder named as a whiteout": ([tar(Item("a/.wh.b/c"))], "whiteout"),
    "huge uid": ([pax((b"uid", b"4294967296")) + raw() + END], "out of bounds"),
    "uid that chown ignores": ([pax((b"uid", b"4294967295")) + raw() + END], "out of bounds"),
    "negative gid": ([pax((b"gid", b"-1")) + raw() + END], "out of bounds"),
    "negative base-256 uid": ([raw(uid=b"\xff" * 8) + END], "out of bounds"),
    "huge major": ([tar(Item("x", "char", device=(4096, 0)))], "device number"),
    "huge minor": ([tar(Item("x", "block", device=(1, 1 << 20)))], "device number"),
    "socket": ([raw(kind=b"s") + END], "type"),
    "multi-volume": ([raw(kind=b"M") + END], "type"),
    "long name": ([pax((b"path", b"x" * 256)) + raw() + END], "longer than 255"),
    "long path": ([pax((b"path", b"x/" * 2048)) + raw() + END], "longer than 4095"),
    "long link": ([pax((b"linkpath", b"x" * 4096)) + raw(kind=b"2") + END], "longer than 4095"),
    "long extended header": ([raw(b"pax", b"x", b"%011o\0" % (1 << 21)) + END], "extended header"),
    "NUL in a name": ([pax((b"path", b"a\0b")) + raw() + END], "NUL"),
    "bad extended header": (
        [raw(b"pax", b"x", b"00000000007\0") + b"9 a=b\n\n".ljust(512, b"\0") + END],
        "well-formed",
    ),
    "record without a key": ([pax((b"", b"x")) + raw() + END], "without a key"),
    "bad size": ([pax((b"size", b"1e3")) + raw() + END], "not a number"),
    "negative size": ([pax((b"size", b"-1")) + raw() + END], "out of bounds"),
    "bad time": ([pax((b"mtime", b"now")) + raw() + END], "not a time"),
    "bad checksum": ([tar(EVIL)[:148] + b"000001\0 " + tar(EVIL)[156:]], "checksum"),
    "no tar": ([b"hello world" * 100], "neither gzip, zstd nor tar"),
    "zeros between": ([raw() + bytes(512) + raw() + END], "zeros"),
    "cut in a header": ([tar(EVIL)[:300]], "cut off"),
    "cut in data": ([raw(size=b"00000002000\0") + b"x" * 512], "cut off"),
    "ends after an extended header": ([pax((b"path", b"y")) + END], "ends after"),
    "sparse out of order": ([pax((b"GNU.sparse.map", b"9,1,0,1"), (b"GNU.sparse.size", b"10")) + raw() + END], "order"),
    "sparse past its end": ([pax((b"GNU.sparse.map", b"9,9"), (b"GNU.sparse.size", b"10")) + raw() + END], "past"),
    "sparse without its data": ([pax((b"GNU.sparse.map", b"0,9"), (b"GNU.sparse.size", b"9")) + raw() + END], "fit"),
    "sparse without a size": ([pax((b"GNU.sparse.map", b"0,0")) + raw() + END], "without a size"),
}

Check = Callable[[str], None]


def old_sparse() -> bytes:
    """GNU's old format with a block of more pieces: a at 0, b at 4096, ... to f; 64 KiB with the hole at the end."""
    pair = [b"%011o\0%011o\0" % (4096 * n, 512) for n in range(6)]
    tail = b"".join(pair[:4]) + b"\1" + b"%011o\0" % 65536
    more = b"".join(pair[4:]).ljust(512, b"\0")
    data = b"".join(bytes([97 + n]) * 512 for n in range(6))
    return raw(b"sparse", b"S", b"%011o\0" % len(data), magic=b"ustar  \0", tail=tail) + more + data + END


def sparse_1_0() -> bytes:
    body = b"2\n0\n512\n4096\n512\n".ljust(512, b"\0") + b"a" * 512 + b"b" * 512
    names = ((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"))
    more = ((b"GNU.sparse.name", b"sparse"), (b"GNU.sparse.realsize", b"65536"))
    return pax(*names, *more) + raw(b"GNUSparseFile.0/sparse", size=b"%011o\0" % len(body)) + body + END


def sparse_0_0() -> bytes:
    pieces = [(b"GNU.sparse.offset", b"0"), (b"GNU.sparse.numbytes", b"512")]
    pieces += [(b"GNU.sparse.offset", b"4096"), (b"GNU.sparse.numbytes", b"512")]
    body = b"a" * 512 + b"b" * 512
    return pax((b"GNU.sparse.size", b"65536"), *pieces) + raw(b"sparse", size=b"%011o\0" % len(body)) + body + END


def sparse_0_1() -> bytes:
    body = b"a" * 512 + b"b" * 512
    names = ((b"GNU.sparse.map", b"0,512,4096,512"), (b"GNU.sparse.size", b"65536"), (b"GNU.sparse.name", b"sparse"))
    return pax(*names) + raw(b"x/sparse", size=b"%011o\0" % len(body)) + body + END
