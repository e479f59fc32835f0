"""Each call of the storage driver fails, once and for good, in every way to push: nothing half done, no harm left."""

import errno
import itertools
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from storage.driver import Writer
from storage.drivers.filesystem import FilesystemDriver
from tests.faults.client import Client
from tests.faults.content import KIB, MIB, Blob, blob, image
from tests.faults.inprocess import serving
from tests.faults.judges import any_503, says_full
from tests.faults.oracle import Oracle, damaged_files
from tests.faults.record import BLOB, Key, Record
from tests.faults.wire import Wire
from tests.storage.faulty import Faults, Faulty

pytestmark = pytest.mark.faults

REPOSITORY = "team/app"
SHAPES = ["single_post", "post_put", "chunks", "streamed"]
SIZES = [3000, 300 * KIB, 2 * MIB]
CODES = [errno.EIO, errno.ENOSPC, errno.EROFS]
# What a request may ask of the driver, and of a writer.
DRIVER = ["put", "create", "resume", "stat", "open", "read", "move", "delete"]
WRITER = ["write", "commit", "suspend", "cancel"]
FOR_GOOD = 10**9


class Remembering(FilesystemDriver):
    """Knows its writers. `Faulty` fails before it asks them to end, and real ones have let go when they fail to."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._writers: list[Writer] = []

    def create(self, path: str) -> Writer:
        self._writers.append(super().create(path))
        return self._writers[-1]

    def resume(self, path: str, offset: int | None = None, state: str = "") -> Writer:
        self._writers.append(super().resume(path, offset, state))
        return self._writers[-1]

    def let_go(self) -> None:
        """End what was not ended: nothing happens to the others."""
        while self._writers:
            self._writers.pop().suspend()


@dataclass
class Troubled:
    """A server whose driver fails as told, and its record."""

    wire: Wire
    faults: Faults
    driver: Remembering
    record: Record = field(default_factory=Record)

    def push(self, shape: str, content: Blob, code: int) -> bool:
        """The same choices for the same shape and size, so that the n-th call is the same call each time."""
        judge = says_full if code == errno.ENOSPC else any_503
        client = Client(1, self.wire, self.record, random.Random(f"{shape} {content.size}"), judge)
        return bool(getattr(client, shape)(REPOSITORY, content))

    def look(self, content: Blob) -> list[str]:
        """What is wrong with the blob and with the upload sessions that were left."""
        oracle = Oracle(self.record, self.wire)
        left = [upload for upload in self.record.uploads if upload.state in {"open", "closing"}]
        return oracle.check([Key(BLOB, REPOSITORY, content.digest)]) + oracle.check_uploads(left)


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[Troubled]:
    faults = Faults()
    driver = Remembering(str(tmp_path / "storage"))
    with serving(tmp_path / "root", Faulty(driver, faults)) as port, Wire(port) as wire:
        yield Troubled(wire, faults, driver)
    assert damaged_files(tmp_path) == []


def _calls(troubled: Troubled, shape: str, size: int) -> dict[str, int]:
    """How often a push of this shape and size calls each operation."""
    before = {name: troubled.faults.count(name) for name in DRIVER + WRITER}
    assert troubled.push(shape, blob(f"counted {shape}", size), errno.EIO)
    return {name: troubled.faults.count(name) - before[name] for name in DRIVER + WRITER}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_call_of_a_push_fails(shape: str, size: int, troubled: Troubled) -> None:
    calls = _calls(troubled, shape, size)
    refused = Counter[int]()
    for operation, count in calls.items():
        for number, code, times in itertools.product(range(1, count + 1), CODES, [1, FOR_GOOD]):
            what = f"{os.strerror(code)} at {operation} {number}, {'once' if times == 1 else 'for good'}"
            content = blob(f"{shape} {what}", size)
            troubled.faults.fail(operation, code, at=number, times=times)
            done = troubled.push(shape, content, code)
            troubled.faults.clear()
            troubled.driver.let_go()
            refused[code] += not done
            assert troubled.record.complaints == [], what
            assert troubled.look(content) == [], what
            assert troubled.push(shape, content, code), f"after {what}"
            assert troubled.look(content) == [], f"after {what}"
    assert all(refused[code] for code in CODES), calls


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS, errno.EACCES, errno.EMFILE, errno.ESTALE, errno.ETIMEDOUT])
@pytest.mark.parametrize("operation", ["stat", "open", "read"])
def test_failed_read_is_no_damage(operation: str, code: int, troubled: Troubled) -> None:
    """A disk that does not answer for a while has lost nothing: 503 then, and the blob as before afterwards."""
    small, large = blob("small", 3000), blob("large", 2 * MIB)
    for content in (small, large):
        assert troubled.push("single_post", content, code)
    client = Client(1, troubled.wire, troubled.record, random.Random(1), any_503)
    troubled.faults.fail(operation, code, times=FOR_GOOD)
    for content in (small, large):
        for method, headers in (("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=5-900"})):
            client.ask(method, f"/v2/{REPOSITORY}/blobs/{content.digest}", headers=headers, expected=(200, 206))
    troubled.faults.clear()
    assert troubled.record.complaints == []
    assert troubled.look(small) + troubled.look(large) == []


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC], ids=lambda code: errno.errorcode[code])
def test_manifests_do_not_wait_for_the_storage(code: int, troubled: Troubled) -> None:
    """A manifest and its tag live in the database: acknowledged or refused, and as the record says afterwards."""
    config = blob("config", 500)
    assert troubled.push("single_post", config, code)
    for operation in ("put", "create", "stat", "write", "commit", "list", "delete", "move"):
        troubled.faults.fail(operation, code, times=FOR_GOOD)
    client = Client(1, troubled.wire, troubled.record, random.Random(1), any_503)
    client.put_manifest(REPOSITORY, image(config, [], mark="troubled"), ("one", "two"), by_digest=True)
    troubled.faults.clear()
    assert troubled.record.complaints == []
    assert Oracle(troubled.record, troubled.wire).check_all() == []
