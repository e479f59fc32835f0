"""Every path of the engine. The monitor imports this file.

ROOT/containers/<id>/config.json     what was asked for, with its name and image; written by whoever holds the lock
                     state.json      where it is in its life (see `state`)
                     hostname hosts resolv.conf      bound into the container
                     links/<id>      of a container that links to it
                     container.log container.log.1 ...      its output, the newest first
                     bundle/config.json              what the OCI runtime is told
                     bundle/plan.json                what the monitor is told
                     rootfs/         where its files are mounted while it runs
ROOT/names/<name>                    holds the id
RUN/locks/<id>                       held by the process that starts, changes or removes it
RUN/containers/<id>/                 is there while anything of it is set up (mounts, namespace, monitor)
                    monitor          held by its monitor as long as that lives
                    socket           where its monitor listens
                    console          where its monitor receives a terminal
                    oci.log          what the OCI runtime said last
                    said             what the monitor said when it went wrong
                    init.pid         its first process
                    shm/             its /dev/shm if others may join it
                    users            its user namespace if it is remapped
RUN/oci/                             the OCI runtime's own state
RUN/netns/<id>                       its network namespace
RUN/features/<program>               what another OCI runtime has said it can do
RUN/events                           what happened, one JSON object a line; RUN/events.1 is what was before
"""

from __future__ import annotations


class Paths:
    """The paths of one pair of roots."""

    def __init__(self, root: str, run: str) -> None:
        self.root = root
        self.run = run
        self.containers = f"{root}/containers"
        self.names = f"{root}/names"
        self.running = f"{run}/containers"
        self.locks = f"{run}/locks"
        self.oci = f"{run}/oci"
        self.namespaces = f"{run}/netns"
        self.features = f"{run}/features"
        self.events = f"{run}/events"

    def of(self, id: str) -> Of:
        """The paths of one container."""
        return Of(self, id)

    def name(self, name: str) -> str:
        """The file that holds the id a name belongs to."""
        return f"{self.names}/{name}"


class Of:
    """The paths of one container."""

    def __init__(self, paths: Paths, id: str) -> None:
        self.id = id
        self.folder = f"{paths.containers}/{id}"
        self.config = f"{self.folder}/config.json"
        self.state = f"{self.folder}/state.json"
        self.hostname = f"{self.folder}/hostname"
        self.hosts = f"{self.folder}/hosts"
        self.resolv = f"{self.folder}/resolv.conf"
        self.links = f"{self.folder}/links"
        self.log = f"{self.folder}/container.log"
        self.bundle = f"{self.folder}/bundle"
        self.spec = f"{self.bundle}/config.json"
        self.plan = f"{self.bundle}/plan.json"
        self.rootfs = f"{self.folder}/rootfs"
        self.run = f"{paths.running}/{id}"
        self.lock = f"{paths.locks}/{id}"
        self.monitor = f"{self.run}/monitor"
        self.socket = f"{self.run}/socket"
        self.console = f"{self.run}/console"
        self.oci_log = f"{self.run}/oci.log"
        self.said = f"{self.run}/said"
        self.pid_file = f"{self.run}/init.pid"
        self.shm = f"{self.run}/shm"
        self.users = f"{self.run}/users"
        self.namespace = f"{paths.namespaces}/{id}"
