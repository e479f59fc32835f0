"""A docker engine of the tests' own that starts containers and shows the spec it made of a command line."""

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.clients import Client
from tests.e2e.engines import short_folder
from tests.e2e.processes import Daemon, clean_environment
from tests.e2e.tools import DEBIAN_PATH, system_tool

CGROUP = "entrepot-bundle"
IMAGE = "bundle/busybox"
PASSWD = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:an app:/home/app:/bin/sh\n"
GROUP = b"root:x:0:\napp:x:1001:\nwheel:x:10:app,root\naudio:x:29:\n"
CHANGES = ("ENV LANG=C.UTF-8", "WORKDIR /tmp", 'CMD ["sleep","30"]', "VOLUME /data", "EXPOSE 80/tcp", "LABEL a=b")


def image_tar() -> bytes:
    """The layer of the image: a busybox, its users and groups."""
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w") as tar:
        for name in ("bin", "etc", "tmp", "data"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        files = {
            "bin/busybox": system_tool("busybox").read_bytes(),
            "etc/passwd": PASSWD,
            "etc/group": GROUP,
        }
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        for applet in ("sh", "sleep"):
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return found.getvalue()


@dataclass(frozen=True, slots=True)
class Engine:
    """A running dockerd."""

    docker: Client
    state: Path
    folder: Path

    def image_config(self) -> dict[str, Any]:
        """The config of the image."""
        found: dict[str, Any] = json.loads(self.docker("image", "inspect", IMAGE))[0]["Config"]
        return found

    def spec_of(self, options: list[str], arguments: list[str]) -> tuple[str, dict[str, Any]]:
        """Start a container and return its id and its bundle's config.json; it is removed before the answer."""
        container = self.docker("create", *options, IMAGE, *arguments)
        try:
            self.docker("start", container)
            bundle = self.state / container / "config.json"
            return container, json.loads(bundle.read_text())
        finally:
            self.docker("rm", "--force", "--volumes", container)


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Debian's dockerd with a containerd of its own and the image in it."""
    with short_folder("bundle") as folder:
        socket, execution = folder / "d.sock", folder / "exec"
        command: list[str | Path] = [
            *(system_tool("dockerd"), "--host", f"unix://{socket}", "--pidfile", folder / "docker.pid"),
            *("--data-root", folder / "data", "--exec-root", execution, "--cgroup-parent", CGROUP),
            *("--bridge=none", "--iptables=false", "--ip6tables=false", "--config-file", folder / "daemon.json"),
        ]
        (folder / "daemon.json").write_text("{}")
        daemon = Daemon(command, folder / "log", {**clean_environment(folder), "PATH": DEBIAN_PATH})
        docker = Client(system_tool("docker"), {**clean_environment(folder), "DOCKER_HOST": f"unix://{socket}"})
        daemon.start(lambda: docker.run("version", check=False).code == 0)
        try:
            changes = [word for change in CHANGES for word in ("--change", change)]
            docker("import", *changes, "-", IMAGE, given=image_tar())
            tasks = execution / "containerd/daemon/io.containerd.runtime.v2.task/moby"
            yield Engine(docker, tasks, folder)
        finally:
            daemon.stop()
            remove_cgroups()


def remove_cgroups() -> None:
    """Take away the cgroups that the engine made, which it leaves behind."""
    for path in Path("/sys/fs/cgroup").glob(f"*/{CGROUP}"):
        path.rmdir()
    shutil.rmtree(Path("/sys/fs/cgroup") / CGROUP, ignore_errors=True)
