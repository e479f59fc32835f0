"""A Docker engine and a containerd of the tests' own: own folders and sockets, no bridge, no firewall rules.

Whatever else runs on the machine under the usual paths is neither used nor touched, and nothing is left at the end.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.clients import Client
from tests.e2e.processes import Daemon, clean_environment, unmount_below, wait_until
from tests.e2e.tools import DEBIAN_PATH, go_tool, system_tool

CGROUP = "entrepot-e2e"
# containerd keeps the sockets of its shims here whatever its own folders are.
SHIM_SOCKETS = Path("/run/containerd/s")

SETTINGS = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]

[grpc]
address = "{socket}"

[ttrpc]
address = "{socket}.ttrpc"
"""


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


@dataclass(frozen=True, slots=True)
class Containerd:
    """A running containerd, and the programs of the same age that go with it."""

    socket: Path
    ctr: Path
    dockerd: Path
    proxy: Path
    """What listens on the ports that containers publish."""
    env: Mapping[str, str]


@contextmanager
def running_containerd(age: str) -> Iterator[Containerd]:
    """A containerd, of Debian's package or the newest there is."""
    before = SHIM_SOCKETS.exists(), SHIM_SOCKETS.parent.exists()
    find = {"debian": system_tool, "newest": go_tool}[age]
    with short_folder("containerd") as folder:
        socket, settings = folder / "c.sock", folder / "config.toml"
        settings.write_text(SETTINGS.format(folder=folder, socket=socket))
        # containerd starts its shim, and Docker its tools, by name.
        near = find("containerd-shim-runc-v2").parent
        env = {**clean_environment(folder), "PATH": f"{near}:{DEBIAN_PATH}"}
        running = Containerd(socket, find("ctr"), find("dockerd"), find("docker-proxy"), env)
        daemon = Daemon([find("containerd"), "--config", settings], folder / "log", env)
        ctr = Client(running.ctr, env, ("--address", str(socket)))
        daemon.start(lambda: ctr.run("version", check=False).code == 0)
        try:
            yield running
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
def running_dockerd(containerd: Containerd, registry: str) -> Iterator[Client]:
    """A Docker engine on that containerd; yields the docker command that talks to it.

    The newest engine keeps images in containerd, Debian's in its own overlay2 store: two ways to push and pull.
    """
    with short_folder("docker") as folder:
        socket, settings = folder / "d.sock", folder / "daemon.json"
        # Debian's runc knows no time namespaces yet, which the newest engine would ask for.
        features = {"time-namespaces": False}
        settings.write_text(json.dumps({"insecure-registries": [registry], "features": features}))
        command: list[str | Path] = [
            *(containerd.dockerd, "--config-file", settings, "--host", f"unix://{socket}"),
            *("--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "docker.pid"),
            *("--containerd", containerd.socket, "--containerd-namespace", "e2e"),
            *("--containerd-plugins-namespace", "e2e-plugins", "--cgroup-parent", CGROUP),
            *("--bridge=none", "--iptables=false", "--ip6tables=false", "--userland-proxy-path", containerd.proxy),
        ]
        # The command is Debian's with either engine: the newest cannot be built by `go install`.
        daemon = Daemon(command, folder / "log", {**containerd.env, "DOCKER_MIN_API_VERSION": "1.41"})
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
