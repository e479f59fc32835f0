"""SeaweedFS, all its parts in one process, for the slow suite: it is built from its source before it is first used."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import ClientError

from tests.e2e.tools import go_tool
from tests.ports import free_port
from tests.s3.servers import START, S3Server, client

PARTS = ("master", "volume", "filer", "s3")


@contextlib.contextmanager
def seaweed(folder: Path) -> Iterator[S3Server]:
    """Its data is below `folder`."""
    (folder / "data").mkdir(parents=True)
    keys = {"accessKey": "access", "secretKey": "secretsecret"}
    identity = {"name": "tests", "credentials": [keys], "actions": ["Admin", "Read", "List", "Tagging", "Write"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = {part: free_port() for part in PARTS}
    command = [
        str(go_tool("weed")), "server", f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        "-master.volumeSizeLimitMB=64", "-volume.max=0", "-s3", f"-s3.config={folder}/s3.json",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false",
        *(f"-{part}.port={port}" for part, port in ports.items()),
        *(f"-{part}.port.grpc={free_port()}" for part in PARTS),
    ]  # fmt: skip
    url = f"http://127.0.0.1:{ports['s3']}"
    server = S3Server(url, keys["accessKey"], keys["secretKey"], "us-east-1", command, {}, folder / "log")
    try:
        server.start()
        _await_room(server)
        yield server
    finally:
        server.kill()


def _await_room(server: S3Server) -> None:
    """It answers before its parts have found each other."""
    deadline = time.monotonic() + START
    while True:
        try:
            client(server).create_bucket(Bucket="room")
            client(server).put_object(Bucket="room", Key="room", Body=b"room")
        except ClientError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
