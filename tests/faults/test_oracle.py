"""The oracle can fail: each kind of loss, done by hand to a healthy server, is seen, and nothing is seen before."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.content import Blob, Manifest, blob, image
from tests.faults.judges import says_full, says_read_only
from tests.faults.oracle import Oracle, damaged_files
from tests.faults.record import ABSENT, BLOB, MANIFEST, TAG, Key, Record
from tests.faults.scene import Scene
from tests.faults.wire import Answer, Wire

pytestmark = pytest.mark.faults

REPOSITORY = "team/app"


@dataclass
class Healthy:
    """A server that holds two images and a deleted blob, all of it recorded."""

    scene: Scene
    wire: Wire
    layer: Blob
    gone: Blob
    first: Manifest
    second: Manifest

    def problems(self) -> str:
        return "\n".join(Oracle(self.scene.record, self.wire).check_all())

    def file(self, content: Blob) -> Path:
        """Where the bytes are stored."""
        algorithm, _, encoded = content.digest.partition(":")
        (found,) = self.scene.root.glob(f"**/docker/registry/v2/blobs/{algorithm}/{encoded[:2]}/{encoded}/data")
        return found

    def silently(self, act: Callable[[Client], object]) -> None:
        """Do something that the record does not learn of."""
        act(Client(8, self.wire, Record(), random.Random("silent")))


@pytest.fixture
def healthy(tmp_path: Path) -> Iterator[Healthy]:
    config, layer, gone = blob("config", 300), blob("layer", 50_000), blob("gone", 1000)
    first, second = image(config, [layer], mark="first"), image(config, [layer], mark="second")
    with Scene(tmp_path, "oracle") as scene:
        scene.start()
        with scene.client() as client:
            for content in (config, layer, gone):
                assert client.single_post(REPOSITORY, content)
            assert client.put_manifest(REPOSITORY, first, ("one", "latest"), by_digest=True)
            assert client.put_manifest(REPOSITORY, second, ("two",))
            assert client.delete(Key(BLOB, REPOSITORY, gone.digest), {})
            made = Healthy(scene, client.wire, layer, gone, first, second)
            assert made.problems() == ""
            yield made


def _truncate(made: Healthy) -> None:
    made.file(made.layer).write_bytes(made.layer.data[:-1])


def _empty(made: Healthy) -> None:
    made.file(made.layer).write_bytes(b"")


def _flip(made: Healthy) -> None:
    data = bytearray(made.layer.data)
    data[20_000] ^= 1
    made.file(made.layer).write_bytes(data)


def _lengthen(made: Healthy) -> None:
    made.file(made.layer).write_bytes(made.layer.data + b"\0")


def _remove(made: Healthy) -> None:
    made.file(made.layer).unlink()


def _drop_tag(made: Healthy) -> None:
    made.silently(lambda client: client.delete(Key(TAG, REPOSITORY, "latest"), {}))


def _move_tag(made: Healthy) -> None:
    made.silently(lambda client: client.put_manifest(REPOSITORY, made.second, ("latest",)))


def _add_tag(made: Healthy) -> None:
    made.silently(lambda client: client.put_manifest(REPOSITORY, made.second, ("unknown",)))


def _drop_manifest(made: Healthy) -> None:
    made.silently(lambda client: client.delete(Key(MANIFEST, REPOSITORY, made.second.digest), {}))


def _drop_blob(made: Healthy) -> None:
    made.silently(lambda client: client.delete(Key(BLOB, REPOSITORY, made.layer.digest), {}))


def _revive_blob(made: Healthy) -> None:
    made.silently(lambda client: client.single_post(REPOSITORY, made.gone))


def _add_repository(made: Healthy) -> None:
    made.silently(lambda client: client.single_post("nobody/knows", made.gone))


@pytest.mark.parametrize(
    ("harm", "seen"),
    [
        (_truncate, "blob team/app {layer}"),
        (_empty, "blob team/app {layer}"),
        (_flip, "blob team/app {layer}: GET answers 50000 bytes that are sha256:"),
        (_lengthen, "blob team/app {layer}"),
        (_remove, "blob team/app {layer}"),
        (_drop_tag, "tag team/app latest: lost"),
        (_move_tag, "tag team/app latest: found {second}"),
        (_add_tag, "tags/list lists unknown, which is not there"),
        (_drop_manifest, "manifest team/app {second}: lost"),
        (_drop_blob, "blob team/app {layer}: lost"),
        (_revive_blob, "blob team/app {gone}: found"),
        (_add_repository, "_catalog lists nobody/knows, which nobody pushed"),
    ],
)
def test_harm_is_seen(harm: Callable[[Healthy], None], seen: str, healthy: Healthy) -> None:
    harm(healthy)
    words = seen.format(layer=healthy.layer.digest, gone=healthy.gone.digest, second=healthy.second.digest)
    assert words in healthy.problems()


def test_damaged_file_is_seen(healthy: Healthy) -> None:
    assert damaged_files(healthy.scene.root) == []
    _flip(healthy)
    assert healthy.layer.digest in "".join(damaged_files(healthy.scene.root))


def test_offset_beyond_what_was_sent_is_seen(healthy: Healthy) -> None:
    client = Client(9, healthy.wire, healthy.scene.record, random.Random(1))
    upload = client.open_upload(REPOSITORY, blob("upload", 5000))
    assert upload is not None
    assert client.patch(upload, 3000)
    upload.sent = 2000
    assert "claims 3000 bytes, 2000 were sent" in Oracle(client.record, healthy.wire).check_uploads([upload])[0]


def test_offset_that_is_not_true_is_seen(healthy: Healthy) -> None:
    client = Client(9, healthy.wire, healthy.scene.record, random.Random(1))
    content = blob("upload", 5000)
    upload = client.open_upload(REPOSITORY, content)
    assert upload is not None
    assert client.patch(upload, 3000)
    upload.blob = blob("other bytes", 5000)
    assert "closed with the rest it answers 400" in Oracle(client.record, healthy.wire).check_uploads([upload])[0]


ONE, TWO = Key(TAG, "r", "one"), Key(TAG, "r", "two")


def test_lost_write_may_or_may_not_be_there() -> None:
    record = Record()
    record.acked(record.begin("first", {ONE: "a"}))
    record.lost(record.begin("second", {ONE: "b"}))
    record.died()
    assert record.allowed(ONE) == {"a", "b"}
    record.observed({ONE: "b"})
    assert record.allowed(ONE) == {"b"}


def test_acknowledged_write_supersedes_what_ended_before() -> None:
    record = Record()
    record.lost(record.begin("lost", {ONE: "a"}))
    record.died()
    early = record.begin("early", {ONE: "b"})
    late = record.begin("late", {ONE: "c"})
    record.acked(late)
    record.acked(early)
    assert record.allowed(ONE) == {"b", "c"}
    record.acked(record.begin("last", {ONE: "d"}))
    assert record.allowed(ONE) == {"d"}


def test_lost_write_may_come_late_while_the_server_lives() -> None:
    record = Record()
    record.lost(record.begin("lost", {ONE: "a"}))
    record.acked(record.begin("after", {ONE: "b"}))
    assert record.allowed(ONE) == {"a", "b"}


def test_refused_write_leaves_no_trace() -> None:
    record = Record()
    record.refused(record.begin("refused", {ONE: "a"}))
    assert record.allowed(ONE) == {ABSENT}


def test_half_done_request_is_seen() -> None:
    record = Record()
    record.lost(record.begin("both", {ONE: "a", TWO: "a"}))
    record.died()
    assert record.halves({ONE: "a", TWO: ABSENT}) == ["half done: both: done ['tag r one'], not done ['tag r two']"]
    assert record.halves({ONE: "a", TWO: "a"}) == []
    assert record.halves({ONE: ABSENT, TWO: ABSENT}) == []


def test_request_that_was_overwritten_is_not_half_done() -> None:
    """It may have been carried out whole, and one of its registers been written again by somebody else."""
    record = Record()
    record.lost(record.begin("both", {ONE: "a", TWO: "a"}))
    record.acked(record.begin("after", {TWO: "b"}))
    record.died()
    assert record.allowed(TWO) == {"a", "b"}
    assert record.halves({ONE: "a", TWO: "b"}) == []


def test_judges_tell_a_clear_503_from_others() -> None:
    told = b'{"errors": [{"code": "UNAVAILABLE", "message": "the disk is full"}]}'
    clear = Answer(503, {}, told)
    assert not says_full(clear)
    assert says_read_only(clear)
    assert says_full(clear._replace(status=500))
    assert says_full(clear._replace(body=b"the disk is full"))
    assert says_full(clear._replace(body=told.replace(b"UNAVAILABLE", b"503")))
    assert says_full(clear._replace(body=told.replace(b"disk is full", b"server is sad")))
