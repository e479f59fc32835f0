"""Settings of a bucket, and the clients of one process for it: boto3's, which finds keys and roles by its own chain."""

from __future__ import annotations

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import boto3
from botocore.config import Config

from storage import threads

PART_LEAST = 5 << 20
"""Bytes that S3 wants a part to have, the last one aside."""

CONNECT_SECONDS = 10.0
"""Seconds; a server that cannot be connected to by then is tried again."""

Client: TypeAlias = Any
"""Of boto3, which has no types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """As the config's section `s3` has them; what is empty is left to boto3 or to the bucket."""

    bucket: str
    prefix: str = ""
    region: str = ""
    endpoint: str = ""
    addressing: str = "auto"
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    ca_bundle: str = ""
    encryption: str = ""
    kms_key: str = ""
    storage_class: str = ""
    part_size: int = 8 << 20
    connections: int = 64
    attempts: int = 5
    timeout: float = 60.0
    redirect_endpoint: str = ""

    def __post_init__(self) -> None:
        if not self.bucket:
            raise ValueError("s3.bucket is not set, name the bucket that is to hold the blobs")
        for name, url in (("endpoint", self.endpoint), ("redirect_endpoint", self.redirect_endpoint)):
            if url and not url.startswith(("http://", "https://")):
                raise ValueError(f"s3.{name} is {url!r}, begin it with http:// or https://")
        if self.part_size < PART_LEAST:
            raise ValueError(f"s3.part_size is {self.part_size}, S3 wants at least {PART_LEAST}")

    def key(self, path: str) -> str:
        """The object's name for a stored path."""
        prefix = self.prefix.strip("/")
        return f"{prefix}/{path}" if prefix else path


class Connection:
    """The clients of one process, and the threads that send for others."""

    def __init__(self, settings: Settings) -> None:
        self.requests: Counter[str] = Counter()
        """Requests sent so far by the S3 name of their operation, those sent again too."""
        self._lock = threading.Lock()
        self.room = threading.BoundedSemaphore(settings.connections)
        """Held by each request until its answer begins; bodies that are passed on are not waited for."""
        self.client = _client(settings, settings.endpoint)
        self.client.meta.events.register("before-send.s3", self._count)
        apart = settings.redirect_endpoint not in ("", settings.endpoint)
        self.presigning = _client(settings, settings.redirect_endpoint) if apart else self.client
        # Apart: what is small must not wait until what is large has been sent.
        count = max(2, settings.connections // 2)
        self.small = ThreadPoolExecutor(count, thread_name_prefix="s3-small", initializer=threads.begin)
        self.large = ThreadPoolExecutor(count, thread_name_prefix="s3-large", initializer=threads.begin)

    def _count(self, event_name: str, **_: object) -> None:
        with self._lock:
            self.requests[event_name.rpartition(".")[2]] += 1


class Connections:
    """The connection of whichever process asks: a fork must not use its parent's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._process = 0
        self._connection: Connection | None = None

    def get(self) -> Connection:
        """Made when it is first asked for."""
        connection = self._connection
        if connection is None or self._process != os.getpid():
            with self._lock:
                if self._connection is None or self._process != os.getpid():
                    self._connection, self._process = Connection(self._settings), os.getpid()
                connection = self._connection
        return connection


def _client(settings: Settings, endpoint: str) -> Client:
    session = boto3.session.Session(
        aws_access_key_id=settings.access_key or None,
        aws_secret_access_key=settings.secret_key or None,
        aws_session_token=settings.session_token or None,
        region_name=settings.region or None,
    )
    secure = not endpoint.startswith("http://")
    config = Config(
        signature_version="s3v4",
        region_name=session.region_name or "us-east-1",
        s3={
            "addressing_style": settings.addressing,
            # Without TLS the signature is all that tells whether a body arrived as it was sent.
            "payload_signing_enabled": not secure,
            "us_east_1_regional_endpoint": "regional",
        },
        # AWS's newer checksums are unknown to most other servers.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=settings.connections,
        connect_timeout=min(CONNECT_SECONDS, settings.timeout),
        read_timeout=settings.timeout,
        retries={"mode": "standard", "total_max_attempts": settings.attempts},
        tcp_keepalive=True,
    )
    return session.client("s3", endpoint_url=endpoint or None, verify=settings.ca_bundle or None, config=config)
