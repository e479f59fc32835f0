"""Calls by D-Bus over systemd's own socket, which root may use without a bus in between. As much as three calls need.

Values are given with their signatures, as the D-Bus specification writes them: "s", "t", "au", "a(sv)"; a variant is a
pair of a signature and a value.
"""

from __future__ import annotations

import _socket
import os
import struct

from runtime.cgroups.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SOCKET = "/run/systemd/private"
_SECONDS = 10.0
_LARGEST = 1 << 20
_NUMBERS = {"y": ("<B", 1), "b": ("<I", 4), "u": ("<I", 4), "t": ("<Q", 8)}
_TEXTS = {"s": "<I", "o": "<I", "g": "<B"}
_PATH, _INTERFACE, _MEMBER, _ERROR, _REPLY_TO, _DESTINATION, _SIGNATURE = 1, 2, 3, 4, 5, 6, 8
_CALL, _RETURN, _FAILURE = 1, 2, 3
_MANAGER = (
    (_PATH, ("o", "/org/freedesktop/systemd1")),
    (_INTERFACE, ("s", "org.freedesktop.systemd1.Manager")),
    (_DESTINATION, ("s", "org.freedesktop.systemd1")),
)


class Refused(CgroupError):
    """What is at the other end has answered with an error; `name` is D-Bus's name of it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"systemd: {text or name}")
        self.name = name


class Bus:
    """A connection on which one call is made after the other. Raise CgroupError, OSError."""

    def __init__(self, path: str = SOCKET) -> None:
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        self._socket.settimeout(_SECONDS)
        self._serial = 0
        self._socket.connect(path)
        user = str(os.geteuid()).encode().hex()
        # Beginning at once, as systemd's own programs do: a call that came together with BEGIN would lie unread.
        self._socket.sendall(f"\0AUTH EXTERNAL {user}\r\nBEGIN\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n"):
            answer += self._received(1)
        if not answer.startswith(b"OK "):
            raise CgroupError("systemd does not let us in")

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def call(self, member: str, signature: str, *values: object) -> None:
        """Call a method of systemd's manager and wait for its answer, whose content does not matter. Raise Refused."""
        self._serial += 1
        body = bytearray()
        for each, value in zip(split(signature), values, strict=True):
            write(body, each, value)
        fields = [*_MANAGER, (_MEMBER, ("s", member)), (_SIGNATURE, ("g", signature))]
        message = bytearray(struct.pack("<cBBBII", b"l", _CALL, 0, 1, len(body), self._serial))
        write(message, "a(yv)", fields)
        _align(message, 8)
        self._socket.sendall(bytes(message + body))
        while not self._answered():
            pass

    def _answered(self) -> bool:
        """Read a message; whether it answers the last call. Signals and the like do not."""
        head = self._received(16)
        order = "<" if head[:1] == b"l" else ">"
        kind = head[1]
        size, _, length = struct.unpack(f"{order}III", head[4:])
        if length + size > _LARGEST:
            raise CgroupError("systemd answers at too great a length")
        fields = _fields(order, self._received(length + -length % 8)[:length])
        body = self._received(size)
        if kind not in (_RETURN, _FAILURE) or fields.get(_REPLY_TO) != self._serial:
            return False
        if kind == _FAILURE:
            text = body[4 : 4 + struct.unpack_from(f"{order}I", body)[0]] if len(body) >= 4 else b""
            raise Refused(str(fields.get(_ERROR)), text.decode("utf-8", "replace"))
        return True

    def _received(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._socket.recv(count - len(parts))
            if not part:
                raise CgroupError("systemd has hung up")
            parts += part
        return bytes(parts)


def split(signature: str) -> list[str]:
    """The single types of a signature."""
    found = []
    while signature:
        end = _end(signature)
        found.append(signature[:end])
        signature = signature[end:]
    return found


def _end(signature: str) -> int:
    if signature[0] == "a":
        return 1 + _end(signature[1:])
    if signature[0] != "(":
        return 1
    depth = place = 0
    while True:
        depth += {"(": 1, ")": -1}.get(signature[place], 0)
        place += 1
        if not depth:
            return place


def write(out: bytearray, signature: str, value: Any) -> None:  # noqa: ANN401
    """Put a value of one type behind what is there, whose beginning is aligned to 8."""
    if signature in _NUMBERS:
        form, size = _NUMBERS[signature]
        _align(out, size)
        out += struct.pack(form, value)
    elif signature in _TEXTS:
        _align(out, struct.calcsize(_TEXTS[signature]))
        text = str(value).encode()
        out += struct.pack(_TEXTS[signature], len(text)) + text + b"\0"
    elif signature == "v":
        write(out, "g", value[0])
        write(out, value[0], value[1])
    elif signature[0] == "(":
        _align(out, 8)
        for each, part in zip(split(signature[1:-1]), value, strict=True):
            write(out, each, part)
    else:
        _align(out, 4)
        place = len(out)
        out += bytes(4)
        _align(out, _alignment(signature[1:]))
        begin = len(out)
        for each in value:
            write(out, signature[1:], each)
        struct.pack_into("<I", out, place, len(out) - begin)


def _alignment(signature: str) -> int:
    return {"y": 1, "g": 1, "v": 1, "t": 8, "(": 8}.get(signature[0], 4)


def _align(out: bytearray, size: int) -> None:
    out += bytes(-len(out) % size)


def _fields(order: str, data: bytes) -> dict[int, object]:
    """The fields of a header, all of them texts or whole numbers."""
    found: dict[int, object] = {}
    place = 0
    while place < len(data):
        place += -place % 8
        code, kind, place = data[place], data[place + 2 : place + 3], place + 4
        if kind == b"g":
            size, place = data[place], place + 1
        else:
            place += -place % 4
            (size,) = struct.unpack_from(f"{order}I", data, place)
            place += 4
        if kind == b"u":
            found[code] = size
        else:
            found[code] = data[place : place + size].decode("utf-8", "replace")
            place += size + 1
    return found
