"""What troubles a server from outside: outputs, descriptors, folders, signals, and a start that cannot succeed."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from registry.cli.certificate import checked_certificate
from registry.config import Config
from registry.config.settings import Tls
from tests.cli.entrepot import refused
from tests.client.certificates import pair
from tests.protocol.client import Closed, encode
from tests.protocol.content import OCTETS, new_repository
from tests.protocol.server import Server, wait_until

DROPPED = 'entrepot_log_lines_dropped_total{log="access"} '


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One that is gone afterwards; with an access log of its own, as one line for each probe fills the log."""
    made = Server(tmp_path, {"ENTREPOT_LOG_ACCESS_FILE": str(tmp_path / "access.log")})
    yield made
    if made._process is not None:
        made.kill()


def metric(server: Server, name: str) -> float:
    """The value of one series."""
    lines = server.client.get("/metrics").body.decode().splitlines()
    return float(next(line for line in lines if line.startswith(name)).rpartition(" ")[2])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_output_that_is_not_read_stops_no_request(server: Server, workers: str) -> None:
    del server.variables["ENTREPOT_LOG_ACCESS_FILE"]
    server.variables["ENTREPOT_SERVER_WORKERS"] = workers
    reader, writer = os.pipe()
    server.launch(stdout=writer)
    os.close(writer)
    wait_until(server.is_ready, 30, "the server does not get ready")
    long = "x" * 7000
    with server.client.connect() as connection:
        for _ in range(900):
            assert connection.request("GET", f"/v2/{long}/manifests/latest").status in (400, 404)
        assert connection.request("GET", "/healthz").status == 200
        wait_until(lambda: metric(server, DROPPED) > 100, 10, "lines are not dropped, or not counted")
        with os.fdopen(reader, "rb") as output:
            lines = []
            said = 0
            while not said:
                line = json.loads(output.readline())
                lines.append(line)
                said = line.get("dropped_lines", 0)
            assert said > 100
            assert len(lines) > 400, "what was kept comes first"
            assert connection.request("GET", "/healthz").status == 200


def test_a_full_disk_under_the_output_is_said(server: Server) -> None:
    server.variables["ENTREPOT_LOG_ACCESS_FILE"] = "/dev/full"
    server.start()
    assert server.client.get("/v2/").status == 200
    wait_until(lambda: "access log cannot be written" in server.log, 5, "nothing is said")
    assert "no space left on device" in server.log
    assert metric(server, DROPPED) >= 1


def test_an_access_log_that_cannot_be_opened(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "access.log")
    environ = {"ENTREPOT_LOG_ACCESS_FILE": path, "ENTREPOT_SERVER_WORKERS": "2"}
    text = refused("serve", "--root", str(tmp_path), "--listen", "127.0.0.1:0", code=1, environ=environ)
    assert f"log.access_file {path} cannot be opened: no such file or directory" in text


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    """One line before the greeting, which names the file."""
    one, other = pair(tmp_path, "one"), pair(tmp_path, "other")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate\n")
    encrypted = tmp_path / "encrypted.key"
    words = ["openssl", "pkey", "-in", str(one.key), "-aes128", "-passout", "pass:secret", "-out", str(encrypted)]
    subprocess.run(words, check=True, capture_output=True)
    for certificate, key, said in (
        (tmp_path / "missing.crt", one.key, f"tls.certificate {tmp_path}/missing.crt cannot be read: no such file"),
        (one.certificate, tmp_path / "missing.key", f"tls.key {tmp_path}/missing.key cannot be read: no such file"),
        (one.certificate, tmp_path, f"tls.key {tmp_path} cannot be read: is a directory"),
        (garbage, one.key, f"tls.certificate {garbage} with tls.key {one.key} cannot be used: they must be PEM"),
        (one.certificate, other.key, "they do not belong together"),
        (one.certificate, encrypted, f"tls.key {encrypted} needs a password"),
    ):
        with pytest.raises(click.ClickException, match=re.escape(said)):
            checked_certificate(Config(tls=Tls(certificate=str(certificate), key=str(key))))
    environ = {"ENTREPOT_TLS_CERTIFICATE": str(garbage), "ENTREPOT_TLS_KEY": str(one.key)}
    arguments = ("serve", "--root", str(tmp_path / "root"), "--listen", "127.0.0.1:0", "--workers", "2")
    assert f"tls.certificate {garbage}" in refused(*arguments, code=1, environ=environ)


GIVES_UP = """
import socket, sys, time
from registry import supervisor
from registry.telemetry.logs import configure

supervisor.PAUSES = (0.02,)
configure("info", "text")

def work():
    time.sleep(0.01)
    return 3

sys.exit(supervisor.Supervisor(work, socket.socket(), [None, None]).run())
"""


