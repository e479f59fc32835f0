"""Starting a container: everything it needs is made ready, its bundle is written, and a monitor is told to run it."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any, NamedTuple

from runtime.bundle import host, user
from runtime.bundle.given import Given
from runtime.bundle.grammar import mode
from runtime.bundle.spec import hostname, spec
from runtime.engine import (
    abandoned,
    clearing,
    contained,
    features,
    folders,
    ipc,
    lifecycle,
    locks,
    networking,
    planning,
    reconcile,
    rootfs,
    runtimes,
    state,
    users,
    volumes,
)
from runtime.engine.connection import Connection
from runtime.engine.errors import EngineError, MonitorLost, StartFailed, WrongState
from runtime.engine.launch import launch
from runtime.engine.machine import Machine
from runtime.engine.networking import Connected
from runtime.engine.paths import Of
from runtime.engine.record import Record
from runtime.syscall.users import Ids

LAST_WORDS_SECONDS = 15.0
"""Seconds within which the monitor of the run before must be done."""
_INITS = ("docker-init", "tini", "catatonit")


class Attach(NamedTuple):
    """The streams for the command that starts a container, from its first byte on."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    custodian: bool = False
    """It stays, and will call `finish` itself when the container has ended."""
    size: tuple[int, int] | None = None
    """Rows and columns of the terminal."""


def start(machine: Machine, id: str, attach: Attach | None = None) -> Connection | None:
    """Start a container; the connection to its monitor, or None when it runs already.

    Nothing is left set up by an error. Raises StartFailed, WrongState, EngineError, NetworkError, BundleError.
    """
    of = machine.paths.of(id)
    with locks.held(of.lock):
        reconcile.mend(machine, id)
        record, now = machine.store.record(id), machine.store.state(id)
        if now.status in (lifecycle.RUNNING, lifecycle.RESTARTING):
            return None
        if now.status == lifecycle.PAUSED:
            raise WrongState("cannot start a paused container, try unpause instead")
        lifecycle.move(now.status, "start")
        if not locks.until_free(of.monitor, LAST_WORDS_SECONDS):
            raise WrongState(
                f"container {id[:12]} has ended, but another command still reads its output; try again later"
            )
        if os.path.exists(of.run):  # of a start whose command was killed
            clearing.clear(machine, id)
        os.makedirs(of.run, mode=0o700)
        try:
            connection = _started(machine, record, of, attach or Attach())
        except BaseException as error:
            clearing.clear(machine, id)
            abandoned.empty(of)
            _tell(machine, id, error)
            raise
    return connection


def _started(machine: Machine, record: Record, of: Of, attach: Attach) -> Connection:
    runtime = runtimes.find(record.host_config.runtime or machine.runtime)
    monitor = launch(of)
    try:
        _write_bundle(machine, record, of, runtime, attach)
    except BaseException:
        monitor.cancel()
        raise
    connection = monitor.go(of.plan)
    try:
        if attach.stdin or attach.stdout or attach.stderr or attach.custodian:
            connection.attach(
                stdin=attach.stdin, stdout=attach.stdout, stderr=attach.stderr, custodian=attach.custodian
            )
        connection.started()
    except MonitorLost:
        raise EngineError(f"the monitor of container {of.id[:12]} did not start: {_said(of)}") from None
    except BaseException:
        connection.close()
        locks.until_free(of.monitor, LAST_WORDS_SECONDS)
        raise
    return connection


def _write_bundle(machine: Machine, record: Record, of: Of, runtime: str, attach: Attach) -> None:
    ids, connected = _ready(machine, record, of)
    here = host.read(**features.of(machine.paths.features, runtime)._asdict())
    given = _given(machine, record, of, ids, connected, here)
    made = spec(record.config, record.host_config, given, here)
    networking.write_files(record, of, connected, hostname(record.config, record.host_config, given, here))
    users.give(ids, of.hostname, of.hosts, of.resolv)
    os.makedirs(of.bundle, mode=0o700, exist_ok=True)
    _write(of.spec, made)
    ports = [port for each in connected.endpoints for port in each.ports]
    _write(of.plan, planning.plan(machine, record, runtime, made["process"], attach.size, ports))


def _ready(machine: Machine, record: Record, of: Of) -> tuple[Ids | None, Connected]:
    ids = users.connect(machine, record, of)
    rootfs.mount(machine, of, ids)
    return ids, networking.connect(machine, record, of)


def _given(machine: Machine, record: Record, of: Of, ids: Ids | None, connected: Connected, here: host.Host) -> Given:
    asked = record.host_config
    parent = asked.cgroup_parent.rstrip("/") or ("/entrepot" if here.cgroups else "")
    passwd, group = contained.read(of, "/etc/passwd"), contained.read(of, "/etc/group")
    mounts = volumes.resolve(machine, record, of, ids)
    other = mode.joined(asked.network_mode)
    network = machine.paths.of(other) if other else of  # whose network it is says who is who
    pid, shared = mode.joined(asked.pid_mode), ipc.connect(machine, record, of, ids)
    return Given(
        id=record.id,
        root=of.rootfs,
        user=user.resolve(record.config.user, passwd, group, asked.group_add),
        mounts=mounts,
        cgroups_path=f"{parent}/{record.id}" if parent else "",
        resolv_conf=network.resolv,
        hosts=network.hosts,
        hostname=network.hostname,
        shm=shared.shm,
        init=_init() if asked.init else "",
        network_namespace=connected.namespace,
        pid_namespace=networking.process_namespace(machine, pid, "pid") if pid else "",
        ipc_namespace=shared.namespace,
        user_namespace=of.users if ids else "",
        uid_maps=users.id_maps(ids.uids) if ids else (),
        gid_maps=users.id_maps(ids.gids) if ids else (),
        devices={each.path_on_host: host.device_nodes(each.path_on_host) for each in asked.devices},
        all_devices=host.all_devices() if asked.privileged else (),
        annotations=asked.annotations,
    )


def _init() -> str:
    for name in _INITS:
        if program := folders.program(name):
            return os.path.realpath(program)
    raise EngineError(f"--init needs one of {', '.join(_INITS)} on this machine; install tini")


def _write(path: str, said: dict[str, Any]) -> None:
    state.replace(path, json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogateescape"))


def _said(of: Of) -> str:
    try:
        with open(of.said, encoding="utf-8", errors="replace") as file:
            lines = file.read(65536).splitlines()
    except OSError:
        return "it said nothing"
    return lines[-1] if lines else "it said nothing"


def _tell(machine: Machine, id: str, error: BaseException) -> None:
    """Write down why it did not start; the monitor has done so for what the OCI runtime refused."""
    if isinstance(error, StartFailed) or not isinstance(error, Exception):
        return
    with contextlib.suppress(EngineError):
        now = machine.store.state(id)
        now.error, now.exit_code = str(error), 128
        machine.store.write_state(id, now)
