"""Containers of a real image with the real runc: made, started, found, mended after deaths, removed."""

import io
import json
import os
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.bundle.container import HostConfig, Mount, RestartPolicy
from runtime.engine import archive, copy, frames, lifecycle, locks, looking, service, stop
from runtime.engine.describe import describe
from runtime.engine.errors import Ambiguous, BadPath, NameInvalid, NameTaken, NoSuchContainer, StartFailed, WrongState
from runtime.engine.exec import Wanted
from runtime.engine.exec import run as run_exec
from runtime.engine.finish import finish
from runtime.engine.logs import read
from runtime.engine.machine import Machine
from runtime.engine.pump import Pump
from runtime.engine.remove import remove
from runtime.engine.rename import rename
from runtime.engine.rootfs import mount
from runtime.engine.select import select
from runtime.engine.start import Attach, start
from runtime.images.image import Image
from runtime.syscall.processes import adopts_orphans
from tests.runtime.engine.images import install, made


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory, rootfs: Path) -> tuple[Path, Path, Image]:
    """A data root with the image, and a run root."""
    folder = tmp_path_factory.mktemp("engine")
    return folder / "data", folder / "run", install(folder / "data", rootfs)


@pytest.fixture
def machine(roots: tuple[Path, Path, Image]) -> Iterator[Machine]:
    """An engine; at the end no container is left, and nothing of one is mounted."""
    here = Machine(roots[0], roots[1])
    yield here
    for id in here.store.ids():
        remove(here, id, force=True, with_volumes=True)
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(roots[0] / "containers") not in mounts
    assert os.listdir(here.paths.running) == []


@pytest.fixture
def image(roots: tuple[Path, Path, Image]) -> Image:
    """busybox."""
    return roots[2]


