"""The log of a container in docker's json-file form: one JSON object for each line, in files of bounded size."""

from __future__ import annotations

import json
import os

from runtime.engine import clock

LONGEST = 16 * 1024
"""Bytes of output in one entry; a longer line is several entries of which only the last ends with a line feed."""


class JsonFile:
    """Writes entries; a file that is full becomes the first of the older ones, and the oldest goes."""

    def __init__(self, path: str, max_size: int, max_file: int) -> None:
        self._path = path
        self._max_size = max_size
        self._max_file = max_file
        self._begun: dict[str, bytes] = {}
        self._open()

    def write(self, stream: str, data: bytes) -> None:
        """Take output as it comes. A disk that is full costs the log, never the container."""
        held = self._begun.pop(stream, b"") + data
        entries = []
        start = 0
        while (end := held.find(b"\n", start)) >= 0 or len(held) - start >= LONGEST:
            stop = end + 1 if 0 <= end - start < LONGEST else start + LONGEST
            entries.append(held[start:stop])
            start = stop
        if start < len(held):
            self._begun[stream] = held[start:]
        self._append(stream, entries)

    def close(self) -> None:
        """Write what was not ended by a line feed, and close."""
        for stream, rest in list(self._begun.items()):
            self._append(stream, [rest])
        self._begun.clear()
        os.close(self._fd)

    def _append(self, stream: str, entries: list[bytes]) -> None:
        if not entries:
            return
        when = clock.now()
        lines = [
            json.dumps({"log": entry.decode("utf-8", "replace"), "stream": stream, "time": when}, ensure_ascii=False)
            for entry in entries
        ]
        try:
            self._fill([f"{line}\n".encode("utf-8", "replace") for line in lines])
        except OSError:
            return

    def _fill(self, lines: list[bytes]) -> None:
        """Write as many at once as fit into a file."""
        text = bytearray()
        for line in lines:
            size = self._size + len(text)
            if size and 0 < self._max_size < size + len(line):
                self._size += os.write(self._fd, text)
                text.clear()
                self._rotate()
            text += line
        self._size += os.write(self._fd, text)

    def _rotate(self) -> None:
        os.close(self._fd)
        for number in range(self._max_file - 1, 1, -1):
            _rename(f"{self._path}.{number - 1}", f"{self._path}.{number}")
        if self._max_file > 1:
            _rename(self._path, f"{self._path}.1")
        else:
            os.unlink(self._path)
        self._open()

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._size = os.fstat(self._fd).st_size


def _rename(old: str, new: str) -> None:
    try:
        os.rename(old, new)
    except FileNotFoundError:
        return
