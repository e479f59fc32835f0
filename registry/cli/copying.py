"""Both ends of a copy, opened by their configurations, and what is said while it goes on."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from registry.cli.flags import configuration
from registry.cli.folders import make_folders
from registry.cli.tables import upgraded
from registry.config import Config, load
from registry.config.types import hide_passwords
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError
from registry.metadata.schema import HEAD, current
from registry.moving.blob_copy import BlobCopy, CopyProgress, Failure
from registry.storage_marker import described, driver_of
from storage.checked import Checked
from storage.content import ContentStore
from storage.errors import NoSpace, StorageError

TERMINAL, PLAIN = 0.5, 10.0
"""Seconds between two words on how far it is."""


@dataclass
class Ends:
    """Where from and where to."""

    source_config: Config
    destination_config: Config
    source: Database
    destination: Database

    @property
    def storage(self) -> str:
        """The source's, in words."""
        return described(self.source_config)

    @property
    def database(self) -> str:
        """The source's, without its password."""
        return hide_passwords(self.source_config.database.url)

    @property
    def same_storage(self) -> bool:
        """Whether the bytes stay where they are."""
        return self.storage == described(self.destination_config)

    @property
    def same_database(self) -> bool:
        """Whether there is nothing to copy."""
        return self.source_config.database.url == self.destination_config.database.url

    def blob_copy(self, threads: int, *, verify: bool, skip_damaged: bool) -> BlobCopy:
        """Between both storages, which are looked at. Raises ClickException."""
        source = ContentStore(_storage(self.source_config, write=False))
        if not source.has_marker():
            raise click.ClickException(f"{self.storage} is not the storage of a registry; is its disk mounted?")
        destination = _storage(self.destination_config, write=True)
        return BlobCopy(self.source, source, destination, threads=threads, verify=verify, skip_damaged=skip_damaged)


class Incomplete(click.ClickException):
    """All was done, but for damaged blobs that were to be skipped."""

    exit_code = 3


class Interrupted(click.ClickException):
    """By Ctrl-C; the text says what is left."""

    exit_code = 130


def of_blobs(verb: Callable[..., object]) -> Callable[..., object]:
    """Give `verb` the options of a copy of blobs: `threads`, `verify`, `skip_damaged`."""
    for option in (
        click.option(
            "--skip-damaged", is_flag=True, help="Leave out blobs that cannot be read; the exit code is then 3."
        ),
        click.option("--verify", is_flag=True, help="Verify what the destination has already."),
        click.option(
            "--threads",
            default=8,
            type=click.IntRange(1, 64),
            metavar="N",
            help="Blobs copied at the same time; 8 by default.",
        ),
    ):
        verb = option(verb)
    return verb


@contextmanager
def ends(given: tuple[str | None, dict[str, str]], to: str) -> Iterator[Ends]:
    """Both, open; the destination's database with its tables. Troubles of either are ClickExceptions."""
    config, other = configuration(given).config, load(to, {}, {}).config
    _none_in_memory(config, other)
    try:
        revision = current(config.database.url)
    except (DatabaseError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    if revision != HEAD:
        found = "has no tables of a registry" if revision is None else f"is at revision {revision} and not at {HEAD}"
        raise click.ClickException(
            f"{hide_passwords(config.database.url)} {found}; have a registry of this version serve it first"
        )
    make_folders(other)
    upgraded(other)
    source, destination = Database.open(config.database.url), Database.open(other.database.url)
    try:
        yield Ends(config, other, source, destination)
    except (DatabaseError, StorageError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        destination.close()  # first: its thread reads the source, also when no caller waits for it any more
        source.close()


def copied(copy: BlobCopy) -> None:
    """Copy what is missing, telling how far it is. Raises ClickException when some blobs could not be copied."""
    count, size = copy.total()
    before = set(copy.skipped)
    try:
        with _telling(copy.progress, count, size):
            failures = copy.run()
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {_there(copy.progress)}; the same command goes on from there") from None
    except NoSpace as error:
        raise click.ClickException(
            f"the destination is full; {_there(copy.progress)}; make room and go on with the same command ({error})"
        ) from None
    click.echo(f"{_there(copy.progress)}, {copy.progress.copied} of them were copied now")
    for digest in copy.skipped.keys() - before:
        click.echo(f"blob {digest} was skipped: {copy.skipped[digest]}", err=True)
    for digest, reason, _ in failures:
        click.echo(f"blob {digest} was not copied: {reason}", err=True)
    if failures:
        raise click.ClickException(_advice(failures))


def tell_skipped(copy: BlobCopy | None) -> None:
    """At the end of all: raises Incomplete when blobs were left out."""
    if copy is not None and copy.skipped:
        raise Incomplete(
            f"all but {len(copy.skipped)} damaged blobs were copied, named above; the destination does not show those "
            "until they are pushed again"
        )


def _there(progress: CopyProgress) -> str:
    return f"{progress.blobs} blobs are at the destination"


def _advice(failures: list[Failure]) -> str:
    said = f"{len(failures)} blobs were not copied, named above; "
    if any(failure.damaged for failure in failures):
        said += "a damaged one can be pushed again, or left out with --skip-damaged; "
    return f"{said}then go on with the same command"


@contextmanager
def _telling(progress: CopyProgress, count: int, size: int) -> Iterator[None]:
    stop = threading.Event()
    terminal = sys.stdout.isatty()
    started = time.monotonic()

    def tell() -> None:
        while not stop.wait(TERMINAL if terminal else PLAIN):
            rate = progress.bytes / (time.monotonic() - started)
            line = f"{progress.blobs} of {count} blobs, {_size(progress.bytes)} of {_size(size)} read, {_size(rate)}/s"
            click.echo(f"\r\x1b[K{line}" if terminal else line, nl=not terminal)

    thread = threading.Thread(target=tell, name="telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        if terminal:
            click.echo("\r\x1b[K", nl=False)


def _storage(config: Config, *, write: bool) -> Checked:
    try:
        driver = Checked(driver_of(config))
        if write:
            driver.probe()
    except StorageError as error:
        raise click.ClickException(f"{described(config)} cannot be used: {error}") from None
    return driver


def _none_in_memory(*configs: Config) -> None:
    if any(config.storage.driver == "memory" for config in configs):
        raise click.UsageError("storage in memory is of one process alone and cannot be copied")


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
