"""The volumes of this machine: what there is, and which of them are mounted.

Who has a volume is what containers say of themselves, so the engine is asked: `users` gives the ids of the containers
that have a volume, running or not.
"""

import fcntl
import os
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from runtime.volumes import copy_up, mounting, removal
from runtime.volumes.errors import VolumeError, VolumeInUse, VolumeNotFound
from runtime.volumes.paths import GONE, NEW, Paths
from runtime.volumes.usage import Usage, size
from runtime.volumes.volume import Volume, Wishes, check_name, define

Users = Callable[[str], Sequence[str]]
Told = Callable[[str, str], None]
"""Is told what happens to volumes: docker's word for it, and the name."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Volumes:
    """Volumes below a data root; safe for many threads and processes. Raises VolumeError and its kind.

    `told` is called when something has happened to one.
    """

    def __init__(self, root: Path, run: Path, told: Told = lambda action, name: None) -> None:
        self._paths = Paths(root, run)
        self._told = told

    def create(self, name: str = "", wishes: Wishes | None = None) -> Volume:
        """The volume of that name: the one that is there, or a new one; without a name a new anonymous one."""
        if name and (found := self._read(name)):
            return found
        volume = define(name, wishes or Wishes())
        with self._locked():
            if found := self._read(volume.name):
                return found
            folder = self._paths.volumes / f"{NEW}{os.urandom(8).hex()}"
            folder.mkdir(mode=0o701)
            (folder / "_data").mkdir()
            (folder / "_data").chmod(0o755)
            _write(folder / "volume.json", msgspec.json.encode(volume))
            folder.rename(self._paths.folder(volume.name))
            _sync(self._paths.volumes)
        self._told("create", volume.name)
        return volume

    def every(self) -> list[Volume]:
        """All volumes by name."""
        try:
            names = [entry.name for entry in os.scandir(self._paths.volumes) if not entry.name.startswith(".")]
        except FileNotFoundError:
            return []
        return [volume for name in sorted(names) if (volume := self._read(name))]

    def inspect(self, name: str) -> Volume:
        """The volume of that name. Raises VolumeNotFound."""
        found = self._read(name) if _could_be(name) else None
        if found is None:
            raise VolumeNotFound(name)
        return found

    def path(self, name: str) -> Path:
        """Where its content is: docker's Mountpoint."""
        return self._paths.data(name)

    def remove(self, name: str, users: Users) -> None:
        """Remove it and its content. Raises VolumeInUse, with the containers that have it."""
        self.inspect(name)
        with self._locked():
            if having := users(name):
                raise VolumeInUse(f"remove {name}: volume is in use - [{', '.join(having)}]")
            self._remove(name)

    def prune(self, users: Users, wanted: Callable[[Volume], bool]) -> list[Usage]:
        """Remove those that no container has and that are wanted gone; returns them with the bytes they had."""
        with self._locked():
            gone = [volume for volume in self.every() if wanted(volume) and not users(volume.name)]
            removed = [Usage(volume.name, self._size(volume), 0) for volume in gone]
            for volume in gone:
                self._remove(volume.name)
        return removed

    def usages(self, users: Users) -> list[Usage]:
        """The bytes of each; those of a filesystem that is mounted from elsewhere are not ours."""
        return [Usage(volume.name, self._size(volume), len(users(volume.name))) for volume in self.every()]

    def acquire(self, name: str, container: str) -> Path:
        """Where a container finds its content; a volume with options is mounted, with the first one that wants it."""
        volume = self.inspect(name)
        if volume.mounted:
            with self._locked():
                having = self._mounted_for(name)
                if not mounting.is_mounted(self.path(name)):
                    mounting.mount(volume, self.path(name))
                self._save_mounted(name, {*having, container})
        return self.path(name)

    def release(self, container: str) -> None:
        """A container has ended: what was mounted for it alone is unmounted."""
        self._keep_mounted(lambda other: other != container)

    def reconcile(self, alive: Container[str]) -> None:
        """Unmount what is mounted for containers that are not alive, and finish removals that were interrupted."""
        self._keep_mounted(lambda container: container in alive)
        if any(name.startswith((NEW, GONE)) for name in _listed(self._paths.volumes)):
            with self._locked():
                self._sweep()

    def copy_up(self, source: int, name: str) -> bool:
        """Copy the content of an open folder of an image into a volume that is empty; whether it was.

        A copy that was cut off is made again from the start. Raises OSError: the disk is full, ...
        """
        mark = self._paths.filling(name)
        descriptor = os.open(self._paths.folder(name), _FOLDER)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            data = os.open(self.path(name), _FOLDER)
            try:
                if mark.exists():
                    removal.empty(data)
                elif os.listdir(data):
                    return False
                mark.touch()
                copy_up.copy(source, data)
                mark.unlink()
                return True
            finally:
                os.close(data)
        finally:
            os.close(descriptor)

    def _read(self, name: str) -> Volume | None:
        try:
            return msgspec.json.decode(self._paths.record(name).read_bytes(), type=Volume)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise VolumeError(f"{self._paths.record(name)} is damaged: {error}") from error

    def _size(self, volume: Volume) -> int:
        return 0 if volume.mounted else size(self.path(volume.name))

    def _remove(self, name: str) -> None:
        if mounting.is_mounted(self.path(name)):
            mounting.unmount(self.path(name))
        self._paths.users(name).unlink(missing_ok=True)
        self._paths.folder(name).rename(self._paths.volumes / f"{GONE}{os.urandom(8).hex()}")
        _sync(self._paths.volumes)
        self._told("destroy", name)
        self._sweep()

    def _sweep(self) -> None:
        """Finish what was begun: whatever has such a name was never, or is no longer, a volume."""
        for name in _listed(self._paths.volumes):
            if name.startswith((NEW, GONE)):
                folder = self._paths.volumes / name
                descriptor = os.open(folder, _FOLDER)
                try:
                    removal.empty(descriptor)
                finally:
                    os.close(descriptor)
                folder.rmdir()

    def _mounted_for(self, name: str) -> list[str]:
        try:
            return msgspec.json.decode(self._paths.users(name).read_bytes(), type=list[str])
        except FileNotFoundError:
            return []

    def _save_mounted(self, name: str, containers: set[str]) -> None:
        self._paths.running.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self._paths.users(name), msgspec.json.encode(sorted(containers)))

    def _keep_mounted(self, kept: Callable[[str], bool]) -> None:
        names = [name.removesuffix(".json") for name in _listed(self._paths.running) if name.endswith(".json")]
        if not names:
            return
        with self._locked():
            for name in names:
                having = self._mounted_for(name)
                left = {container for container in having if kept(container)}
                if left:
                    self._save_mounted(name, left)
                    continue
                if mounting.is_mounted(self.path(name)):
                    mounting.unmount(self.path(name))
                self._paths.users(name).unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._paths.volumes.mkdir(mode=0o701, parents=True, exist_ok=True)
        descriptor = os.open(self._paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _could_be(name: str) -> bool:
    try:
        check_name(name)
    except VolumeError:
        return False
    return True


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _write(path: Path, payload: bytes) -> None:
    aside = path.with_name(f"{path.name}.new")
    with open(aside, "wb") as opened:
        opened.write(payload)
        opened.flush()
        os.fsync(opened.fileno())
    aside.replace(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
