"""`entrepot serve` and `migrate` as a newcomer meets them: first lines, first start, and what stands in the way."""

import os
import signal
import socket
import sqlite3
import stat
from pathlib import Path
from time import monotonic, sleep

import pytest
from prometheus_client.parser import text_string_to_metric_families

from registry.metadata.schema import HEAD
from tests.cli.entrepot import get, refused, run, serving


def test_first_start_makes_everything_and_says_how_to_push(tmp_path: Path) -> None:
    root = tmp_path / "new" / "data"
    with serving("--root", str(root)) as (server, port, first):
        assert first[0].strip().endswith(f"listens on http://127.0.0.1:{port}")
        assert str(root) in first[1]
        assert "pull, push and delete" in first[2]
        image = f"127.0.0.1:{port}/IMAGE"
        assert f"docker tag IMAGE {image} && docker push {image}" in first[3]
        assert (root / "entrepot.db").is_file()
        assert stat.S_IMODE(root.stat().st_mode) & 0o007 == 0
        assert get(port, "/v2/")[0] == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0


def test_several_workers_count_into_one_metric(tmp_path: Path) -> None:
    with serving("--root", str(tmp_path), "--workers", "2") as (server, port, _):
        for _ in range(20):
            assert get(port, "/v2/")[0] == 200
        end = monotonic() + 10
        while not counted(get(port, "/metrics")[1].decode(), workers=2, pings=20):
            assert monotonic() < end, get(port, "/metrics")
            sleep(0.2)
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0


def counted(exposition: str, *, workers: int, pings: int) -> bool:
    """Whether so many workers are alive and together answered so many pings."""
    answered = [
        sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == "entrepot_requests_total" and sample.labels["route"] == "base"
    ]
    return f"entrepot_workers {workers}.0\n" in exposition and answered == [pings]


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        text = refused("serve", "--root", str(tmp_path), "--listen", listen, code=1)
    assert (
        text
        == f"entrepot: {listen} is in use; stop what listens there or choose another port with --listen HOST:PORT\n"
    )


@pytest.mark.parametrize(
    ("listen", "said"),
    [("192.0.2.1:5000", "is not an address of this machine"), ("registry.invalid:5000", "no such host")],
)
def test_an_address_that_is_not_here(tmp_path: Path, listen: str, said: str) -> None:
    arguments = ("serve", "--root", str(tmp_path), "--listen", listen, "--anonymous", "pull")
    assert said in refused(*arguments, code=1)


@pytest.mark.parametrize("verb", ["serve", "migrate"])
def test_a_root_that_cannot_be_made(tmp_path: Path, verb: str) -> None:
    (tmp_path / "file").write_text("")
    text = refused(verb, "--root", f"{tmp_path}/file/root", "--listen", "127.0.0.1:0", code=1)
    assert f"server.root {tmp_path}/file/root cannot be made: not a directory" in text
    assert "--root DIR" in text
    text = refused(verb, "--root", f"{tmp_path}/file", "--listen", "127.0.0.1:0", code=1)
    assert f"server.root {tmp_path}/file is not a folder; choose another" in text


def test_a_root_that_cannot_be_written_to(tmp_path: Path) -> None:
    # Root writes everywhere but to a file system that cannot be written to, and /proc is one on every machine.
    root = "/proc/1/entrepot"
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        root = str(tmp_path)
    assert f"server.root {root}" in refused("migrate", "--root", root, code=1)


def test_migrate(tmp_path: Path) -> None:
    done = run("migrate", "--root", str(tmp_path / "data"))
    assert done.returncode == 0, done
    assert done.stdout == f"sqlite:///{tmp_path}/data/entrepot.db is at revision {HEAD}\n"
    with sqlite3.connect(tmp_path / "data" / "entrepot.db") as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    database.close()
    assert run("migrate", "--root", str(tmp_path / "data")).stdout == done.stdout


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "entrepot.db").write_text("this is no database, although it is where one should be\n" * 100)
    assert "traceback" not in refused("migrate", "--root", str(tmp_path), code=1)