def until(what: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def started(machine: Machine, id: str) -> None:
    """Start one and leave it alone."""
    if connection := start(machine, id):
        connection.close()


def rootfs_of(machine: Machine, id: str) -> None:
    """Mount its files, as a start does first."""
    mount(machine, machine.paths.of(id))


def monitor_of(machine: Machine, id: str) -> int:
    """The process that is the monitor of a container that runs."""
    pid = machine.store.state(id).pid
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_container_runs_and_is_gone_with_all_it_had(machine: Machine, image: Image) -> None:
    record = made(machine, image, "sh", "-c", "hostname; id -u", rm=True)
    with start(machine, record.id, Attach(stdout=True, custodian=True)) or pytest.fail("it ran") as connection:
        output = b""
        kind = b""
        while kind != frames.GONE:
            for kind, payload in connection.receive():
                output += payload if kind == frames.STDOUT else b""
        finish(machine, record.id)
        connection.send(frames.FINISHED)
    assert output.decode() == f"{record.id[:12]}\n0\n"
    assert machine.store.ids() == []
    assert machine.snapshots.keys() == []
    assert os.listdir(machine.paths.names) == []


def test_names_ids_and_their_beginnings(machine: Machine, image: Image) -> None:
    one = made(machine, image, "true", name="one")
    two = made(machine, image, "true")
    assert machine.store.find("one") == machine.store.find("/one") == machine.store.find(one.id[:20]) == one.id
    with pytest.raises(NameTaken):
        made(machine, image, "true", name="one")
    with pytest.raises(NameInvalid):
        made(machine, image, "true", name="../one")
    with pytest.raises(NoSuchContainer):
        machine.store.find("three")
    with pytest.raises(NoSuchContainer):
        machine.store.find("../names/one")
    rename(machine, one.id, "three")
    assert machine.store.find("three") == one.id
    assert made(machine, image, "true", name="one").name == "one"
    assert sorted(machine.store.ids()) == sorted({one.id, two.id, machine.store.find("one")})
    beginnings = [id[:1] for id in machine.store.ids()]
    if shared := next((each for each in beginnings if beginnings.count(each) > 1), ""):
        with pytest.raises(Ambiguous):
            machine.store.find(shared)


def test_what_does_not_start_leaves_nothing_set_up(machine: Machine, image: Image) -> None:
    record = made(machine, image, "/bin/nothing")
    with pytest.raises(StartFailed) as failed:
        start(machine, record.id)
    assert (failed.value.exit_code, machine.store.state(record.id).status) == (127, lifecycle.CREATED)
    assert not os.path.ismount(machine.paths.of(record.id).rootfs)
    mounts = (Mount(type="bind", source="/nowhere/at/all", target="/x"),)
    bad = made(machine, image, "true", host=HostConfig(network_mode="none", mounts=mounts))
    with pytest.raises(Exception, match="bind source path does not exist"):
        start(machine, bad.id)
    assert not os.path.ismount(machine.paths.of(bad.id).rootfs)
    assert "does not exist" in machine.store.state(bad.id).error


def test_nobody_waits_and_the_monitor_finishes(machine: Machine, image: Image) -> None:
    kept, removed = made(machine, image, "true"), made(machine, image, "true", rm=True)
    started(machine, kept.id)
    started(machine, removed.id)
    until(lambda: not os.path.exists(machine.paths.of(kept.id).run))
    assert not os.path.ismount(machine.paths.of(kept.id).rootfs)
    until(lambda: machine.store.ids() == [kept.id])


def test_a_monitor_that_is_killed_takes_its_container_along(machine: Machine, image: Image) -> None:
    record = made(machine, image, "sleep", "1000")
    started(machine, record.id)
    pid = machine.store.state(record.id).pid
    os.kill(monitor_of(machine, record.id), signal.SIGKILL)
    until(lambda: not locks.is_held(machine.paths.of(record.id).monitor))
    now = looking.looked_at(machine, record.id)
    assert (now.status, now.exit_code, now.pid) == (lifecycle.EXITED, 137, 0)
    until(lambda: not os.path.exists(f"/proc/{pid}"))
    assert not os.path.ismount(machine.paths.of(record.id).rootfs)
    started(machine, record.id)
    assert machine.store.state(record.id).status == lifecycle.RUNNING


def test_a_command_that_is_killed_leaves_the_finishing_to_the_monitor(machine: Machine, image: Image) -> None:
    record = made(machine, image, "sh", "-c", "sleep 0.3", rm=True)
    child = os.fork()
    if not child:
        try:
            start(machine, record.id, Attach(stdout=True, custodian=True))
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    until(lambda: machine.store.ids() == [])
    until(lambda: machine.snapshots.keys() == [])


def test_what_a_killed_start_left_is_cleared(machine: Machine, image: Image) -> None:
    record, other = made(machine, image, "sleep", "1000"), made(machine, image, "true", rm=True)
    for id in (record.id, other.id):
        os.makedirs(machine.paths.of(id).run)
        rootfs_of(machine, id)
    started(machine, record.id)
    assert Path("/proc/self/mountinfo").read_text().count(machine.paths.of(record.id).rootfs) == 1
    assert [found.id for found, _ in select(machine, {}, everything=True)] == [record.id]
    assert not os.path.ismount(machine.paths.of(other.id).rootfs)


def test_after_a_boot_what_should_run_does(machine: Machine, image: Image) -> None:
    def policy(name: str) -> HostConfig:
        return HostConfig(network_mode="none", restart_policy=RestartPolicy(name=name))

    wanted = {name: made(machine, image, "sleep", "1000", name=name, host=policy(name)) for name in ("always", "no")}
    stopped = made(machine, image, "sleep", "1000", name="stopped", host=policy("unless-stopped"))
    for record in (*wanted.values(), stopped):
        started(machine, record.id)
    stop.stop(machine, stopped.id, signal=9)
    for record in wanted.values():
        os.kill(monitor_of(machine, record.id), signal.SIGKILL)
        until(lambda id=record.id: not locks.is_held(machine.paths.of(id).monitor))  # type: ignore[misc]
    again = service.boot(machine, lambda record, error: pytest.fail(str(error)))
    assert [record.name for record in again] == ["always"]


def test_removing_asks_for_force_while_it_runs(machine: Machine, image: Image) -> None:
    record = made(machine, image, "sleep", "1000")
    started(machine, record.id)
    with pytest.raises(WrongState, match="force"):
        remove(machine, record.id)
    assert start(machine, record.id) is None
    remove(machine, record.id, force=True)
    with pytest.raises(NoSuchContainer):
        machine.store.find(record.id)
    finish(machine, record.id)  # as its monitor does when it is late
    until(lambda: not Path(machine.paths.of(record.id).lock).exists())


def test_anonymous_volumes_are_filled_and_go_with_it(machine: Machine, image: Image) -> None:
    host = HostConfig(network_mode="none", mounts=(Mount(type="volume", source="kept", target="/tmp"),))
    record = made(machine, image, "sh", "-c", "cat /etc/passwd; echo x > /tmp/x", volumes={"/etc": {}}, host=host)
    started(machine, record.id)
    stop.wait(machine, record.id)
    text = "".join(entry.text for entry in read(machine, record.id, follow=True))
    assert "root:x:0:0" in text
    assert len(record.anonymous) == 1
    described = describe(machine, record.id)
    assert [each["Destination"] for each in described["Mounts"]] == ["/etc", "/tmp"]
    remove(machine, record.id, with_volumes=True)
    assert [volume.name for volume in machine.volumes.every()] == ["kept"]
    assert (machine.volumes.path("kept") / "x").read_text() == "x\n"
    machine.volumes.remove("kept", lambda name: [])


def test_exec_has_streams_user_and_exit_code(machine: Machine, image: Image) -> None:
    record = made(machine, image, "sleep", "1000")
    started(machine, record.id)
    read_end, write_end = os.pipe()
    given, giving = os.pipe()
    os.write(giving, b"typed\n")
    os.close(giving)
    script = "cat; id -u; echo $A; pwd; exit 9"
    wanted = Wanted(("sh", "-c", script), stdin=True, env=("A=b",), user="user", cwd="/tmp")
    code, left = run_exec(
        machine.paths,
        record.id,
        wanted,
        lambda run: Pump({run.stdout: write_end, run.stderr: write_end}, source=given, sink=run.stdin),
    )
    os.close(write_end)
    with open(read_end) as out:
        assert out.read() == "typed\n1000\nb\n/tmp\n"
    assert (code, left) == (9, False)
    assert not adopts_orphans()
    with pytest.raises(StartFailed) as failed:
        run_exec(machine.paths, record.id, Wanted(("nothing",)), lambda run: Pump({}))
    assert failed.value.exit_code == 127
    assert [name for name in os.listdir(machine.paths.of(record.id).run) if name.startswith("exec-")] == []


def test_logs_by_their_end_and_as_they_come(machine: Machine, image: Image) -> None:
    record = made(machine, image, "sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.05; done")
    started(machine, record.id)
    assert [entry.text for entry in read(machine, record.id, follow=True)] == ["1\n", "2\n", "3\n", "4\n", "5\n"]
    assert [entry.text for entry in read(machine, record.id, tail=2)] == ["4\n", "5\n"]
    assert list(read(machine, record.id, tail=0)) == []


LINKS = "mkdir -p /d/e; echo in > /d/e/f; ln -s /tmp/victim /d/link; ln -s /../../../../tmp /d/up; sleep 1000"


def test_copies_stay_within_the_container(machine: Machine, image: Image, tmp_path: Path) -> None:
    record = made(machine, image, "sh", "-c", LINKS)
    started(machine, record.id)
    until((Path(machine.paths.of(record.id).rootfs) / "d/up").is_symlink)
    copy.out(machine, record.id, "/d", str(tmp_path))
    assert (tmp_path / "d/e/f").read_text() == "in\n"
    assert os.readlink(tmp_path / "d/link") == "/tmp/victim"
    (tmp_path / "given").write_text("given")
    copy.in_(machine, record.id, str(tmp_path / "given"), "/d/up")
    assert (Path(machine.paths.of(record.id).rootfs) / "tmp/given").read_text() == "given"
    assert not Path("/tmp/given").exists()
    with pytest.raises(BadPath):
        copy.out(machine, record.id, "/d/nothing", str(tmp_path))
    with pytest.raises(BadPath, match="folder"):
        copy.in_(machine, record.id, str(tmp_path / "d"), "/d/e/f")


def test_archives_stay_within_the_container(machine: Machine, image: Image) -> None:
    record = made(machine, image, "sh", "-c", LINKS)
    started(machine, record.id)
    top = Path(machine.paths.of(record.id).rootfs)
    until((top / "d/up").is_symlink)
    came = io.BytesIO()
    with tarfile.open(fileobj=came, mode="w") as tar:
        for name in ("up/planted", "../../escaped", "/absolute", "e/f"):
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"new"))
    came.seek(0)
    copy.stream_in(machine, record.id, came, "/d")
    assert (top / "tmp/planted").read_bytes() == (top / "d/escaped").read_bytes() == b"new"
    assert (top / "d/absolute").exists()
    assert not Path("/tmp/planted").exists()
    out = io.BytesIO()
    copy.stream_out(machine, record.id, "/d", out)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert {"d/e/f", "d/link", "d/up", "d/escaped"} <= set(tar.getnames())
        assert tar.getmember("d/link").issym()


def test_an_archive_of_a_growing_file_has_its_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    os.link(tmp_path / "a", tmp_path / "b")
    folder = os.open(tmp_path, os.O_RDONLY)
    out = io.BytesIO()
    writer = archive.Writer(out)
    writer.add(folder, ".", "")
    writer.close()
    os.close(folder)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert [(each.name, each.type, each.size) for each in tar] == [
            ("a", tarfile.REGTYPE, 1000),
            ("b", tarfile.LNKTYPE, 0),
        ]


def test_what_is_written_down_is_dockers(machine: Machine, image: Image) -> None:
    record = made(machine, image, "sleep", "1000", name="told", labels={"a": "b"})
    started(machine, record.id)
    found = json.loads(json.dumps(describe(machine, record.id)))
    assert (found["Name"], found["Path"], found["Args"]) == ("/told", "sleep", ["1000"])
    assert found["State"]["Running"]
    assert found["State"]["Pid"] > 0
    assert found["Config"]["Labels"] == {"a": "b"}
    assert found["HostConfig"]["NetworkMode"] == "none"
