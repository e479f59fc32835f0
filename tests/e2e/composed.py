"""The images of deploy: the registry's own, and those that compose.yaml names, made here under the same names.

No hub is within reach. Each of the latter holds the files of this machine's own programs and no system besides.
PostgreSQL has an entrypoint that does with the official image's variables what its documentation says.
"""

import io
import os
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path

from tests.e2e.clients import Client
from tests.e2e.images import debian_tar
from tests.e2e.processes import run
from tests.e2e.server import PROJECT
from tests.e2e.tools import go_tool, system_tool
from tests.postgres.server import program

BASE = "entrepot-base:python"
IMAGE = "entrepot-image:built"
DATABASE = "docker.io/library/postgres:17-bookworm"
S3 = "docker.io/chrislusf/seaweedfs:3.97"

ENTRYPOINT = """#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --pgdata "$PGDATA" --username "$POSTGRES_USER" --pwfile "$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl --pgdata "$PGDATA" --options "-c listen_addresses='' -k /tmp" --wait start
  createdb --host /tmp --username "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl --pgdata "$PGDATA" --wait stop
fi
exec "$@" -c listen_addresses='*' -k /run/postgresql
"""
USER = "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n"
COMMANDS = ("postgres", "initdb", "pg_ctl", "pg_isready", "createdb")
FILER = '[leveldb2]\nenabled = true\ndir = "./filerldb2"\n'
JIT = re.compile(r"llvmjit|bitcode|/pgxs")


def make_image(docker: Client) -> str:
    """The registry's, built by deploy/build-image on a Debian with Python; returns its id."""
    docker("import", debian_tar("python3", "ca-certificates"), BASE, timeout=200)
    env = {**os.environ, **docker.env, "DOCKER": str(docker.program)}
    run([PROJECT / "deploy" / "build-image", "--base", BASE, "--tag", IMAGE], env=env, timeout=280)
    return docker("image", "inspect", "--format", "{{.Id}}", IMAGE)


class Files(tarfile.TarFile):
    """What an image consists of."""

    def put(self, name: str, data: bytes, mode: int) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), mode
        self.addfile(entry, io.BytesIO(data))

    def link(self, name: str, target: str) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self.addfile(entry)

    def folder(self, name: str, owner: int, mode: int) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, owner, owner
        self.addfile(entry)

    def busybox(self, *applets: str) -> None:
        """It, and links to it."""
        self.add(system_tool("busybox"), "bin/busybox")
        for applet in applets:
            self.link(f"bin/{applet}", "busybox")


def libraries(files: Iterable[Path]) -> set[str]:
    """What the loader takes for these programs and libraries, itself among it."""
    found = run(["ldd", *files], check=False).out  # the version may depend on a file that cannot be looked at
    return set(re.findall(r"(/\S+\.so\S*) \(0x", found))


def make_database(docker: Client, folder: Path) -> None:
    """PostgreSQL, of the newest version that is here."""
    home = Path(program("initdb")).resolve().parents[1]
    commands = [home / "bin" / name for name in COMMANDS]
    share = Path("/usr/share/postgresql", home.name)
    modules = [path for path in (home / "lib").rglob("*.so") if not JIT.search(str(path))]
    path = folder / "database.tar"
    with Files.open(path, "w") as tar:
        for file in (*commands, *modules):
            tar.add(file, str(file).lstrip("/"))
        tar.add(share, str(share).lstrip("/"), filter=lambda entry: None if "/man/" in entry.name else entry)
        for name in sorted(libraries([*commands, *modules])):
            tar.add(Path(name).resolve(), name.lstrip("/"))
        tar.busybox("sh")
        tar.put("etc/passwd", USER.encode(), 0o644)
        tar.put("entrypoint", ENTRYPOINT.encode(), 0o755)
        tar.folder("var/lib/postgresql/data", 999, 0o700)
        tar.folder("tmp", 0, 0o1777)
    changes = (f"ENV PATH={home}/bin:/bin", 'ENTRYPOINT ["/entrypoint"]', 'CMD ["postgres"]')
    imported(docker, path, DATABASE, *changes)


def make_s3(docker: Client, folder: Path) -> None:
    """The server is the program itself, built from its source; what is root's in the official image is so here."""
    path = folder / "s3.tar"
    with Files.open(path, "w") as tar:
        tar.add(go_tool("weed"), "bin/weed")
        tar.busybox("chown", "sh", "stat", "wget")
        tar.put("etc/seaweedfs/filer.toml", FILER.encode(), 0o644)
        tar.folder("data/filerldb2", 0, 0o755)
        tar.folder("tmp", 0, 0o1777)
    imported(docker, path, S3, "ENV PATH=/bin", "WORKDIR /data", "VOLUME /data")


def imported(docker: Client, path: Path, name: str, *changes: str) -> None:
    """Have the engine take the tar for an image."""
    docker("import", *(word for change in changes for word in ("--change", change)), path, name, timeout=200)
    path.unlink()
