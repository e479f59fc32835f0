"""The containers of this machine by id and name. What is read here may be gone the moment after."""

from __future__ import annotations

import contextlib
import os

import msgspec

from runtime.engine import finding, folders, lifecycle, state
from runtime.engine.errors import EngineError, NameInvalid, NameTaken, NoSuchContainer
from runtime.engine.paths import Paths
from runtime.engine.record import Record
from runtime.engine.state import State

_decoder = msgspec.json.Decoder(Record)


class Store:
    """Records and states below the roots."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        for folder in (paths.containers, paths.names, paths.running, paths.locks, paths.oci, paths.namespaces):
            os.makedirs(folder, mode=0o700, exist_ok=True)

    def ids(self) -> list[str]:
        """The ids of all containers."""
        return finding.ids(self.paths)

    def all(self) -> list[tuple[Record, State]]:
        """All containers, the newest first; those that are being made or have just gone are not among them."""
        found = []
        for id in self.ids():
            with contextlib.suppress(NoSuchContainer):
                found.append((self.record(id), self.state(id)))
        return sorted(found, key=lambda one: one[0].created, reverse=True)

    def record(self, id: str) -> Record:
        """What is written down of an id. Raises NoSuchContainer."""
        try:
            with open(self.paths.of(id).config, "rb") as file:
                return _decoder.decode(file.read())
        except (FileNotFoundError, NotADirectoryError):
            raise NoSuchContainer(id[:12]) from None
        except msgspec.DecodeError as error:
            raise EngineError(f"what is written down of container {id[:12]} is damaged: {error}") from None

    def state(self, id: str) -> State:
        """Where an id is in its life. Raises NoSuchContainer."""
        try:
            return state.read(self.paths.of(id).state)
        except (FileNotFoundError, NotADirectoryError):
            raise NoSuchContainer(id[:12]) from None
        except ValueError:
            raise EngineError(f"the state of container {id[:12]} is damaged, remove it with --force") from None

    def find(self, text: str) -> str:
        """The id that a name, an id or the unambiguous beginning of one means. Raises NoSuchContainer, Ambiguous."""
        return finding.find(self.paths, text)

    def owner(self, name: str) -> str:
        """The id of the container that has a name; empty if none has it."""
        return finding.owner(self.paths, name)

    def take_name(self, name: str, id: str) -> None:
        """Give a name to an id whose folder is there. Raises NameInvalid, NameTaken."""
        if not finding.is_name(name):
            raise NameInvalid(name)
        part = f"{self.paths.of(id).folder}/name"
        with open(part, "w", encoding="ascii") as file:
            file.write(id)
        try:
            while True:
                try:
                    os.link(part, self.paths.name(name))  # which fails when it is there, so that one of two wins
                    return
                except FileExistsError:
                    if owner := self.owner(name):
                        raise NameTaken(name, owner) from None
                    self.drop_name(name, "")
        finally:
            os.unlink(part)

    def drop_name(self, name: str, id: str) -> None:
        """Free a name if it belongs to that id, or, with an empty one, to none."""
        if self.owner(name) == id:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.paths.name(name))

    def make(self, id: str) -> None:
        """Make the folder of a new container."""
        os.mkdir(self.paths.of(id).folder, 0o700)

    def write(self, record: Record) -> None:
        """Write a container down; the first time it is created."""
        of = self.paths.of(record.id)
        if not os.path.exists(of.state):
            state.write(of.state, State())
        state.replace(of.config, msgspec.json.encode(record))

    def write_state(self, id: str, now: State) -> None:
        """Write where it is; only who may (see `lifecycle`) does this."""
        state.write(self.paths.of(id).state, now)

    def forget(self, id: str, name: str) -> None:
        """Remove all that is written down; the record first, so that nothing is half there."""
        of = self.paths.of(id)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(of.config)
        if name:
            self.drop_name(name, id)
        folders.remove(of.folder)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(of.lock)


def is_alive(now: State) -> bool:
    """Whether its state says that a monitor lives for it."""
    return now.status in lifecycle.ALIVE
