"""An upload by a client that can be cut off: it writes on a socket of its own and drops the connection in the middle.

The server may still be taking in what arrived before the cut when the client is back: the offset it tells then grows
yet, and a chunk may be refused. The client does what the distribution spec says: it asks again and goes on from there.
"""

import hashlib
import socket
import struct
from contextlib import suppress
from urllib.parse import urlsplit

from tests.e2e.processes import wait_until
from tests.e2e.server import Answer, Registry


class Upload:
    """One upload session of a blob whose bytes are known."""

    def __init__(self, registry: Registry, name: str, data: bytes) -> None:
        self.registry = registry
        self.name = name
        self.data = data
        self.digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        started = registry.request("POST", f"/v2/{name}/blobs/uploads/", headers={"Content-Length": "0"})
        assert started.status == 202, started
        self._move(started)

    def cut_off(self, start: int, stop: int, *, chunked: bool = False, reset: bool = False) -> None:
        """Announce everything from start on in one PATCH, send the bytes up to stop, and drop the connection."""
        # Where it belongs: bytes sent after a stale answer must not be put elsewhere.
        span = "" if chunked else f"Content-Range: {start}-{len(self.data) - 1}\r\n"
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(self.data) - start}"
        head = (
            f"PATCH {self.location} HTTP/1.1\r\nHost: {self.registry.host}\r\n"
            f"Content-Type: application/octet-stream\r\n{span}{length}\r\n\r\n"
        )
        part = self.data[start:stop]
        with socket.create_connection(("127.0.0.1", self.registry.port), timeout=30) as connection:
            # A refusal ends the connection from the other side.
            with suppress(ConnectionError):
                connection.sendall(head.encode())
                if chunked:
                    # The chunk says more than comes: the cut is inside it.
                    connection.sendall(f"{len(self.data) - start:x}\r\n".encode())
                connection.sendall(part)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def offset(self) -> int:
        """How much the server says it has."""
        answer = self.registry.request("GET", self.location)
        assert answer.status == 204, f"status of the upload: {answer.status} {answer.body!r}"
        self._move(answer)
        first, last = answer.headers["range"].split("-")
        assert first == "0"
        # Nothing yet and one byte are both written 0-0; no test here stops after a single byte.
        return int(last) + 1 if int(last) else 0

    def patch(self, start: int, stop: int) -> Answer:
        """Send a part with its Content-Range."""
        part = self.data[start:stop]
        headers = {"Content-Range": f"{start}-{stop - 1}", "Content-Type": "application/octet-stream"}
        answer = self.registry.request("PATCH", self.location, part, headers)
        if answer.status == 202:
            self._move(answer)
        return answer

    def resume(self) -> None:
        """Send what the server does not have yet, asking for the offset as often as it refuses the one it told."""

        def sent() -> bool:
            there = self.offset()
            try:
                return there == len(self.data) or self.patch(there, len(self.data)).status == 202
            except ConnectionError:
                return False

        wait_until(sent, "acceptance of the rest of the upload", 10)

    def close(self) -> None:
        """The closing PUT; the blob must then be there with all its bytes."""
        join = "&" if "?" in self.location else "?"
        answer = self.registry.request("PUT", f"{self.location}{join}digest={self.digest}", b"")
        assert answer.status == 201, f"closing PUT: {answer.status} {answer.body!r}"
        got = self.registry.get(f"/v2/{self.name}/blobs/{self.digest}")
        assert got.body == self.data

    def _move(self, answer: Answer) -> None:
        address = urlsplit(answer.headers["location"])
        self.location = address.path + (f"?{address.query}" if address.query else "")
