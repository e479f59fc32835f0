"""S3 servers of the tests' own, each a process on a free port of this machine with its data in a folder.

moto      what S3 means: strict about parts, knows storage classes and encryption; believes every signature
gateway   the juicefs gateway over SQLite and files: checks signatures, clocks and presigned URLs, streams
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import boto3
import urllib3
from botocore.config import Config

Client: TypeAlias = Any
"""Of boto3, which has no types."""

START = 60.0
"""Seconds that a server may take to answer."""


@dataclass
class S3Server:
    """One that answers at `endpoint`; it can be killed or stopped, and started again over the same data."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """Of a server that runs."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Begin it, and wait for its first answer."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env={**os.environ, **self.environment}, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + START
        with urllib3.PoolManager(retries=False, timeout=5, cert_reqs="CERT_REQUIRED") as pool:
            while True:
                try:
                    pool.request("GET", self.endpoint)
                except urllib3.exceptions.SSLError:
                    return  # it is there, and nobody's
                except urllib3.exceptions.HTTPError:
                    if self.process.poll() is not None or time.monotonic() > deadline:
                        raise AssertionError(f"{self.command[0]} did not start: {self.log.read_text()}") from None
                    time.sleep(0.05)
                else:
                    return

    def kill(self) -> None:
        """`kill -9`, and its end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Let it answer nothing until `go_on`."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@contextlib.contextmanager
def moto(folder: Path, certificate: tuple[Path, Path] | None = None) -> Iterator[S3Server]:
    """A moto server; what it holds ends with its process. `certificate` and its key: by TLS."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [_script("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    url = _url(port)
    if certificate is not None:
        command += ["-s", "-c", str(certificate[0]), "-k", str(certificate[1])]
        url = url.replace("http:", "https:")
    with _running(S3Server(url, "access", "secretsecret", "us-east-1", command, {}, folder / "log")) as server:
        yield server


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[S3Server]:
    """A juicefs gateway with its data in `folder`; what it has acknowledged outlives its process."""
    folder.mkdir(parents=True, exist_ok=True)
    juicefs, meta = _script("juicefs"), f"sqlite3://{folder}/meta.db"
    form = [juicefs, "format", meta, "tests", "--storage", "file", "--bucket", f"{folder}/data/", "--trash-days", "0"]
    subprocess.run(form, check=True, capture_output=True)
    port = free_port()
    command = [
        juicefs, "gateway", meta, f"127.0.0.1:{port}", "--multi-buckets", "--keep-etag", "--no-banner",
        "--no-usage-report", "--cache-dir", str(folder / "cache"), "--log", str(folder / "gateway.log"),
        "--metrics", "127.0.0.1:0", "--backup-meta", "0",
    ]  # fmt: skip
    keys = {"MINIO_ROOT_USER": "access", "MINIO_ROOT_PASSWORD": "secretsecret"}
    made = S3Server(_url(port), "access", "secretsecret", "us-east-1", command, keys, folder / "log")
    with _running(made) as server:
        yield server


def make_bucket(server: S3Server, name: str) -> None:
    """`name` must not be there yet."""
    client(server).create_bucket(Bucket=name)


def bucket_settings(server: S3Server, bucket: str = "", **more: object) -> dict[str, object]:
    """Of the driver, for a bucket; for a new one when none is named."""
    if not bucket:
        bucket = f"bucket-{secrets.token_hex(8)}"
        make_bucket(server, bucket)
    return {
        "bucket": bucket,
        "endpoint": server.endpoint,
        "region": server.region,
        "addressing": "path",
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        **more,
    }


def client(server: S3Server) -> Client:
    """A client to look at what is stored, not the one under test."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(server: S3Server) -> Iterator[S3Server]:
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _script(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
