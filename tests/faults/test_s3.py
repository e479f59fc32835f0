"""Every step of a push and of a pull over S3, failed in every way: retried out of sight or answered by a clear 503,
nothing acknowledged lost, nothing half visible, and the same push right afterwards goes through."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from tests.faults.client import Client
from tests.faults.content import MIB, Blob, blob
from tests.faults.fleet import Fleet, settings
from tests.faults.judges import any_503, busy_or_503
from tests.faults.oracle import Oracle
from tests.faults.record import BLOB, Key
from tests.faults.tally import FAULTS
from tests.postgres.server import shared
from tests.s3.calls import (
    CUT,
    EVERY_FAULT,
    HOLD,
    INTERNAL,
    LATE_HOLD,
    LATE_INTERNAL,
    LATE_RESET,
    RESET,
    SLOW_DOWN,
    TRUNCATE,
    Fault,
)
from tests.s3.proxy import FaultProxy, at, at_random
from tests.s3.servers import S3Server, gateway

pytestmark = pytest.mark.faults

ALWAYS = 1000
REPOSITORY = "team/app"
BIG, SMALL = 6 * MIB, 3000


@dataclass
class Scene:
    fleet: Fleet
    proxy: FaultProxy
    storage: S3Server


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("s3")
    with gateway(folder / "gateway") as storage, FaultProxy(storage.endpoint) as proxy:
        environment = settings(shared().empty_database(), storage, proxy.endpoint)
        with Fleet(folder, "s3", environment) as fleet:
            fleet.start()
            yield Scene(fleet, proxy, storage)
            print(f"{sum(proxy.faults.values())} faults: {dict(sorted(proxy.faults.items()))}")
            fleet.stop()


@pytest.fixture(autouse=True)
def tallied(scene: Scene, record_property: Callable[[str, object], None]) -> Iterator[None]:
    before = scene.proxy.faults.total()
    yield
    record_property(FAULTS, scene.proxy.faults.total() - before)


def single(client: Client, content: Blob) -> bool:
    return client.single_post(REPOSITORY, content)


def chunked(client: Client, content: Blob) -> bool:
    """In three requests, each of which may be on another replica; what is no whole part is kept between them."""
    upload = client.open_upload(REPOSITORY, content)
    if upload is None or not client.patch(upload, content.size // 3):
        return False
    return client.patch(upload, content.size // 3 * 2) and client.close_upload(upload)


def pull(client: Client, content: Blob) -> bool:
    answer = client.ask("GET", f"/v2/{REPOSITORY}/blobs/{content.digest}")
    return answer.status == 200 and answer.body == content.data


# (how, size, the operation that fails, so many of them pass before)
STEPS: list[tuple[Callable[[Client, Blob], bool], int, str, int]] = [
    (single, SMALL, "PutObject", 0),
    (single, BIG, "CreateMultipartUpload", 0),
    (single, BIG, "UploadPart", 1),
    (single, BIG, "CompleteMultipartUpload", 0),
    (chunked, BIG, "PutObject", 0),
    (chunked, BIG, "UploadPart", 0),
    (chunked, BIG, "CompleteMultipartUpload", 0),
]
ONCE = [replace(fault, seconds=2.0) if fault in {HOLD, LATE_HOLD} else fault for fault in EVERY_FAULT]
FOR_LONG = [INTERNAL, SLOW_DOWN, RESET, CUT, LATE_INTERNAL, LATE_RESET, TRUNCATE]

numbers = itertools.count()


def check(scene: Scene, content: Blob) -> None:
    """The blob's register, as every replica shows it."""
    scene.fleet.record.died()
    with scene.fleet.client() as client:
        for _ in scene.fleet.servers:
            problems = Oracle(scene.fleet.record, client.wire).check([Key(BLOB, REPOSITORY, content.digest)])
            assert not problems, scene.fleet.report(problems)


@pytest.mark.parametrize("fault", ONCE, ids=str)
def test_one_failure_is_not_noticed(scene: Scene, fault: Fault) -> None:
    """At each step of a push: the request is tried again, whether or not it was carried out."""
    for how, size, name, after in STEPS:
        content = blob(f"once {next(numbers)}", size)
        with scene.fleet.client() as client, scene.proxy.planned(at(name, fault, after=after)):
            before = sum(scene.proxy.faults.values())
            assert how(client, content), f"{how.__name__} {size}: {name} {fault}\n{scene.fleet.report([])}"
            assert sum(scene.proxy.faults.values()) == before + 1, f"{how.__name__} {size} made no {name}"
        check(scene, content)


@pytest.mark.parametrize("number", range(len(STEPS)), ids=lambda number: f"{STEPS[number][2]} {number}")
def test_failing_for_long_is_a_503(scene: Scene, number: int) -> None:
    """When the retries are used up the client is told, and may do the same once more. Each step takes three faults."""
    how, size, name, after = STEPS[number]
    for turn in range(3):
        fault = FOR_LONG[(number + 2 * turn) % len(FOR_LONG)]
        content = blob(f"long {next(numbers)}", size)
        plan = at(name, fault, after=after, times=ALWAYS)
        with scene.fleet.client(any_503) as client, scene.proxy.planned(plan):
            done = how(client, content)
            # What was carried out late is as good as done, where a later look can tell.
            assert fault.late or fault is TRUNCATE or not done, f"{how.__name__} {size}: {name} {fault}"
        check(scene, content)
        with scene.fleet.client() as client:
            assert how(client, content)
        check(scene, content)


@pytest.mark.parametrize("fault", [*ONCE], ids=str)
def test_pulls_go_on(scene: Scene, fault: Fault) -> None:
    """A body that breaks is read on from where it broke."""
    for size in (SMALL, BIG):
        content = blob(f"pulled {next(numbers)}", size)
        with scene.fleet.client() as client:
            assert single(client, content)
            with scene.proxy.planned(at("GetObject", fault, times=2 if fault is TRUNCATE else 1)):
                assert pull(client, content), f"{size}: {fault}"


def test_load_over_faults_at_random(scene: Scene, seed: str) -> None:
    """One in eight calls fails; a client may be told 503, and never loses what was acknowledged."""
    faults = [replace(fault, seconds=0.5) if fault in {HOLD, LATE_HOLD} else fault for fault in EVERY_FAULT]
    before = sum(scene.proxy.faults.values())
    with scene.proxy.planned(at_random(seed, 0.12, faults)), scene.fleet.loaded(busy_or_503, 4):
        time.sleep(12)
    scene.fleet.look()
    assert sum(scene.proxy.faults.values()) - before > 30, scene.proxy.faults
    print(scene.fleet.report([]).splitlines()[0])


def test_server_killed_stopped_and_started(scene: Scene, seed: str) -> None:
    rng = random.Random(seed)
    with scene.fleet.loaded(busy_or_503, 3, outlives=True):
        for number in range(8):
            time.sleep(rng.uniform(0.2, 0.8))
            if number % 2:
                scene.storage.stop()
                time.sleep(rng.uniform(0.2, 2.5))
                scene.storage.go_on()
            else:
                scene.storage.kill()
                time.sleep(rng.uniform(0.0, 1.0))
                scene.storage.start()
            scene.proxy.faults["server " + ("stopped" if number % 2 else "killed")] += 1
        time.sleep(1.0)
    scene.fleet.wait_ready(10)
    scene.fleet.look()