def test_a_start_that_cannot_succeed_is_given_up() -> None:
    done = subprocess.run([sys.executable, "-c", GIVES_UP], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("ended with status 3 and is replaced") == 9
    assert done.stderr.splitlines()[-1].endswith(
        "the workers end as soon as they start, 5 times in a row; the server gives up  source=registry.supervisor"
    )


KEEPS_ON = """
import os, socket, sys, time
from registry import supervisor

supervisor.PAUSES, supervisor.SETTLED_SECONDS = (0.02,), 0.3

def work():
    with open(sys.argv[1], "ab", 0) as file:
        file.write(b"x")
        first = file.tell() == 1
    time.sleep(100 if first else 0.01)
    return 3

sys.exit(supervisor.Supervisor(work, socket.socket(), [None, None]).run())
"""


def test_a_worker_that_serves_is_kept_while_another_cannot_start(tmp_path: Path) -> None:
    count = tmp_path / "count"
    with subprocess.Popen([sys.executable, "-c", KEEPS_ON, str(count)]) as parent:
        try:
            # More than the tries in which all would have to fail, of a place that fails all the time.
            wait_until(lambda: count.exists() and count.stat().st_size > 30, 20, "the place is not tried again")
            assert parent.poll() is None
        finally:
            parent.kill()


def test_the_folder_of_metrics_is_removed(server: Server) -> None:
    server.variables["ENTREPOT_SERVER_WORKERS"] = "2"
    server.start()
    for _ in range(2):
        shutil.rmtree(server.root / "metrics", ignore_errors=True)
        time.sleep(0.3)
        assert server.client.get("/v2/").status == 200
        assert server.client.get("/metrics").status == 200
        wait_until((server.root / "metrics").is_dir, 5, "the folder is not made again")
    assert "Traceback" not in server.log


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_drain(server: Server, workers: str, number: int) -> None:
    server.variables |= {"ENTREPOT_SERVER_WORKERS": workers, "ENTREPOT_SERVER_DRAIN_TIMEOUT": "60s"}
    server.start()
    repository = new_repository(server.client)
    with server.client.connect() as connection:
        connection.send(encode("PATCH", repository.start(), OCTETS | {"Content-Length": "600000"}) + b"x" * 300_000)
        time.sleep(0.5)
        server.client.close()
        server.process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            server.wait(1.5)
        server.process.send_signal(number)
        assert server.wait(5) == 0


def test_a_signal_for_all_processes_is_one_wish(server: Server) -> None:
    """systemd sends SIGTERM to every process of a service, and a terminal SIGINT: the drain goes on."""
    server.variables |= {"ENTREPOT_SERVER_WORKERS": "2", "ENTREPOT_SERVER_DRAIN_TIMEOUT": "60s"}
    server.start()
    repository = new_repository(server.client)
    with server.client.connect() as connection:
        connection.send(encode("PATCH", repository.start(), OCTETS | {"Content-Length": "600000"}) + b"x" * 300_000)
        time.sleep(0.5)
        server.client.close()
        os.killpg(server.process.pid, signal.SIGTERM)
        time.sleep(0.7)
        connection.send(b"x" * 300_000)
        assert connection.read().status == 202
    assert server.wait(10) == 0


def test_the_limit_of_descriptors_is_raised_to_what_the_bounds_need(server: Server) -> None:
    server.launch()
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (300, 20_000))  # before it has loaded its modules
    wait_until(server.is_ready, 30, "the server does not get ready")
    assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (256 + 2 * 4096, 20_000)
    assert "limits.connections" not in server.log


def test_a_hard_limit_that_is_too_low_is_said_and_lived_with(server: Server) -> None:
    server.launch()
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (300, 300))
    wait_until(server.is_ready, 30, "the server does not get ready")
    said = "limits.connections is 4096, but a process may open 300 files, enough for 22 connections"
    assert server.log.count(said) == 1
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    repository = new_repository(server.client)
    for one in held:
        one.close()
    wait_until(server.is_ready, 10, "the server is not ready again")
    repository.push(b"x" * 3_000_000)


def test_running_out_of_descriptors_is_said_and_counted(server: Server) -> None:
    server.variables["ENTREPOT_SERVER_WORKERS"] = "1"
    server.start()
    pid = server.process.pid
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 10, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))
    held = []
    try:
        for _ in range(60):
            held.append(socket.create_connection(("127.0.0.1", server.port)))
        wait_until(lambda: "no file descriptor is free" in server.log, 10, "nothing is said")
        before = cpu(pid)
        time.sleep(2)
        assert cpu(pid) - before < 0.5, "the loop spins"
    finally:
        for one in held:
            one.close()
        server.client.close()
    wait_until(lambda: asked(server), 10, "the server does not recover")
    assert server.log.count("no file descriptor is free") == 1
    assert metric(server, "entrepot_out_of_descriptors_seconds_total") >= 1


def asked(server: Server) -> bool:
    """Whether it answers."""
    try:
        return server.client.get("/healthz").status == 200
    except (OSError, Closed):
        return False


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_the_greeting_goes_where_the_log_goes_and_in_its_form(server: Server) -> None:
    server.variables["ENTREPOT_LOG_FORMAT"] = "json"
    server.start()
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert f"listens on http://127.0.0.1:{server.port}" in lines[0]["message"]
