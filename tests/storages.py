"""Which kind of storage the tests of the whole server run on: ENTREPOT_TEST_STORAGE, filesystem or s3."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.s3.servers import S3Server, gateway, make_bucket

KINDS = ("filesystem", "s3")
KIND = os.environ.get("ENTREPOT_TEST_STORAGE", "filesystem")

assert KIND in KINDS, f"ENTREPOT_TEST_STORAGE is {KIND}: use one of {', '.join(KINDS)}"

BUCKET = "tests"

_numbers = itertools.count(1)


@functools.cache
def _shared() -> S3Server:
    """The S3 server of this test run, started when it is first asked for."""
    stack = ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="entrepot-s3-", ignore_cleanup_errors=True))
    server = stack.enter_context(gateway(Path(folder)))
    make_bucket(server, BUCKET)
    return server


@functools.cache
def stored(root: Path) -> dict[str, str]:
    """The variables that have a server in `root` keep its blobs there; none for the kind that it uses by itself.

    On S3 bytes are passed through, as the clients of the tests do not follow.
    """
    if KIND == "filesystem":
        return {}
    server = _shared()
    return {
        "ENTREPOT_STORAGE_DRIVER": "s3",
        "ENTREPOT_S3_BUCKET": BUCKET,
        "ENTREPOT_S3_PREFIX": f"server-{next(_numbers)}",
        "ENTREPOT_S3_ENDPOINT": server.endpoint,
        "ENTREPOT_S3_ACCESS_KEY": server.access_key,
        "ENTREPOT_S3_SECRET_KEY": server.secret_key,
        "ENTREPOT_S3_REDIRECT": "false",
    }
