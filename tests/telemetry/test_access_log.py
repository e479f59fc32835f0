"""Lines are whole, in order, cheap, and never in the way of an answer."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from registry.telemetry.access_log import AccessLog, Line

LATE = 1_700_000_000.25


def add(log: AccessLog, target: str = "/v2/", now: float = LATE) -> None:
    """Keep a line."""
    log.line(Line(now, "id1", "10.0.0.1", "anonymous", "GET", target, "ping", 200, 0.0012345678, 1, 2, "agent/1"))


def read(path: Path) -> list[dict[str, object]]:
    """The lines of a log."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_line_says_everything(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "access"))
    add(log)
    assert (tmp_path / "access").read_bytes() == b""
    log.flush()
    assert read(tmp_path / "access") == [
        {
            "time": "2023-11-14T22:13:20.250Z",
            "request_id": "id1",
            "client": "10.0.0.1",
            "principal": "anonymous",
            "method": "GET",
            "target": "/v2/",
            "route": "ping",
            "status": 200,
            "seconds": 0.001235,
            "received": 1,
            "sent": 2,
            "agent": "agent/1",
        }
    ]
    log.close()


def test_what_a_client_sends_stays_on_its_line(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "access"))
    add(log, 'a\nb"\x00\u2028')
    add(log, "c")
    log.close()
    assert [line["target"] for line in read(tmp_path / "access")] == ['a\nb"\x00\u2028', "c"]
    assert (tmp_path / "access").read_bytes().count(b"\n") == 2


def test_switched_off(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "access"), enabled=False)
    add(log)
    log.reopen()
    log.close()
    assert not (tmp_path / "access").exists()


def test_a_full_buffer_is_written_by_itself(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "access"))
    for _ in range(4096):
        add(log)
    assert len(read(tmp_path / "access")) == 4096
    log.close()


def test_goes_on_in_a_new_file(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "access"))
    add(log, "old")
    (tmp_path / "access").rename(tmp_path / "access.1")
    log.reopen()
    add(log, "new")
    log.close()
    assert [line["target"] for line in read(tmp_path / "access.1")] == ["old"]
    assert [line["target"] for line in read(tmp_path / "access")] == ["new"]


def test_goes_on_in_the_old_file_when_there_can_be_no_new_one(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = AccessLog(str(folder / "access"))
    folder.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError):
        log.reopen()
    add(log, "still here")
    log.close()
    assert [line["target"] for line in read(tmp_path / "moved" / "access")] == ["still here"]


def test_what_cannot_be_written_is_counted(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "access"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        for _ in range(3):
            add(log)
            log.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    add(log, "again")
    log.close()
    first, second = read(tmp_path / "access")
    assert first == {"dropped_lines": 3}
    assert second["target"] == "again"


def test_a_pipe_gets_whole_lines_and_exit_flushes() -> None:
    program = (
        "from registry.telemetry.access_log import AccessLog, Line\n"
        "log = AccessLog()\n"
        "for n in range(200):\n"
        "    log.line(Line(0.0, 'id', 'c', 'p', 'GET', 'x' * n, 'r', 200, 0.1, 0, 0, 'a'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert [len(json.loads(line)["target"]) for line in done.stdout.splitlines()] == list(range(200))


@pytest.mark.parametrize("path", ["/nonexistent/folder/access"])
def test_a_file_that_cannot_be_opened_is_an_error_at_the_start(path: str) -> None:
    with pytest.raises(FileNotFoundError):
        AccessLog(path)
