"""Channel: how the processes that make a container speak to each other.

A message is one byte of kind, four of length and a text. What each may say:

    from the container's side        from the caller's side
    USER     map my ids              GO       go on
    PID n    the first process is n
    READY    set my limits, run the host's hooks
    LISTENER n  my descriptor n is to be given to the one who answers seccomp
    DONE     all is done; with a text, hooks are still to come, and the channel stays open
    FAILED t why it is not going on
    (closed) the program has been executed
"""

from __future__ import annotations

import os

USER = b"u"
PID = b"p"
READY = b"r"
DONE = b"d"
LISTENER = b"l"
FAILED = b"f"
GO = b"g"

_LIMIT_BYTES = 32768


class Channel:
    """One end: a descriptor to read from and one to write to."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self.incoming = incoming
        self.outgoing = outgoing

    def send(self, kind: bytes, text: str = "") -> None:
        """Send a message in one write. Raise OSError if the other side is gone."""
        payload = text.encode("utf-8", "surrogateescape")[:_LIMIT_BYTES]
        os.write(self.outgoing, kind + len(payload).to_bytes(4, "little") + payload)

    def receive(self) -> tuple[bytes, str]:
        """The next message; an empty kind when the other side has closed."""
        head = self._read(5)
        if len(head) < 5:
            return b"", ""
        payload = self._read(int.from_bytes(head[1:], "little"))
        return head[:1], payload.decode("utf-8", "surrogateescape")

    def wait(self) -> None:
        """Wait for GO; leave the process if the caller is gone, for no process wants it any more."""
        if self.receive()[0] != GO:
            os._exit(1)

    def close(self) -> None:
        """Close this end."""
        os.close(self.incoming)
        os.close(self.outgoing)

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size and (part := os.read(self.incoming, size - len(found))):
            found += part
        return found


def pair() -> tuple[Channel, Channel]:
    """Two ends that are joined."""
    here_in, there_out = os.pipe()
    there_in, here_out = os.pipe()
    return Channel(here_in, here_out), Channel(there_in, there_out)
