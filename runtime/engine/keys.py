"""The keys that detach, found in what is typed."""

from __future__ import annotations


class Keys:
    """Looks for a sequence of keys; what only looked like its beginning is passed on with what follows."""

    def __init__(self, sequence: bytes) -> None:
        self._sequence = sequence
        self._held = b""

    def take(self, data: bytes) -> tuple[bytes, bool]:
        """What of it is to be passed on, and whether the whole sequence was typed."""
        if not self._sequence:
            return data, False
        passed = bytearray()
        for place in range(len(data)):
            self._held += data[place : place + 1]
            while self._held and not self._sequence.startswith(self._held):
                passed += self._held[:1]
                self._held = self._held[1:]
            if self._held == self._sequence:
                return bytes(passed), True
        return bytes(passed), False
