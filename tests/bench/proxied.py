"""Ours and the reference registry, each behind an nginx of its own with the same settings: how most teams run one."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

from tests.bench import build, compare, servers
from tests.bench.compare import Plan
from tests.bench.rows import ROWS, Row
from tests.bench.section import Section
from tests.bench.servers import Command, Kind

TARGETS = {
    "manifest-tag": 3.0, "manifest-digest": 3.0, "manifest-head": 3.0, "blob-head": 3.0, "image-push": 1.5,
    "image-push-pooled": 1.5, "blob-pull": 1.2, "blob-push-put": 1.5, "blob-push-patch": 1.5,
}  # fmt: skip
PROXIED_ROWS = tuple(
    replace(row, throughput=TARGETS[row.name], cpu=None, p99_ms=None) for row in ROWS if row.name in TARGETS
)
BACKEND_PORTS = 40
"""How far the port of a registry is from that of its nginx."""

# What deploy/nginx.conf has, without TLS, which would be most of what is measured.
NGINX_SETTINGS = """\
worker_processes auto;
user root;
pid {root}/nginx.pid;
error_log {root}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {root}/nginx-body;
    proxy_temp_path {root}/nginx-proxy;
    fastcgi_temp_path {root}/nginx-fastcgi;
    uwsgi_temp_path {root}/nginx-uwsgi;
    scgi_temp_path {root}/nginx-scgi;
    sendfile on;
    tcp_nopush on;
    upstream registry {{
        server {backend};
        keepalive 64;
        keepalive_requests 100000;
    }}
    server {{
        listen {address};
        client_max_body_size 0;
        client_body_buffer_size 256k;
        keepalive_requests 1000000;
        location /_entrepot/files/ {{
            internal;
            alias {root}/storage/;
            etag off;
            add_header ETag $upstream_http_etag always;
            add_header Docker-Content-Digest $upstream_http_docker_content_digest always;
        }}
        location / {{
            proxy_pass http://registry;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_buffer_size 32k;
            proxy_buffers 8 256k;
            proxy_busy_buffers_size 1m;
            proxy_max_temp_file_size 0;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_redirect off;
        }}
    }}
}}
"""
OUR_SETTINGS = """\
[server]
trusted_proxies = ["127.0.0.1/32"]
"""

SENT_SETTINGS = f'{OUR_SETTINGS}proxy_sends_files = "x-accel-redirect"\n'
SENT_ROWS = tuple(replace(row, throughput=2.0) for row in PROXIED_ROWS if row.name == "blob-pull")


def run(plan: Plan, binary: Path) -> Section:
    """Measure both in turns. Raises CannotBuild where nginx is not installed."""
    note = (
        "One nginx for each, with the settings of `deploy/nginx.conf` without TLS; "
        "its CPU time is in the figures of both."
    )
    return _measured(plan, binary, OUR_SETTINGS, PROXIED_ROWS, "Behind nginx", note)


def run_sent(plan: Plan, binary: Path) -> Section:
    """The same of blobs that our nginx sends itself (`server.proxy_sends_files`)."""
    note = "The same; our nginx sends blobs from the disk itself, the reference has nothing of the kind."
    return _measured(plan, binary, SENT_SETTINGS, SENT_ROWS, "Behind nginx, which sends the files", note)


def _measured(plan: Plan, binary: Path, settings: str, rows: tuple[Row, ...], title: str, note: str) -> Section:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        raise build.CannotBuild("nginx is not installed: apt-get install nginx-light")
    kinds = [_behind(nginx, _ours(settings)), _behind(nginx, servers.reference(binary))]
    records = compare.compare(replace(plan, first_port=plan.first_port + 8), kinds, list(rows))
    return Section(f"{title}: against {kinds[1].title} {kinds[1].version}", note, rows, records)


def _ours(text: str) -> Kind:
    base = servers.ours()

    def command(root: Path, address: str) -> list[str]:
        settings = root / "entrepot.toml"
        settings.write_text(text)
        return [*base.command(root, address), "--config", str(settings)]

    return Kind(base.name, base.title, base.version, command)


def _behind(nginx: str, kind: Kind) -> Kind:
    return Kind(f"{kind.name}-nginx", f"{kind.title} behind nginx", kind.version, _command(nginx, kind.command))


def _command(nginx: str, registry: Command) -> Command:
    """Both programs in one process group: what one costs is counted with the other."""

    def command(root: Path, address: str) -> list[str]:
        host, _, port = address.partition(":")
        backend = f"{host}:{int(port) + BACKEND_PORTS}"
        settings = root / "nginx.conf"
        settings.write_text(NGINX_SETTINGS.format(root=root, address=address, backend=backend))
        proxy = [nginx, "-e", str(root / "nginx-error.log"), "-c", str(settings), "-g", "daemon off;"]
        return ["sh", "-c", f"{shlex.join(proxy)} & exec {shlex.join(registry(root, backend))}"]

    return command
