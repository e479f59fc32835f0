"""A Docker engine and a containerd of the tests' own: own folders and sockets, no bridge, no firewall rules.

Whatever else runs on the machine under the usual paths is neither used nor touched, and nothing is left at the end.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.e2e.clients import Client
from tests.e2e.processes import Daemon, clean_environment, unmount_below, wait_until
from tests.e2e.tools import system_tool

CGROUP = "entrepot-e2e"
# containerd keeps the sockets of its shims here whatever its own folders are.
SHIM_SOCKETS = Path("/run/containerd/s")


@contextmanager
def short_folder(name: str) -> Iterator[Path]:
    """A new folder whose path leaves room for a socket's name, unmounted and removed at the end."""
    assert os.geteuid() == 0, "the end-to-end tests start container engines and must run as root"
    folder = Path(tempfile.mkdtemp(prefix=f"entrepot-{name}-"))
    try:
        yield folder
    finally:
        unmount_below(folder)
        shutil.rmtree(folder)


@contextmanager
def running_containerd() -> Iterator[Path]:
    """A containerd; yields the path of its socket."""
    before = SHIM_SOCKETS.exists(), SHIM_SOCKETS.parent.exists()
    with short_folder("containerd") as folder:
        socket, settings = folder / "c.sock", folder / "config.toml"
        settings.write_text(
            f"version = 2\n"
            f'root = "{folder}/root"\n'
            f'state = "{folder}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\naddress = "{socket}"\n'
            f'[ttrpc]\naddress = "{socket}.ttrpc"\n'
        )
        env = clean_environment(folder)
        daemon = Daemon([system_tool("containerd"), "--config", settings], folder / "log", env)
        ctr = Client(system_tool("ctr"), env, ("--address", str(socket)))
        daemon.start(lambda: ctr.run("version", check=False).code == 0)
        try:
            yield socket
        finally:
            daemon.stop()
        wait_until(lambda: not _mentioned_by(socket), f"end of the processes that use {socket}")
    for existed, path in zip(before, (SHIM_SOCKETS, SHIM_SOCKETS.parent), strict=True):
        if not existed and path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _mentioned_by(socket: Path) -> list[str]:
    """The processes, shims above all, whose command line names a socket."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            command = path.read_bytes()
            if os.fsencode(socket) in command:
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


@contextmanager
def running_dockerd(containerd: Path, registry: str) -> Iterator[Client]:
    """A Docker engine on that containerd; yields the docker command that talks to it."""
    with short_folder("docker") as folder:
        socket, settings = folder / "d.sock", folder / "daemon.json"
        settings.write_text(json.dumps({"insecure-registries": [registry]}))
        command: list[str | Path] = [
            *(system_tool("dockerd"), "--config-file", settings, "--host", f"unix://{socket}"),
            *("--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "docker.pid"),
            *("--containerd", containerd, "--containerd-namespace", "e2e"),
            *("--containerd-plugins-namespace", "e2e-plugins", "--cgroup-parent", CGROUP),
            *("--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=overlay2"),
        ]
        daemon = Daemon(command, folder / "log", clean_environment(folder))
        # The classic builder is part of the engine; BuildKit's command is a package of its own.
        env = {**clean_environment(folder), "DOCKER_HOST": f"unix://{socket}", "DOCKER_BUILDKIT": "0"}
        docker = Client(system_tool("docker"), env)
        daemon.start(lambda: docker.run("version", check=False).code == 0)
        try:
            yield docker
        finally:
            daemon.stop()
            _remove_cgroups()


def _remove_cgroups() -> None:
    for path in Path("/sys/fs/cgroup").glob(f"**/{CGROUP}"):
        for folder, _, _ in os.walk(path, topdown=False):
            os.rmdir(folder)
