"""OpenStack Swift with its S3 API on this machine: one replica, four servers and a memcached, from Debian's packages.

It checks signatures and is strict about parts, as no other server is that can be had here; it is slow to start.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.s3.servers import S3Server, free_port

_FILTERS = "catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth copy slo dlo"

_STORE = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = root
swift_dir = {folder}
devices = {folder}/node
mount_check = false
log_level = WARNING
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

_PROXY = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = root
swift_dir = {folder}
log_level = WARNING
[pipeline:main]
pipeline = {filters} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = secretsecret .admin .reseller_admin
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
allow_no_owner = true
check_bucket_owner = false
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:slo]
use = egg:swift#slo
"""


@contextlib.contextmanager
def swift(folder: Path) -> Iterator[S3Server]:
    """Its data is below `folder`, which must be on a file system with extended attributes."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        memcached = free_port()
        stack.enter_context(_process(folder, "memcached", "-u", "root", "-l", "127.0.0.1", "-p", str(memcached)))
        for kind in ("account", "container", "object"):
            port = free_port()
            _ring(folder, kind, port)
            config = folder / f"{kind}.conf"
            config.write_text(_STORE.format(kind=kind, port=port, folder=folder))
            stack.enter_context(_process(folder, f"swift-{kind}-server", str(config)))
        port = free_port()
        config = folder / "proxy.conf"
        filters = [name for name in _FILTERS.split() if f"[filter:{name}]" not in _PROXY]
        plain = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in filters)
        config.write_text(_PROXY.format(port=port, folder=folder, filters=_FILTERS, memcached=memcached) + plain)
        server = S3Server(
            f"http://127.0.0.1:{port}", "test:tester", "secretsecret", "us-east-1",
            ["swift-proxy-server", str(config)], {}, folder / "proxy.log",
        )  # fmt: skip
        stack.callback(server.kill)
        server.start()
        yield server


def _ring(folder: Path, kind: str, port: int) -> None:
    (folder / "node" / "sda").mkdir(parents=True, exist_ok=True)
    builder = str(folder / f"{kind}.builder")
    for step in (
        ["create", "4", "1", "1"],
        ["add", f"r1z1-127.0.0.1:{port}/sda", "1"],
        ["rebalance"],
    ):
        subprocess.run(["swift-ring-builder", builder, *step], check=False, capture_output=True)  # 1 is a warning
    assert (folder / f"{kind}.ring.gz").exists()


@contextlib.contextmanager
def _process(folder: Path, *command: str) -> Iterator[None]:
    with (folder / f"{command[0]}.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()
