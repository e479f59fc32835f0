"""Any request of anything on any replica: sessions, mounts, deletes, parallel writers, whole loads, jobs."""

import random
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.client import Client
from tests.faults.content import KIB, MIB, blob, image
from tests.faults.fleet import Fleet
from tests.faults.oracle import add_query, offset_of
from tests.faults.record import BLOB, MANIFEST, TAG, Key, Record
from tests.faults.wire import Wire


@pytest.fixture
def client(replicas: Fleet) -> Iterator[Client]:
    """Its requests go to the replicas in turn."""
    with replicas.client() as made:
        yield made


@pytest.mark.parametrize("size", [0, 100, 200 * KIB, 3 * MIB, 17 * MIB + 5])
def test_a_session_over_all_replicas(client: Client, size: int) -> None:
    content = blob(f"a session {size}", size)
    upload = client.open_upload("sessions/app", content)
    assert upload is not None
    rng = random.Random(size)
    while upload.offset < size:
        step = rng.choice([7, 20 * KIB, 700 * KIB, 6 * MIB])
        assert client.patch(upload, min(size, upload.offset + max(2, step)))
        status = client.ask("GET", upload.location, expected=(204,))
        assert offset_of(status) == upload.offset
        if upload.offset < size // 2:
            stale = client.wire.ask("PATCH", upload.location, b"again", {"Content-Range": "0-4"})
            assert stale.status == 416
            assert offset_of(stale) == upload.offset
    assert client.close_upload(upload)
    for _ in range(2):
        client.read_back(Key(BLOB, "sessions/app", content.digest), content.digest)
        assert client.wire.ask("GET", upload.location).status == 404


def test_a_wrong_digest_over_all_replicas(client: Client) -> None:
    """Nobody has seen all the bytes at once; they are not what they should be, and are seen by nobody."""
    content, other = blob("right", 9 * MIB), blob("wrong", 9 * MIB)
    upload = client.open_upload("wrong/app", content)
    assert upload is not None
    assert client.patch(upload, 4 * MIB)
    assert client.patch(upload, 9 * MIB)
    answer = client.wire.ask("PUT", add_query(upload.location, digest=other.digest))
    assert (answer.status, answer.errors()[0]["code"]) == (400, "DIGEST_INVALID")
    for digest in (content.digest, other.digest):
        for _ in range(2):
            assert client.wire.ask("HEAD", f"/v2/wrong/app/blobs/{digest}").status == 404


def test_cancelled_here_gone_there(client: Client) -> None:
    upload = client.open_upload("cancelled/app", blob("cancelled", 2 * MIB))
    assert upload is not None
    assert client.patch(upload, MIB)
    client.cancel(upload)
    assert upload.state == "cancelled"
    for _ in range(2):
        assert client.wire.ask("GET", upload.location).status == 404
        assert client.wire.ask("PATCH", upload.location, b"more").status == 404


def test_one_writer_at_a_time(replicas: Fleet, client: Client) -> None:
    """While one replica takes a body the other refuses a second one; it takes the rest when the first is done."""
    content = blob("slow", 3 * MIB)
    upload = client.open_upload("busy/app", content)
    assert upload is not None
    began, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield content.data[:MIB]
        began.set()
        go_on.wait(10)
        yield content.data[MIB : 2 * MIB]

    first: list[int] = []

    def write() -> None:
        with Wire(replicas.ports[0]) as wire:
            first.append(
                wire.ask("PATCH", upload.location, slowly(), {"Content-Type": "application/octet-stream"}).status
            )

    thread = threading.Thread(target=write)
    thread.start()
    assert began.wait(10)
    time.sleep(0.3)
    with Wire(replicas.ports[1]) as wire:
        for method, body in (("PATCH", b"other"), ("PUT", b""), ("DELETE", b"")):
            target = add_query(upload.location, digest=content.digest) if method == "PUT" else upload.location
            answer = wire.ask(method, target, body)
            assert answer.status == 429, answer.brief()
            assert int(answer.headers["retry-after"]) > 0
        go_on.set()
        thread.join(20)
        assert first == [202]
        upload.offset = upload.sent = 2 * MIB
        assert client.close_upload(upload)
    client.read_back(Key(BLOB, "busy/app", content.digest), content.digest)


def test_mounts_and_deletes(client: Client) -> None:
    content = blob("mounted", 70 * KIB)
    for number in range(6):
        source, target = f"from/app-{number}", f"to/app-{number}"
        assert client.single_post(source, content)
        assert client.mount(target, content, source)
        assert client.delete(Key(BLOB, source, content.digest), {})
        for _ in range(2):
            client.read_back(Key(BLOB, target, content.digest), content.digest)
            assert client.wire.ask("HEAD", f"/v2/{source}/blobs/{content.digest}").status == 404
            assert client.wire.ask("GET", f"/v2/{source}/blobs/{content.digest}").status == 404


def test_manifests_by_digest_and_their_lists(client: Client) -> None:
    config = blob("config", 200)
    assert client.single_post("lists/app", config)
    subject = image(config, [], mark="subject")
    assert client.put_manifest("lists/app", subject, ("a",))
    for number in range(6):
        made = image(config, [], mark=str(number), subject=subject, artifact_type="application/vnd.test.thing")
        assert client.put_manifest("lists/app", made, by_digest=True)
        for _ in range(2):
            listed = client.wire.ask("GET", f"/v2/lists/app/referrers/{subject.digest}")
            assert made.digest.encode() in listed.body
        assert client.delete(Key(MANIFEST, "lists/app", made.digest), {})
        for _ in range(2):
            listed = client.wire.ask("GET", f"/v2/lists/app/referrers/{subject.digest}")
            assert made.digest.encode() not in listed.body
            assert client.wire.ask("GET", f"/v2/lists/app/manifests/{made.digest}").status == 404
    assert client.delete(Key(TAG, "lists/app", "a"), {})
    for _ in range(2):
        assert b'"a"' not in client.wire.ask("GET", "/v2/lists/app/tags/list").body


def test_a_load_over_all_replicas(replicas: Fleet) -> None:
    """Nothing fails, nothing is busy, and every answer is as the record says."""
    with replicas.loaded(clients=4):
        time.sleep(8)
    replicas.look()
    counts = replicas.record.counts
    print(dict(sorted(counts.items())))
    assert counts["push_image done"] > 5
    assert counts["chunks sha256 done"] > 5
    replicas.no_tracebacks()


def test_what_the_record_does_not_know_is_found(replicas: Fleet) -> None:
    """The oracle looks at both replicas: a blob deleted behind its back is missed."""
    content = blob("missed", 5000)
    with replicas.client() as client:
        assert client.single_post("missed/app", content)
        silent = Client(8, client.wire, Record(), random.Random(1))
        assert silent.delete(Key(BLOB, "missed/app", content.digest), {})
    with pytest.raises(AssertionError, match="lost, it must be"):
        replicas.look()
