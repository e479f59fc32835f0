"""A root file system as the kernel takes it at boot: files of this machine at their own paths, in a cpio archive."""

import os
import stat
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO


class Archive:
    """A cpio archive (newc) under way; what a path leads through is put in with it, links and all."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._seen = {"/"}
        self._number = 0

    def put(self, path: str | Path) -> None:
        """A file, a folder without its content, or a link and what it leads to."""
        path = os.path.normpath(path)
        if path in self._seen:
            return
        self._seen.add(path)
        parent, name = os.path.split(path)
        self.put(parent)
        real = os.path.realpath(parent)
        if real != parent:
            self.put(os.path.join(real, name))
            return
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            target = os.readlink(path)
            self._entry(path, found, target.encode())
            self.put(os.path.join(parent, target))
        elif stat.S_ISDIR(found.st_mode):
            self._entry(path, found, b"")
        else:
            self._entry(path, found, Path(path).read_bytes())

    def put_all(self, folder: str | Path, without: Collection[str] = ()) -> None:
        """A folder with all that is in it but what has one of these names."""
        self.put(folder)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name in without:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    self.put_all(entry.path, without)
                else:
                    self.put(entry.path)

    def add(self, path: str, content: bytes, mode: int = 0o100755) -> None:
        """A file of another content, or with mode 0o040755 a folder; its parent must be there."""
        self._seen.add(path)
        self._entry(path, os.stat_result((mode, 0, 0, 1, 0, 0, 0, 0, 0, 0)), content)

    def end(self) -> None:
        """The entry that every archive ends with."""
        self._entry("/TRAILER!!!", os.stat_result((0,) * 10), b"")

    def _entry(self, path: str, found: os.stat_result, content: bytes) -> None:
        self._number += 1
        name = path.lstrip("/").encode() + b"\0"
        fields = (self._number, found.st_mode, 0, 0, 1, int(found.st_mtime), len(content), 0, 0, 0, 0, len(name), 0)
        self._padded(b"070701" + b"".join(b"%08x" % each for each in fields) + name)
        self._padded(content)

    def _padded(self, data: bytes) -> None:
        self._file.write(data + bytes(-len(data) % 4))


def libraries(programs: Collection[str | Path]) -> set[str]:
    """The shared libraries that programs and libraries load, and the loader itself."""
    done = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True)
    words = {word for line in done.stdout.splitlines() for word in line.split() if not line.endswith(":")}
    return {word for word in words if word.startswith("/")}
