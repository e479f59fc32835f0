"""The content store: blobs by digest. Bytes come in through an `Ingest` (written aside, hashed as they pass), are
verified, and are seen under their digest only then, whole and durable.

What has come in can be kept and gone on with later, by any process over the same storage. The partial file's size is
the offset. The hash at that offset goes along in an `IngestState`, and is believed only where it cannot be wrong: the
file is as long and was last changed when the state says, and the machine has not been started again in between (a
power cut may take back bytes that were hashed). Otherwise the file is read and hashed once, at the end.

Where the driver is not local, the state is the truth about what has come in. Bytes that storage cannot rename lie at a
`place` of their own for good: the index keeps it with the digest, and gives it back with every call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from storage import paths
from storage.digest import Digest, hasher
from storage.driver import Adopts, Driver, LocalFiles, Presigns, Root
from storage.errors import Damaged, DigestMismatch, NotFound, Unfit
from storage.ingest import Ingest, IngestState, Lost, Stored, hash_reader

__all__ = ["ContentStore", "Ingest", "IngestState", "Stored"]

_LONGEST_NOTE = 1024


class ContentStore:
    """See the module. `driver` should be a `Checked`, for errors to be storage errors."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._files = driver if isinstance(driver, LocalFiles) else None
        self._presigns = driver if isinstance(driver, Presigns) else None
        self._adopts = driver if isinstance(driver, Adopts) else None

    @property
    def local(self) -> bool:
        """As the driver's: where False, keep every state, and ask for nothing that the index knows."""
        return self._driver.local

    def has_marker(self) -> bool:
        """Whether it has been marked; where not, it may be an empty folder that a disk is to be mounted on."""
        try:
            self._driver.stat(paths.MARK)
        except NotFound:
            return False
        return True

    def marker(self) -> str | None:
        """The number in its marker, "" where it has none, None where there is no marker."""
        try:
            text = self._driver.read(paths.MARK, _LONGEST_NOTE).decode("ascii", "replace")
        except NotFound:
            return None
        return text.partition("\n")[2].strip()

    def write_marker(self, number: str = "") -> None:
        self._driver.put(paths.MARK, f"the blobs of an entrepot registry\n{number}".rstrip("\n").encode() + b"\n")

    def has_blobs(self) -> bool:
        """Whether there are any bytes of blobs; looks no further than the first."""
        driver = self._driver
        for algorithm in driver.list(paths.BLOBS):
            for two in driver.list(f"{paths.BLOBS}/{algorithm}"):
                if next(driver.list(f"{paths.BLOBS}/{algorithm}/{two}"), None) is not None:
                    return True
        return any(True for _ in driver.list(paths.PLACED))

    def begin(self, upload_path: str, algorithm: str = "sha256") -> Ingest:
        """A new partial file, hashed with `algorithm`. Raises Exists when it was begun already, InvalidDigest."""
        running = hasher(algorithm)
        return Ingest(self._driver, upload_path, self._driver.create(upload_path), algorithm, running)

    def resume(self, upload_path: str, state: IngestState, algorithm: str = "sha256") -> Ingest:
        """Go on where the partial file ends, whatever `state` says; a `state` that fits saves reading it again.

        Where the driver is not local, it is gone on with where `state` ends. Raises NotFound, InvalidDigest, Busy while
        another request writes to it.
        """
        running = hasher(algorithm)
        writer = self._driver.resume(upload_path, None, state.writer)
        if writer.size == 0:
            return Ingest(self._driver, upload_path, writer, algorithm, running)
        if not (state.fits(writer.stat()) if self._driver.local else state.offset == writer.size):
            return Ingest(self._driver, upload_path, writer, algorithm, Lost())
        if state.live is not None and state.live[0] == algorithm:
            return Ingest(self._driver, upload_path, writer, algorithm, state.live[1].copy())
        return Ingest(self._driver, upload_path, writer, algorithm, Lost(), state.digests)

    def partial_size(self, upload_path: str) -> int:
        """The bytes a partial file of a local driver holds; 0 when it is not there."""
        try:
            return self._driver.stat(upload_path).size
        except NotFound:
            return 0

    def has_partial(self, upload_path: str) -> bool:
        """Whether a local driver has it, of any size."""
        try:
            self._driver.stat(upload_path)
        except NotFound:
            return False
        return True

    def put_group(self, blobs: Sequence[tuple[Digest, bytes]]) -> list[Exception | None]:
        """Publish small blobs at hand, together; what each failed with (DigestMismatch too), None for those stored."""
        found: list[Exception | None] = []
        for expected, data in blobs:
            actual = Digest.of(data, expected.algorithm)
            found.append(None if actual == expected else DigestMismatch(expected, actual))
        right = [place for place, error in enumerate(found) if error is None]
        stored = self._driver.put_group([(paths.blob_data(blobs[place][0]), blobs[place][1]) for place in right])
        for place, error in zip(right, stored, strict=True):
            found[place] = error
        return found

    def open_ingest_folder(self) -> Root | None:
        """Be ready for whole files that programs of this machine put in; the root, None where none can be taken."""
        return None if self._adopts is None else self._adopts.open_folder(paths.LINKED)

    def adopt(self, path: str, expected: Digest) -> Stored:
        """Verify, publish, make durable a whole file that was put at `path`, without copying it.

        Raises NotFound, Unfit, DigestMismatch (it is gone then).
        """
        if self._adopts is None:
            raise Unfit(f"{path} is not there: this storage takes no files", path)

        def judge(reader: BinaryIO) -> None:
            actual = Digest(expected.algorithm, hash_reader(reader, expected.algorithm))
            if actual != expected:
                raise DigestMismatch(expected, actual)

        return Stored(self._adopts.adopt(path, paths.blob_data(expected), judge), "")

    def discard(self, path: str) -> None:
        """Remove a file that was put in and is not to be taken, if there is one."""
        if self._adopts is not None:
            self._adopts.discard(path)

    def open(
        self, digest: Digest, size: int, offset: int = 0, length: int | None = None, *, place: str = ""
    ) -> BinaryIO:
        """Read a blob from `offset` on; the caller closes it. Raises NotFound; Damaged when it has another size.

        `length` as of `Driver.open`.
        """
        reader = self._driver.open(place or paths.blob_data(digest), offset, length)
        try:
            _same_size(digest, size, reader.seek(0, 2))
            reader.seek(offset)
        except BaseException:
            reader.close()
            raise
        return reader

    def check(self, digest: Digest, size: int, *, place: str = "") -> None:
        """As `open` would, without opening. Raises NotFound, Damaged."""
        _same_size(digest, size, self._driver.stat(place or paths.blob_data(digest)).size)

    def local_path(self, digest: Digest, *, place: str = "") -> str | None:
        """Where its file is on this machine, if it is; nothing is looked at."""
        return None if self._files is None else self._files.local_path(place or paths.blob_data(digest))

    def presign(self, digest: Digest, seconds: int, headers: Mapping[str, str], *, place: str = "") -> str | None:
        """A URL to fetch it from, as of `Presigns.presign`; None where the driver makes none."""
        if self._presigns is None:
            return None
        return self._presigns.presign(place or paths.blob_data(digest), seconds, headers)

    def verify(self, digest: Digest, size: int, pace: Callable[[int], None], *, place: str = "") -> None:
        """Read and hash the whole blob; `pace` is called with each count of bytes. Raises NotFound, Damaged.

        The note of its place is set right, should two pushes at once have left that of the other.
        """
        with self.open(digest, size, place=place) as reader:
            actual = hash_reader(reader, digest.algorithm, pace)
        if actual != digest.hex:
            raise Damaged(digest, f"its bytes are {digest.algorithm}:{actual}")
        if place and self._noted(digest) != place:
            self._driver.put(paths.placed_note(digest), place.encode())

    def quarantine(self, digest: Digest) -> None:
        """Move its bytes out of sight, if there are any; where the driver is not local, its row alone does that."""
        if self._driver.local:
            with contextlib.suppress(NotFound):
                self._driver.move(paths.blob_data(digest), paths.quarantine(digest))

    def delete(self, digest: Digest, *, place: str = "") -> None:
        """Remove its bytes, and the note of this place. Raises NotFound."""
        if place and self._noted(digest) == place:
            self._driver.delete(paths.placed_note(digest))
        self._driver.delete(place or paths.blob_data(digest))

    def _noted(self, digest: Digest) -> str:
        try:
            return self._driver.read(paths.placed_note(digest), _LONGEST_NOTE).decode("ascii", "replace")
        except NotFound:
            return ""


def _same_size(digest: Digest, size: int, found: int) -> None:
    if found != size:
        raise Damaged(digest, f"it has {found} bytes on disk and should have {size}")
